/* What happened, as a time line: Events of Kubernetes, updates, and calls to the EKS API that changed something. */

/** All that is known to have happened with the cluster, newest first. Events go after an hour; the others stay. */
function timeline(found) {
  const { events, updates, calls, summary, conditions } = found;
  const all = [
    ...events.map(({ time, type, reason, note }) => ({ time, bad: type === 'Warning', of: 'Event', what: reason, note })),
    ...updates.map((update) => {
      const { metadata, spec, status } = update;
      const past = pastWords(update, found);
      const note = [spec.nodegroupName || spec.addonName || 'the cluster', stateOfUpdate(update), ...(status?.errors || []).map(({ message, code }) => message || code), past].filter(Boolean).join(': ');
      return { time: metadata.creationTimestamp, of: 'Update', what: spec.type, bad: stateOfUpdate(update) === 'Failed' && !past, note };
    }),
    ...calls.map((call) => ({ time: call.eventTime, of: 'EKS API call', what: call.eventName, bad: Boolean(call.errorCode), note: `${call.userIdentity?.arn || 'somebody'}: ${call.errorMessage || call.errorCode || 'done'}` })),
    ...(conditions || []).map(({ type, status, reason, message, lastTransitionTime }) => ({ time: lastTransitionTime, of: 'Condition', what: `${type}=${status}`, bad: type === 'Stalled' && status === 'True', note: message || reason })),
    { time: summary.created, of: 'Cluster', what: 'Created', note: `as ${summary.namespace}/${summary.resource}` },
  ];
  return all.filter(({ time }) => time).sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
}

const EVENT_SOURCES = ['Event', 'Update', 'EKS API call', 'Condition'];

function TimeLine({ found }) {
  const [of, choose] = useState('');
  const items = timeline(found).filter((item) => !of || item.of === of);
  return html`<p><label>Show <select value=${of} onChange=${(event) => choose(event.target.value)}><option value="">everything</option>${EVENT_SOURCES.map((one) => html`<option key=${one} value=${one}>${one}s</option>`)}</select></label></p>
    <${List} label="Time line" columns=${['When', 'From', 'What', 'In words']} items=${items}
      cells=${({ time, of: from, what, bad, note }) => [html`<${Ago} time=${time} />`, from, html`<span class=${bad ? 'phase Failed' : ''}>${what}</span>`, wakeWords(note || '')]} none="Nothing of this kind is known." />`;
}

const eventTime = (event) => event.series?.lastObservedTime || event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp;

function LiveEvents({ found, rights, namespace }) {
  const events = useObjects(found.summary, rights, 'events', namespace);
  if (!rights.may.events) return html`<p class="empty">The cluster doesn’t let you list the Events of all its namespaces.</p>`;
  const when = eventTime;
  const items = [...(events.items || [])].sort((a, b) => Date.parse(when(b)) - Date.parse(when(a)));
  return html`<${Said} objects=${events} what="Events" />
    ${events.items && html`<${List} label="Events inside the cluster" columns=${['When', 'Namespace', 'About', 'Reason', 'In words']} items=${items}
      cells=${(event) => [html`<${Ago} time=${when(event)} />`, event.metadata.namespace, html`<code>${event.involvedObject?.kind}/${event.involvedObject?.name}</code>`,
    html`<span class=${event.type === 'Warning' ? 'phase Failed' : ''}>${event.reason}</span>`, `${event.message || ''}${event.count > 1 ? ` (${event.count} times)` : ''}`]}
      none="Nothing happened inside the cluster in the last hour." />`}`;
}

function Events({ found }) {
  const [inside, look] = useState(false);
  return html`<${TimeLine} found=${found} />
    <h3>Inside the cluster</h3>
    <p><button aria-expanded=${String(inside)} onClick=${() => look(!inside)}>${inside ? 'Hide' : 'Show'} what its Events say</button></p>
    ${inside && html`<${Inside} found=${found} view=${LiveEvents} />`}`;
}

addTab({ id: 'events', title: 'Events', order: 110, view: Events });
