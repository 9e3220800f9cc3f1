/* Names of resources, as `names.rs` of `crates/crd` makes them: what differs only in case or in signs stays apart. */

/** A name for a resource: the text itself where it can serve, else what is left of it and a short hash of `parts`. */
function objectName(text, most, parts) {
  const slug = text.toLowerCase().replace(/[^a-z0-9]/g, '-').replace(/^-+|-+$/g, '');
  if (slug === text && text.length <= most) return text;
  const hash = sha256(parts.map((one) => `${one}\0`).join('')).slice(0, 8);
  return `${slug.slice(0, most - 9).replace(/-+$/, '') || 'x'}-${hash}`;
}
