/* The table of clusters: what is known, what is shown of it, and which one is chosen. */

/** All clusters by key, as the server told of them last. */
const clusters = new Map();
/** Rows that exist, by key. */
const rows = new Map();
/** Keys of those that tell of the past. */
const stale = new Set();
const chosen = { key: null };

function bar(ready, desired) {
  return [h('progress', { max: desired || 1, value: desired ? ready : 1, 'aria-label': `${ready} of ${desired} nodes are ready` }), ` ${ready}/${desired}`];
}

function phase(name) {
  return h('span', { class: `phase ${name || ''}` }, name || 'accepted');
}

/** Cells that a grid lays out have to say what they are. */
function rowOf(cluster) {
  const { key, name, resource, says, version, endpoint, nodes, account, region } = cluster;
  const cell = (look, ...content) => h('td', { role: 'cell', class: look }, ...content);
  return h('tr', { role: 'row', 'data-key': key, 'aria-current': chosen.key === key ? 'true' : false },
    cell(null, h('button', { class: 'name', 'data-key': key }, name), name === resource ? null : h('div', { class: 'mono' }, resource)),
    cell(`phase ${cluster.phase || ''}`, cluster.phase || 'accepted'),
    cell(null, version || '–'),
    cell(null, ...bar(nodes.ready, nodes.desired)),
    cell('mono', endpoint || '–'),
    cell('mono', `${account} ${region}`),
    cell('says', says || ''));
}

/** Whether the chosen phase and the searched words let a cluster be shown. */
function wanted(cluster, only, words) {
  if (only && cluster.phase !== only) return false;
  if (!words.length) return true;
  const text = [cluster.name, cluster.resource, cluster.namespace, cluster.version, cluster.region, cluster.account, cluster.phase, cluster.says, ...cluster.groups].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

const { compare } = new Intl.Collator();
const order = (a, b) => compare(a.name, b.name) || compare(a.key, b.key);

/** Makes the rows of `body` those of `fresh`, and touches none that is where it has to be: each one costs with many. */
function place(body, fresh) {
  const kept = new Set(fresh);
  for (const row of [...body.children]) if (!kept.has(row)) row.remove();
  let at = body.firstElementChild;
  for (const row of fresh) {
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
}

/** Rows that are made at once: more than anybody sees first. The others follow, so that nobody waits for them. */
const AT_ONCE = 100;

/** Makes the rows that are missing or stale, as many as may be at once; gives those that can be shown, and whether some are still to be made. */
function make(shown) {
  let left = AT_ONCE;
  const fresh = [];
  for (const { key } of shown) {
    if (stale.has(key) || !rows.has(key)) left -= 1;
    if (left >= 0 && (stale.delete(key) || !rows.has(key))) rows.set(key, rowOf(clusters.get(key)));
    if (rows.has(key)) fresh.push(rows.get(key));
  }
  return { fresh, more: left < 0 };
}

/** Draws what is wanted. */
function draw() {
  clearTimeout(draw.timer);
  const only = byId('phase').value;
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = [...clusters.values()].filter((cluster) => wanted(cluster, only, words)).sort(order);
  const focused = document.activeElement?.dataset?.key;
  const body = byId('rows');
  const { fresh, more } = make(shown);
  if (more) draw.timer = setTimeout(draw, 20);
  place(body, fresh);
  if (focused && document.activeElement?.dataset?.key !== focused) body.querySelector(`button[data-key="${CSS.escape(focused)}"]`)?.focus();
  byId('table').hidden = shown.length === 0;
  byId('count').textContent = shown.length === clusters.size ? `${clusters.size} clusters` : `${shown.length} of ${clusters.size} clusters`;
  const empty = byId('empty');
  empty.hidden = shown.length > 0;
  empty.textContent = clusters.size
    ? 'No cluster matches the search.'
    : 'There are no clusters yet. Create one here, with kubectl apply, or with aws eks create-cluster.';
  phases();
}

/** Offers the phases that occur. */
function phases() {
  const select = byId('phase');
  const occur = [...new Set([...clusters.values()].map((cluster) => cluster.phase).filter(Boolean))].sort();
  const now = [...select.options].slice(1).map((option) => option.value);
  if (occur.join() === now.join()) return;
  const value = select.value;
  select.replaceChildren(select.options[0], ...occur.map((name) => h('option', { value: name }, name)));
  select.value = occur.includes(value) ? value : '';
}

/** Takes in what the server told. */
function learn({ changed, gone }) {
  for (const cluster of changed) {
    clusters.set(cluster.key, cluster);
    stale.add(cluster.key);
  }
  for (const key of gone) for (const known of [clusters, rows, stale]) known.delete(key);
  if (changed.length || gone.length || !rows.size) draw();
  if (chosen.key && gone.includes(chosen.key)) {
    say(`Cluster ${chosen.key} is gone.`);
    choose(null);
  } else if (chosen.key && (!changed.length || changed.some((cluster) => cluster.key === chosen.key))) {
    soon();
  }
}

/** Shows a cluster below the table, or none. */
function choose(key) {
  const before = chosen.key;
  chosen.key = key;
  for (const one of [before, key]) {
    const row = rows.get(one);
    if (row) row.toggleAttribute('aria-current', one === key);
    if (row && one === key) row.setAttribute('aria-current', 'true');
  }
  history.replaceState(null, '', key ? `#${key}` : location.pathname);
  byId('detail').hidden = !key;
  if (key) {
    byId('detail').replaceChildren(h('p', { role: 'status' }, 'loading…'));
    refresh().then(() => byId('detail').querySelector('h2')?.focus());
  } else if (before) {
    document.querySelector(`button[data-key="${CSS.escape(before)}"]`)?.focus();
  }
}
