/* Calls to the EKS API that changed something of the cluster, as CloudTrail has them on AWS. */

function Calls({ found: { calls } }) {
  const [words, search] = useState('');
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (call) => `${call.eventName} ${call.userIdentity?.arn} ${call.errorMessage || call.errorCode || 'done'}`.toLowerCase();
  return html`<p><label>Find <input type="search" value=${words} onInput=${(event) => search(event.target.value)} autocomplete="off" /></label></p>
    <${List} label="EKS API calls" columns=${['When', 'Call', 'By', 'Outcome']} items=${calls.filter((call) => wanted.every((word) => text(call).includes(word)))} cells=${(call) => [
  html`<${Ago} time=${call.eventTime} exact />`, call.eventName, html`<code class="long">${call.userIdentity?.arn || '–'}</code>`, call.errorMessage || call.errorCode || 'done',
]} none=${calls.length ? 'No call matches.' : 'Nothing was asked of the EKS API for this cluster since the API started.'} />`;
}

addTab({ id: 'calls', title: 'EKS API calls', order: 130, view: Calls });
