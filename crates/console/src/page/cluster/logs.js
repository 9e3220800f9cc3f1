/* The control plane's logs. */

/** Lines of the audit log that are shown at once. */
const AUDIT_SHOWN = 200;

/** The Events of an audit log, newest first. The first line may be a part of one. */
function auditEvents(text) {
  const events = text.split('\n').map((line) => { try { return JSON.parse(line); } catch { return null; } });
  return events.filter(Boolean).reverse();
}

/** Whether this page asked it, for whomever: `visits.rs` of `crates/identity` says so of itself. */
const askedByPage = ({ userAgent = '' }) => userAgent === 'k3eks-console';

function LiveAudit({ found: { summary, spec }, rights }) {
  const servers = spec.controlPlane?.servers || 1;
  const [server, choose] = useState(0);
  const [words, search] = useState('');
  const [ours, showOurs] = useState(false);
  const rest = rights.may.audit ? `audit?server=${server}` : null;
  const { data, error } = usePolled(rest && `${summary.key} ${rest}`, async (signal) => auditEvents(await (await askChild(summary, rest || '', { signal })).text()), 5000);
  if (!rest) return html`<p class="empty">The audit log tells of everybody: the cluster shows it to users who may list nodes and reach their kubelets (get nodes/proxy), as with AmazonEKSClusterAdminPolicy.</p>`;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (event) => `${event.user?.username} ${event.verb} ${event.requestURI} ${event.responseStatus?.code}`;
  const events = (data || []).filter((event) => ours || !askedByPage(event)).filter((event) => wanted.every((word) => text(event).toLowerCase().includes(word))).slice(0, AUDIT_SHOWN);
  return html`<div class="row"><label>Find <input type="search" value=${words} onInput=${(event) => search(event.target.value)} autocomplete="off" /></label>
      <label><input type="checkbox" checked=${ours} onChange=${(event) => showOurs(event.target.checked)} /> Show this page’s own requests</label>
      ${servers > 1 && html`<label>Server <select value=${server} onChange=${(event) => choose(Number(event.target.value))}>${Array.from({ length: servers }, (_, number) => html`<option key=${number} value=${number}>${number}</option>`)}</select></label>`}</div>
    ${error && html`<p class="wrong" role="alert">${error.message}</p>`}
    ${!data && !error && html`<p role="status">asking the cluster…</p>`}
    ${data && html`<${List} label="Audit log" columns=${['When', 'Who', 'Verb', 'What', 'Answer']} items=${events} id=${(event) => `${event.auditID} ${event.stage}`}
      cells=${(event) => [html`<${Ago} time=${event.stageTimestamp} exact />`, html`<code>${event.user?.username}</code>`, event.verb, html`<code>${event.requestURI}</code>`, event.responseStatus?.code ?? '–']}
      none="No line of the audit log matches." />`}`;
}

function turnOnAudit({ summary, spec }) {
  const types = [...(spec.loggingTypes || []), 'audit'];
  ask(`Turn on the audit log of ${summary.name}?`, [], 'Turn on', () => request('POST', eks(summary, '/update-config'),
    { body: { logging: { clusterLogging: [{ types, enabled: true }] } }, world: summary }), { text: 'The API server starts anew, and is away for some seconds.' });
}

function Logs({ found }) {
  const { summary, spec } = found;
  const types = spec.loggingTypes || [];
  const command = `k3eks logs ${summary.resource} -n ${summary.namespace} --follow`;
  return html`<p class="says">Logs of pods are on the tab <a href=${address(summary, 'workloads')}>Workloads</a>.</p>
    <h3>Control plane</h3>
    ${summary.recorded ? html`<p>${unasked(found)}</p>` : html`<p>API server, scheduler and controller manager write into the log of the server’s container. Whoever may use Docker on the host can read it:</p>
    <p class="row"><code>${command}</code><button onClick=${() => copy(command, 'The command')}>Copy</button></p>`}
    <h3>Kubernetes audit log</h3>
    ${types.includes('audit') ? html`<${Inside} found=${found} view=${LiveAudit} />`
    : html`<p>It is off.</p>${!summary.imported && html`<p><button onClick=${() => turnOnAudit(found)}>Turn on the audit log</button></p>`}`}`;
}

addTab({ id: 'logs', title: 'Logs', order: 120, view: Logs });
