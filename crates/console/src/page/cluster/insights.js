/* Insights: how fit a cluster is for the next version. */

/** In this order: what is in the way of an upgrade comes first. */
const INSIGHT_LOOKS = { ERROR: 'Failed', WARNING: 'Updating', UNKNOWN: '', PASSING: 'Active' };
const statusOf = ({ insightStatus }) => insightStatus?.status || 'UNKNOWN';
const weight = (insight) => Object.keys(INSIGHT_LOOKS).indexOf(statusOf(insight));

/** Whether an insight is of the version before: they are all about the one that comes next. */
const isOfThePast = (cluster) => ({ kubernetesVersion }) => Boolean(kubernetesVersion && cluster.version) && minorOf(kubernetesVersion) <= minorOf(cluster.version);

/** Upgrades after which the operator was asked to look again, as clusters with their versions. */
const refreshed = new Set();

/**
 * The insights into a cluster, or why there are none yet. Where they are still those from before an upgrade, the operator is asked to look
 * again; it does so by itself only every ten minutes.
 */
async function askInsights(cluster) {
  const { insights } = await askEks(cluster, 'POST', '/insights', {});
  const items = insights.sort((a, b) => weight(a) - weight(b) || compare(a.name, b.name));
  const old = items.some(isOfThePast(cluster));
  const upgrade = `${cluster.key} ${cluster.version}`;
  if (old && !refreshed.has(upgrade)) {
    refreshed.add(upgrade);
    // What is known is shown in any case, and the next look asks again.
    await startRefresh(cluster).catch(() => refreshed.delete(upgrade));
  }
  const refresh = items.length && !old ? {} : await askEks(cluster, 'GET', '/insights-refresh');
  return { items, under: old, why: refresh.status === 'FAILED' ? refresh.message : '' };
}

const startRefresh = (cluster) => askEks(cluster, 'POST', '/insights-refresh', {});

/** Has the operator look again, and waits until it did. */
async function refreshInsights(cluster) {
  await startRefresh(cluster);
  for (let tries = 0; tries < 30; tries += 1) {
    const { status, message } = await askEks(cluster, 'GET', '/insights-refresh');
    if (status === 'FAILED') throw new Error(message || 'The cluster can’t be looked at now.');
    if (status !== 'IN_PROGRESS') return;
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
}

function Insights({ found: { summary } }) {
  const awake = summary.phase === 'Active' && !summary.recorded;
  const [round, again] = useState(0);
  const [{ busy, wrong }, tell] = useState(/** @type {{ busy?: boolean, wrong?: string }} */ ({}));
  const { data, error } = usePolled(awake ? `${summary.key} ${summary.version} ${round}` : null, () => askInsights(summary), ({ items, under }) => (items.length && !under ? 60_000 : 5000));
  // While they are asked for anew, those that were known stay.
  const last = useRef();
  if (data) last.current = data;
  const known = last.current;
  const refresh = async () => {
    tell({ busy: true });
    try {
      await refreshInsights(summary);
      tell({});
    } catch (why) {
      tell({ wrong: why.message });
    }
    again((before) => before + 1);
  };
  const why = summary.recorded ? 'It is a record only: there is nothing to look at.' : awake ? null : 'Insights are looked for while the cluster runs.';
  const looking = awake && (busy || known?.under);
  return html`<div class="row heading"><h3>Insights</h3>
      <${Do} does=${refresh} why=${why || (busy ? 'They are looked for now.' : null)} label="Refresh the insights">Refresh<//>
      <span class="says" role="status">${looking ? 'The operator looks at the cluster again…' : ''}</span></div>
    ${why && html`<p>${why}</p>`}
    ${awake && known?.items.length > 0 && known.why && html`<p class="wrong" role="alert">${known.why}</p>`}
    ${awake && (wrong || error) && html`<p class="wrong" role="alert">${wrong || error?.message}</p>`}
    ${awake && known && html`<${List} label="Insights" columns=${['Insight', 'For version', 'State', 'Why', 'Looked at']} items=${known.items} id=${({ id }) => id}
      cells=${(one) => [one.name, one.kubernetesVersion || '–', html`<span class=${`phase ${INSIGHT_LOOKS[statusOf(one)] || ''}`}>${statusOf(one)}</span>`, one.insightStatus?.reason || one.description, html`<${Ago} time=${one.lastRefreshTime} />`]}
      none=${`There are no insights yet: ${known.why || 'the operator looks for them now.'}`} />`}`;
}
