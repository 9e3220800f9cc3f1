/* The table of clusters: what is known, what is shown of it and in which order, and which ones are picked. */

/** All clusters by key, as the server told of them last.
 * @type {Map<string, Cluster>} */
const clusters = new Map();
/** Rows that exist, by key.
 * @type {Map<string, any>} */
const rows = new Map();
/** Keys of those that tell of the past. */
const stale = new Set();
/** Keys of those that are picked, for what is done with many. */
const picked = new Set();

/** Whether all clusters were told of: before, nobody knows what there is. */
let told = false;
/** How many are still to be told of. */
let awaited = 0;

const { compare } = new Intl.Collator('en', { numeric: true });

/**
 * How full a bar is, from 0 to 1. It is full only where the work is `done`: until then something is missing, whatever the numbers say,
 * and what is more than wanted is still to go. The bars of `k3eks status` have the same rule.
 */
function fullness(ready, wanted, done) {
  if (done && ready === wanted) return 1;
  return Math.min(ready > wanted ? wanted / ready : ready / wanted, 0.9);
}

/** What is ready of what is wanted, in words. */
const readyWords = (ready, wanted, what = '') => (ready > wanted ? `${ready}${what} are ready, and ${wanted} wanted` : `${ready} of ${wanted}${what} are ready`);

/** What is ready of what is wanted. Of nothing there is no part, and of what rests none is missing. */
function bar(ready, desired, is, asleep) {
  if (is === 'Stopped' && desired) return [`${desired} ${asleep ? 'asleep' : 'stopped'}`];
  const text = `${ready}/${desired}`;
  return desired ? [h('progress', { max: 1, value: fullness(ready, desired, is === 'Active'), 'aria-label': readyWords(ready, desired, ' nodes') }), ` ${text}`] : [text];
}

/** The phase of a cluster, of one that sleeps in a word of its own.
 * @param {Cluster} cluster */
const phaseOf = ({ phase: is, asleep }) => (asleep && is === 'Stopped' ? 'Asleep' : is || '');

/** What a cluster says of itself; of one that rests, in the words of the page's buttons.
 * @param {Cluster} cluster */
const saysNow = ({ phase: is, asleep, says }) => {
  if (is !== 'Stopped') return says || '';
  return asleep ? wakeWords(says || 'asleep, as nobody used it; Wake brings it back') : 'stopped, with all data kept; Start brings it back';
};

/** What is said of clusters that only the EKS API and Kubernetes know of. */
const RECORD = 'record only';

/** The columns behind the one that picks: by what they sort, and what they say.
 * @type {Column[]} */
const COLUMNS = [
  { title: 'Cluster', by: (cluster) => cluster.name },
  { title: 'Phase', by: phaseOf },
  { title: 'Version', by: (cluster) => cluster.version || '', look: 'mono' },
  { title: 'Nodes', by: (cluster) => cluster.nodes.ready },
  { title: 'Namespace', by: (cluster) => cluster.namespace, look: 'mono' },
  { title: 'Account', by: (cluster) => cluster.account, look: 'mono' },
  { title: 'Region', by: (cluster) => cluster.region, look: 'mono' },
  { title: 'Endpoint', by: (cluster) => cluster.endpoint || '', look: 'mono' },
  { title: 'Message', by: saysNow, look: 'says' },
];
const sorting = { column: COLUMNS[0], down: false };

/** A row without its cluster. Cells that a grid lays out have to say what they are, and on a phone what they tell. */
const FORM = h('tr', { role: 'row' },
  h('td', { role: 'cell', class: 'pick' }, h('input', { type: 'checkbox' })),
  COLUMNS.map(({ title, look }) => h('td', { role: 'cell', class: look, 'data-title': title })));
FORM.children[1].append(h('a', { class: 'name' }), h('small', { class: 'record' }), h('span', { class: 'mono' }));

/** Brings a row to what is known of its cluster. Its link and its box stay what they are: the focus may be on them. */
function paint(row, cluster) {
  const [pick, name, phaseCell, , nodes] = row.children;
  if (row.dataset.key !== cluster.key) {
    row.dataset.key = cluster.key;
    pick.firstChild.setAttribute('aria-label', `Select ${cluster.name}`);
    const [link, , resource] = name.children;
    link.textContent = cluster.name;
    link.href = address(cluster);
    resource.textContent = cluster.name === cluster.resource ? '' : cluster.resource;
  }
  pick.firstChild.checked = picked.has(cluster.key);
  name.children[1].textContent = cluster.recorded ? RECORD : '';
  phaseCell.className = `phase ${cluster.phase || ''}`;
  phaseCell.textContent = phaseOf(cluster) || 'accepted';
  nodes.replaceChildren(...bar(cluster.nodes.ready, cluster.nodes.desired, cluster.phase, cluster.asleep));
  for (const at of [2, 4, 5, 6, 7, 8]) {
    const text = COLUMNS[at].by(cluster) || '–';
    const cell = row.children[at + 1];
    if (cell.textContent !== text) cell.textContent = text;
  }
  return row;
}

/** Whether the chosen phase and the searched words let a cluster be shown. */
function wanted(cluster, only, words) {
  if (only && phaseOf(cluster) !== only) return false;
  if (!words.length) return true;
  const text = [cluster.name, cluster.resource, cluster.namespace, cluster.version, cluster.region, cluster.account, phaseOf(cluster), cluster.recorded && RECORD, saysNow(cluster), ...cluster.groups].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

function order(a, b) {
  const { column: { by }, down } = sorting;
  const [x, y] = down ? [by(b), by(a)] : [by(a), by(b)];
  return (typeof x === 'number' && typeof y === 'number' ? x - y : compare(String(x), String(y))) || compare(a.name, b.name) || compare(a.key, b.key);
}

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

/** Rows that are shown first, and that each look further down adds: with thousands of clusters nobody waits for rows that nobody sees. */
const STEP = 100;
let limit = STEP;

/** Makes the rows that are missing or stale. */
function make(shown) {
  return shown.map((cluster) => {
    const { key } = cluster;
    if (stale.delete(key) || !rows.has(key)) rows.set(key, paint(rows.get(key) || FORM.cloneNode(true), cluster));
    return rows.get(key);
  });
}

/** Shows more rows as soon as somebody is about to see where they end. */
const reached = new IntersectionObserver((entries) => {
  if (entries.at(-1)?.isIntersecting) showMore();
}, { rootMargin: '600px' });

function showMore() {
  limit += STEP;
  draw();
}

/** What the search and the filter let be shown, in order. */
function seen() {
  const only = byId('phase').value;
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  return [...clusters.values()].filter((cluster) => wanted(cluster, only, words)).sort(order);
}

/** Draws what is wanted, and leaves the focus where it is; that of a row that goes passes to the next one. */
function draw() {
  if ((!told && !clusters.size) || byId('clusters').hidden) return;
  const shown = seen();
  const body = byId('rows');
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const row = body.contains(focused) ? focused.closest('tr') : null;
  const at = row ? [...body.children].indexOf(row) : -1;
  // What has the focus is shown, wherever the order puts it.
  if (row) limit = Math.max(limit, shown.findIndex(({ key }) => key === row.dataset.key) + 1);
  place(body, make(shown.slice(0, limit)));
  tellMore(shown.length + (shown.length === clusters.size ? awaited : 0));
  byId('table').hidden = shown.length === 0;
  if (row && document.activeElement !== focused) {
    const next = body.children[Math.min(at, body.children.length - 1)]?.querySelector('.name') || byId('search');
    (row.isConnected ? focused : next).focus({ preventScroll: row.isConnected });
  }
  const all = clusters.size + awaited;
  const total = `${all} cluster${all === 1 ? '' : 's'}`;
  byId('count').textContent = shown.length === clusters.size ? total : `${shown.length} of ${total}`;
  tellEmpty(shown.length > 0 || !told);
  tellPicked(shown);
  // What was filtered by may have been the last of its kind.
  if (phases()) draw();
}

/** Shows everything again. */
function clearSearch() {
  byId('search').value = '';
  byId('phase').value = '';
  byId('search').focus();
  draw();
}

/** Says why nothing is shown, with the way out. */
function tellEmpty(hidden) {
  const empty = byId('empty');
  const [words, only] = [byId('search').value.trim(), byId('phase').value];
  const sought = [words && `“${words}”`, only && `the phase ${only}`].filter(Boolean).join(' and ');
  const text = clusters.size ? `No cluster matches ${sought}. ` : 'There are no clusters yet. Create one here, with kubectl apply, or with aws eks create-cluster.';
  if (hidden && empty.contains(document.activeElement)) byId('search').focus();
  empty.hidden = hidden;
  // The button may have the focus.
  if (hidden || empty.firstChild?.textContent === text) return;
  empty.replaceChildren(text, ...(clusters.size ? [h('button', { type: 'button', onclick: clearSearch }, 'Clear the search')] : []));
}

/** Offers the rows that aren't shown yet. */
function tellMore(all) {
  const more = byId('more');
  byId('table').setAttribute('aria-rowcount', String(all + 1));
  // A button that goes would take the focus with it.
  if (all <= limit && document.activeElement === more) /** @type {HTMLElement} */ (byId('rows').lastElementChild?.querySelector('.name'))?.focus();
  more.hidden = all <= limit;
  more.textContent = `Show more: ${Math.min(limit, all)} of ${all} are shown`;
  reached.unobserve(more);
  if (!more.hidden) reached.observe(more);
}

/** Offers the phases that occur. Whether the chosen one is none of them any more. */
function phases() {
  const select = byId('phase');
  const occur = [...new Set([...clusters.values()].map(phaseOf).filter(Boolean))].sort();
  const now = [...select.options].slice(1).map((option) => option.value);
  if (occur.join() === now.join()) return false;
  const { value } = select;
  select.replaceChildren(select.options[0], ...occur.map((name) => h('option', { value: name }, name)));
  select.value = occur.includes(value) ? value : '';
  return select.value !== value;
}

/** Those that are picked. */
const pickedClusters = () => [...picked].flatMap((key) => clusters.get(key) || []);

/** Says how many are picked, and offers what can be done with them. */
function tellPicked(shown) {
  const some = pickedClusters();
  const visible = new Set(shown.map((cluster) => cluster.key));
  const unseen = some.filter((cluster) => !visible.has(cluster.key)).length;
  const bulk = byId('bulk');
  // The buttons of a bar that goes would take the focus with them.
  if (!some.length && bulk.contains(document.activeElement)) byId('all').focus();
  bulk.hidden = !some.length;
  byId('picked').textContent = `${some.length} selected${unseen ? `, ${unseen} of them not shown` : ''}`;
  const all = byId('all');
  all.checked = shown.length > 0 && shown.every((cluster) => picked.has(cluster.key));
  all.indeterminate = !all.checked && shown.some((cluster) => picked.has(cluster.key));
}

/** Acts on those picked that the act is for; says so where there is none. */
function withPicked(what, act) {
  const all = pickedClusters();
  const some = all.filter(may[what]);
  const stays = what === 'delete' ? staying(all) : '';
  if (some.length) act(some, stays);
  else say({ Running: 'None of them is stopped or asleep.', Stopped: 'None of them can be stopped.', delete: stays ? `${stays}Turn it off on the Overview, then delete.` : 'All of them are being deleted.' }[what]);
}

function pick(keysOf, on) {
  for (const key of keysOf) {
    if (on) picked.add(key); else picked.delete(key);
    const row = rows.get(key);
    if (row) row.firstChild.firstChild.checked = on;
  }
  tellPicked(seen());
}

/** Sorts by a column; by the same one again, the other way round. */
function sortBy(column, down = sorting.column === column && !sorting.down) {
  Object.assign(sorting, { column, down });
  COLUMNS.forEach((one, at) => {
    const head = byId('head').children[at + 1];
    head.setAttribute('aria-sort', one === column ? (down ? 'descending' : 'ascending') : 'none');
  });
  byId('sort').value = `${COLUMNS.indexOf(column)}${down ? '-' : ''}`;
  draw();
}

/** Makes what stands above the rows and beside them. */
function beginTable() {
  byId('head').append(...COLUMNS.map((column) => h('th', { role: 'columnheader' }, h('button', { class: 'sort', onclick: () => sortBy(column) }, column.title))));
  byId('sort').append(...COLUMNS.flatMap(({ title }, at) => [h('option', { value: at }, title), h('option', { value: `${at}-` }, `${title}, descending`)]));
  byId('sort').addEventListener('change', ({ target }) => sortBy(COLUMNS[parseInt(target.value, 10)], target.value.endsWith('-')));
  byId('rows').addEventListener('change', ({ target }) => pick([target.closest('tr').dataset.key], target.checked));
  byId('all').addEventListener('change', ({ target }) => pick(seen().map((cluster) => cluster.key), target.checked));
  const bulk = {
    start: () => withPicked('Running', (some) => power(some, 'Running')),
    stop: () => withPicked('Stopped', (some) => power(some, 'Stopped')),
    delete: () => withPicked('delete', remove),
    none: () => pick([...picked], false),
  };
  byId('bulk').addEventListener('click', ({ target }) => bulk[target.closest('button')?.dataset.does]?.());
  byId('more').addEventListener('click', showMore);
  byId('search').addEventListener('input', draw);
  byId('phase').addEventListener('change', draw);
  sortBy(COLUMNS[0], false);
}

/** Takes in what the server told. Who looks at one cluster listens for `news`. */
function learn({ changed, gone, more = 0 }) {
  const first = !told && !more;
  told ||= !more;
  awaited = told ? 0 : more;
  for (const cluster of changed) {
    clusters.set(cluster.key, cluster);
    stale.add(cluster.key);
  }
  for (const key of gone) for (const known of [clusters, rows, stale, picked]) known.delete(key);
  countClaims();
  if (changed.length || gone.length || first || !rows.size) draw();
  const detail = { changed: changed.map((cluster) => cluster.key), gone, first };
  document.dispatchEvent(new CustomEvent('news', { detail }));
}
