/* The address, and the view that it stands for: `#/clusters`, `#/create`, `#/clusters/<account>/<region>/<name>/<tab>`. */

/** What is shown: a view, and in that of a cluster which one.
 * @type {{ view: string, of: any, key: string | null }} */
const here = { view: '', of: null, key: null };

/** How many resources claim to be one cluster, by its place. */
const claims = new Map();
const placeOf = ({ account, region, name }) => [account, region, name].map(encodeURIComponent).join('/');

/** Counts the claims anew. */
function countClaims() {
  claims.clear();
  for (const cluster of clusters.values()) claims.set(placeOf(cluster), (claims.get(placeOf(cluster)) || 0) + 1);
}

/** The address of a cluster. Where several resources claim to be the same one, it says which. */
function address(cluster, tab) {
  const place = placeOf(cluster);
  const which = cluster.key && claims.get(place) > 1 ? `?resource=${encodeURIComponent(cluster.key)}` : '';
  return `#/clusters/${place}${tab ? `/${encodeURIComponent(tab)}` : ''}${which}`;
}

/** Goes to a cluster, at one of its tabs, or back to all of them. */
function go(cluster, tab) {
  location.hash = cluster ? address(cluster, tab) : '#/clusters';
}

/** The key of the cluster that an address means. */
function keyOf({ account, region, name, resource }) {
  if (resource) return clusters.has(resource) ? resource : null;
  return [...clusters.values()].find((one) => one.name === name && one.account === account && one.region === region)?.key ?? null;
}

function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  if (parts[0] === 'create') return { view: 'create' };
  const [, account, region, name, tab] = parts;
  if (parts[0] !== 'clusters' || !name) return { view: 'clusters', wrong: path && path !== 'clusters' };
  return { view: 'cluster', of: { account, region, name, resource: new URLSearchParams(query).get('resource') }, tab: tab || '' };
}

/** The heading of what is shown, for the focus. */
function heading() {
  const section = byId(here.view);
  return section.querySelector('h2[tabindex]') || section;
}

/** Shows the cluster of the address, or says why not. */
function enterCluster(tab) {
  const detail = byId('detail');
  const { account, region, name } = here.of;
  const key = keyOf(here.of);
  byId('crumb').textContent = name;
  if (key) {
    // Each cluster gets an element of its own: what draws there needn't know what was there before.
    if (here.key !== key) detail.replaceChildren(h('div'));
    here.key = key;
    return showCluster(detail.firstElementChild, key, { tab });
  }
  const text = told ? `There is no cluster ${name} in account ${account}, region ${region}.` : 'loading…';
  detail.replaceChildren(h('p', { class: 'empty', role: 'status' }, text));
  return null;
}

/** Leaves the cluster's view, so that nothing of it lives on. */
function leaveCluster() {
  if (here.key) showCluster(byId('detail').firstElementChild, null, {});
  here.key = null;
  byId('detail').replaceChildren();
}

/** Follows the address. `moved` says that somebody went there: the focus goes along. */
async function turn(moved) {
  const { view, of, tab, wrong } = parse(location.hash);
  if (wrong) {
    say(`The page has nothing at ${location.hash}: these are all clusters.`);
    history.replaceState(null, '', '#/clusters');
  }
  const before = { ...here };
  // A dialog is about the view that it was opened in.
  if (moved) byId('dialog').close();
  const same = before.view === view && JSON.stringify(before.of) === JSON.stringify(of);
  if (before.key && !same) leaveCluster();
  here.view = view;
  here.of = of;
  for (const one of ['clusters', 'create', 'cluster']) byId(one).hidden = one !== view;
  document.title = { clusters: 'k3eks', create: 'Create cluster · k3eks', cluster: `${of?.name} · k3eks` }[view];
  byId('skip').href = `#${view}`;
  if (view === 'clusters') draw();
  if (view === 'create') enterCreate();
  if (view === 'cluster') await enterCluster(tab);
  if (here.view !== view) return;
  // Whoever came before there was a heading waits at the section for it.
  if (document.activeElement === byId(view)) heading().focus();
  if (!moved || same) return;
  const left = view === 'clusters' && before.key && rows.get(before.key)?.querySelector('.name');
  (left || heading()).focus();
}

/** The cluster that is shown may come, or go. */
function follow({ detail: { gone, first } }) {
  if (here.view !== 'cluster') return;
  if (here.key && gone.includes(here.key)) {
    say(`Cluster ${here.of.name} is gone.`);
    go(null);
  } else if (!here.key && (first || keyOf(here.of))) {
    turn(false);
  }
}

/** Wakes the page's views up. */
function beginRoute() {
  addEventListener('hashchange', () => turn(true));
  document.addEventListener('news', follow);
  byId('skip').addEventListener('click', (event) => {
    event.preventDefault();
    heading().focus();
  });
  // What had the focus when a dialog opened may be gone when it closes.
  byId('dialog').addEventListener('close', () => {
    if (document.activeElement === document.body) heading().focus();
  });
  turn(false);
}
