/* One cluster: its header, its tabs, and what keeps them true. */

/**
 * What is shown. Of answers that overtake each other only the last one asked for counts.
 * @type {{ element: any, key: string | null, tab: string, found: Found | null, error: Error | null, asked: number, timer: number | null }}
 */
const clusterView = { element: null, key: null, tab: '', found: null, error: null, asked: 0, timer: null };

/** Shows the cluster of this key, on the tab that `route` names; with no key, none. */
function showCluster(element, key, route = {}) {
  const other = clusterView.key !== key || clusterView.element !== element;
  const wanted = typeof route === 'string' ? route : route?.tab;
  const known = clusterTabs.find((tab) => tab.id === wanted);
  if (key && wanted && !known) {
    say(`There is no tab ${wanted}: this is ${clusterTabs[0].title}.`);
    history.replaceState(null, '', address(clusters.get(key)));
  }
  // An address without a tab is that of the first one.
  clusterView.tab = known?.id || clusterTabs[0].id;
  if (other && clusterView.element) render(null, clusterView.element);
  Object.assign(clusterView, { element, key });
  if (!key) return undefined;
  if (!other) return drawCluster();
  Object.assign(clusterView, { found: null, error: null });
  drawCluster();
  return refresh();
}

/** Looks at the cluster again. */
async function refresh() {
  const { key } = clusterView;
  const number = ++clusterView.asked;
  const last = () => number === clusterView.asked && key === clusterView.key;
  try {
    const found = await request('GET', `/_k3eks/console/clusters/${key}`);
    if (last()) Object.assign(clusterView, { found, error: null });
  } catch (error) {
    if (last()) clusterView.error = error;
  }
  if (last()) drawCluster();
}

/** Looks again, but not more often than people can read. */
function soon() {
  clusterView.timer ??= setTimeout(() => {
    clusterView.timer = null;
    if (clusterView.key) refresh();
  }, 300);
}

document.addEventListener('news', ({ detail: { changed, gone } }) => {
  if (clusterView.key && ((!changed.length && !gone.length) || changed.includes(clusterView.key))) soon();
});

function drawCluster() {
  const { element, key, tab, found, error } = clusterView;
  if (!key) return;
  const focused = element.contains(document.activeElement);
  render(html`<${Cluster} key=${key} tab=${tab} found=${found} error=${error} />`, element);
  // What had the focus may be gone, as the row of something that was removed.
  if (focused && !element.contains(document.activeElement)) byId(`tab-${tab}`)?.focus();
}

/** Goes to a tab, by its address. */
function openTab(id) {
  if (clusterView.found) go(clusterView.found.summary, id);
}

function Cluster({ tab, found, error }) {
  if (!found) {
    if (!error) return html`<p role="status">loading…</p>`;
    return html`<p class="wrong" role="alert">${error.message}</p><button onClick=${refresh}>Try again</button>`;
  }
  const { summary } = found;
  const open = clusterTabs.find(({ id }) => id === tab);
  return html`
    <div class="bar"><h2 tabindex="-1">${summary.name}</h2><${Actions} found=${found} /></div>
    <p class="says"><${Phase} name=${summary.phase} asleep=${summary.asleep} /> ${summary.recorded && html`<strong class="record">${RECORD}</strong>: nothing runs. `}${saysNow(summary)}</p>
    ${error && html`<p class="wrong" role="alert">What is shown may be old: ${error.message}</p>`}
    <${Tabs} open=${tab} />
    <div role="tabpanel" id="panel" aria-labelledby=${`tab-${tab}`}><${Panel} key=${tab} tab=${open} found=${found} /></div>`;
}

function Tabs({ open }) {
  const list = useRef();
  // On a phone the tabs are one row. The open one is brought into sight, sideways only: the page stays where it is.
  useLayoutEffect(() => {
    const tab = byId(`tab-${open}`);
    list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2;
  }, [open]);
  const keydown = (event, index) => {
    const last = clusterTabs.length - 1;
    const to = { ArrowRight: index === last ? 0 : index + 1, ArrowLeft: index ? index - 1 : last, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    openTab(clusterTabs[to].id);
    list.current.children[to].focus();
  };
  return html`<div role="tablist" aria-label="Parts of the cluster" ref=${list}>${clusterTabs.map(({ id, title }, index) => html`
    <button key=${id} role="tab" id=${`tab-${id}`} aria-selected=${String(id === open)} aria-controls="panel" tabindex=${id === open ? 0 : -1}
      onClick=${() => openTab(id)} onKeyDown=${(event) => keydown(event, index)}>${title}</button>`)}</div>`;
}

/** What a tab shows. One that fails takes no other with it. */
function Panel({ tab, found }) {
  const [failed, again] = useErrorBoundary((error) => console.error(error));
  if (failed) return html`<p class="wrong" role="alert">This can't be shown: ${failed.message}</p><button onClick=${again}>Try again</button>`;
  return html`<${tab.view} found=${found} refresh=${refresh} />`;
}
