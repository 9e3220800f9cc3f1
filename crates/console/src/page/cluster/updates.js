/* Updates: what was changed, in words, and how far it is. */

const UPDATE_WORDS = {
  VersionUpdate: 'Kubernetes version', EndpointAccessUpdate: 'Access to the endpoint', VpcConfigUpdate: 'Network', LoggingUpdate: 'Logging', ConfigUpdate: 'Settings',
  AddonUpdate: 'Addon', AssociateIdentityProviderConfig: 'Identity provider added', DisassociateIdentityProviderConfig: 'Identity provider removed',
  AssociateEncryptionConfig: 'Encryption of Secrets', AccessConfigUpdate: 'Authentication mode', UpgradePolicyUpdate: 'Support', DeletionProtectionUpdate: 'Deletion protection',
};
/** `DesiredSize` as `desired size`. */
const wordsOf = (name) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();

/** A changed value as people write it: what is JSON without its signs. */
function valueWords(text) {
  let value = text;
  try { value = JSON.parse(text); } catch { return text; }
  const plain = (one) => {
    if (Array.isArray(one)) return one.map(plain).join(', ') || 'none';
    if (one === null || typeof one !== 'object') return String(one);
    return Object.entries(one).filter(([, inner]) => inner !== null).map(([key, inner]) => `${key}=${typeof inner === 'object' ? `(${plain(inner)})` : inner}`).join(', ');
  };
  return typeof value === 'object' ? plain(value) : text;
}

/** Which logs an update turns on and off. */
function loggingWords(text) {
  const { clusterLogging = [] } = JSON.parse(text);
  return clusterLogging.filter(({ types }) => types?.length).map(({ types, enabled }) => `${enabled ? 'on' : 'off'}: ${types.join(', ')}`).join('; ');
}

const paramWords = ({ type, value }) => (type === 'ClusterLogging' ? loggingWords(value) : `${wordsOf(type)} ${valueWords(value)}`);
const targetOf = ({ nodegroupName, addonName, capabilityName }) => (nodegroupName && `node group ${nodegroupName}`) || (addonName && `addon ${addonName}`) || (capabilityName && `capability ${capabilityName}`) || 'the cluster';
const stateOfUpdate = ({ status }) => status?.state || 'InProgress';

const isReady = (conditions) => (conditions || []).some(({ type, status }) => type === 'Ready' && status === 'True');

/** That a failure is past, in a sentence, where what the update was of works now or is gone; nothing where it may last. A record of it stays. */
function pastWords(update, { summary, conditions, nodegroups, addons }) {
  const { nodegroupName, addonName, capabilityName, certificateAuthorityId } = update.spec;
  if (stateOfUpdate(update) !== 'Failed' || capabilityName || certificateAuthorityId) return '';
  const what = targetOf(update.spec);
  if (!nodegroupName && !addonName) return summary.phase === 'Active' && isReady(conditions) ? `The failure is past: ${what} is ready now.` : '';
  const one = nodegroupName ? nodegroups.find(({ spec, metadata }) => (spec.nodegroupName || metadata.name) === nodegroupName) : addons.find(({ spec }) => spec.addonName === addonName);
  if (!one) return `The failure is past: ${what} is gone.`;
  return isReady(one.status?.conditions) ? `The failure is past: ${what} is ready now.` : '';
}

const madeAt = ({ metadata }) => Date.parse(metadata.creationTimestamp) - 1000;

/** The Events of what is updated, from the beginning of an update to the next one's, in their order: its steps. Events go after an hour. */
function stepsOf(update, { updates }, events = []) {
  // Kubernetes tells when a resource was made to the second, and when an Event was to less.
  const from = madeAt(update);
  // Groups tell of the cluster's updates too, as of what they wait for.
  const ends = [targetOf(update.spec), 'the cluster'];
  const until = Math.min(Infinity, ...updates.filter((one) => ends.includes(targetOf(one.spec))).map(madeAt).filter((time) => time > from));
  return events.filter(({ time }) => Date.parse(time) >= from && Date.parse(time) < until).sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

function Steps({ update, found, events }) {
  const past = pastWords(update, found);
  const steps = stepsOf(update, found, events);
  const errors = update.status?.errors || [];
  const step = ({ time, note }) => html`<li key=${`${time} ${note}`}>${wakeWords(note || '')} <span class="says"><${Ago} time=${time} /></span></li>`;
  return html`${past && html`<div>${past}</div>`}
    ${errors.map(({ code, message }) => html`<div class=${past ? 'says' : 'wrong'}>${message || code}</div>`)}
    ${steps.length ? html`<ol class="steps">${steps.map(step)}</ol>` : !errors.length && (stateOfUpdate(update) === 'InProgress' ? 'under way' : 'done')}`;
}

/** The Events of the node groups that were updated, by the groups' names. */
function useGroupEvents({ summary, updates }) {
  const names = [...new Set(updates.map(({ spec }) => spec.nodegroupName))].filter((name) => summary.groups.some((group) => group.name === name));
  const question = JSON.stringify([summary.key, names, updates.map(({ metadata }) => metadata.resourceVersion), summary.groups.map(({ says }) => says)]);
  const look = async () => {
    const found = await Promise.all(names.map((name) => request('GET', `${own(summary)}/nodegroups/${encodeURIComponent(name)}/events`)));
    return new Map(names.map((name, at) => [name, found[at]]));
  };
  const { data } = usePolled(names.length ? question : null, look, 30_000);
  const last = useRef(new Map());
  if (data) last.current = data;
  return last.current;
}

function Updates({ found }) {
  const ofGroups = useGroupEvents(found);
  const events = ({ spec }) => (spec.nodegroupName ? ofGroups.get(spec.nodegroupName) : targetOf(spec) === 'the cluster' && found.events) || [];
  return html`<${List} label="Updates" columns=${['When', 'What', 'Of', 'State', 'Steps']} items=${found.updates}
  id=${(update) => update.metadata.name} cells=${(update) => [
    html`<${Ago} time=${update.metadata.creationTimestamp} />`,
    html`<strong>${UPDATE_WORDS[update.spec.type] || wordsOf(update.spec.type)}</strong>${(update.spec.params || []).map((param) => html`<div>${paramWords(param)}</div>`)}<code class="says">${update.metadata.name}</code>`,
    targetOf(update.spec), pastWords(update, found) ? html`<span class="phase Stopped">Failed</span>` : html`<${Phase} name=${stateOfUpdate(update)} />`, html`<${Steps} update=${update} found=${found} events=${events(update)} />`,
  ]} none="The cluster wasn’t changed yet." />`;
}

addTab({ id: 'updates', title: 'Updates', order: 100, view: Updates });
