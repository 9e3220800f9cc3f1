/* Names of resources, as `names.rs` of `crates/crd` makes them: what differs only in case or in signs stays apart. */

/** SHA-256 of a text, at once: browsers' own has to be waited for, and over plain HTTP there is none.
 * @returns {string} */
function digestNow(text) {
  const turn = (word, by) => (word >>> by) | (word << (32 - by));
  /** The first 32 bits behind the point of the roots of the first primes, square and cubic. */
  const primes = [];
  for (let number = 2; primes.length < 64; number += 1) if (primes.every((prime) => number % prime)) primes.push(number);
  const part = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
  const constants = primes.map((prime) => part(Math.cbrt(prime)));
  const state = primes.slice(0, 8).map((prime) => part(Math.sqrt(prime)));
  const given = bytes(text);
  const whole = new Uint8Array(Math.ceil((given.length + 9) / 64) * 64);
  whole.set(given);
  whole[given.length] = 0x80;
  const view = new DataView(whole.buffer);
  view.setUint32(whole.length - 4, given.length * 8);
  for (let at = 0; at < whole.length; at += 64) {
    const words = Array.from({ length: 16 }, (_, number) => view.getUint32(at + 4 * number));
    for (let number = 16; number < 64; number += 1) {
      const [before, last] = [words[number - 15], words[number - 2]];
      words.push((words[number - 16] + words[number - 7] + (turn(before, 7) ^ turn(before, 18) ^ (before >>> 3)) + (turn(last, 17) ^ turn(last, 19) ^ (last >>> 10))) >>> 0);
    }
    let [a, b, c, d, e, f, g, i] = state;
    for (const [number, one] of words.entries()) {
      const first = (i + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[number] + one) | 0;
      const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [a, b, c, d, e, f, g, i] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, i].forEach((one, number) => { state[number] = (state[number] + one) >>> 0; });
  }
  return state.map((one) => (one >>> 0).toString(16).padStart(8, '0')).join('');
}

/** A name for a resource: the text itself where it can serve, else what is left of it and a short hash of `parts`. */
function objectName(text, most, parts) {
  const slug = text.toLowerCase().replace(/[^a-z0-9]/g, '-').replace(/^-+|-+$/g, '');
  if (slug === text && text.length <= most) return text;
  const hash = digestNow(parts.map((one) => `${one}\0`).join('')).slice(0, 8);
  return `${slug.slice(0, most - 9).replace(/-+$/, '') || 'x'}-${hash}`;
}
