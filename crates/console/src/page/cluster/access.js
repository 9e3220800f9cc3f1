/* Access entries and their policies. */

const ENTRY_TYPES = ['STANDARD', 'EC2', 'EC2_LINUX', 'EC2_WINDOWS', 'FARGATE_LINUX', 'HYBRID_LINUX', 'HYPERPOD_LINUX'];
const entryPath = (principal, rest = '') => `/access-entries/${encodeURIComponent(principal)}${rest}`;
const policyName = (arn) => arn.split('/').pop();
/** The policies of which AWS publishes rules; the others allow nothing here. `access_policies.yaml` has the rules. */
const RULED = ['AmazonEKSAdminPolicy', 'AmazonEKSAdminViewPolicy', 'AmazonEKSClusterAdminPolicy', 'AmazonEKSClusterInsightsPolicy', 'AmazonEKSEditPolicy', 'AmazonEKSHybridPolicy', 'AmazonEKSSecretReaderPolicy', 'AmazonEKSViewPolicy'];
const policyOptions = (known) => [{ value: '', text: 'choose a policy' }, ...known.filter(({ name }) => RULED.includes(name)).map(({ name, arn }) => ({ value: arn, text: name })),
  ...known.filter(({ name }) => !RULED.includes(name)).map(({ name, arn }) => ({ value: arn, text: `${name} (allows nothing here)` }))];
const accessPolicies = async (cluster) => (await request('GET', '/access-policies?maxResults=100', { world: cluster })).accessPolicies;

const policyFields = (known, policies = []) => rowsOf('policies', 'Access policies', 'policy', [
  { label: 'Policy', name: 'policy', members: 'policyArn', options: policyOptions(known) },
  { label: 'Holds in', name: 'scope', options: [{ value: 'cluster', text: 'the whole cluster' }, { value: 'namespace', text: 'these namespaces' }] },
  { label: 'Namespaces', name: 'namespaces', members: 'namespaces|accessScope', required: false, placeholder: 'web, team-*' },
], policies.map(({ policyArn, accessScope }) => ({ policy: policyArn, scope: accessScope.type, namespaces: (accessScope.namespaces || []).join(', ') })));

/** The scopes that a form gives its policies, by ARN. */
function scopesOf(form) {
  const rows = rowValues(form, 'policies');
  const twice = rows.find(({ policy }, at) => rows.findIndex((row) => row.policy === policy) !== at);
  if (twice) throw fault(`policies[${rows.indexOf(twice)}].policyArn`, `${policyName(twice.policy)} is there twice: give it all its namespaces in one place.`);
  const nowhere = rows.findIndex(({ scope, namespaces }) => scope === 'namespace' && !split(namespaces).length);
  if (nowhere >= 0) throw fault(`policies[${nowhere}].namespaces`, 'Name at least one namespace.');
  // A grant is never wider than what was typed.
  const wider = rows.findIndex(({ scope, namespaces }) => scope === 'cluster' && namespaces);
  if (wider >= 0) throw fault(`policies[${wider}].namespaces`, 'This policy holds in the whole cluster. Choose these namespaces, or name none.');
  return new Map(rows.map(({ policy, scope, namespaces }) => [policy, { type: scope, ...(scope === 'namespace' && { namespaces: split(namespaces) }) }]));
}

/** Brings the policies of an entry from `now` to what is wanted; what was done stays known in `now`, should the next be refused. */
async function changePolicies(cluster, principal, now, wanted) {
  for (const [policyArn, accessScope] of wanted) {
    if (JSON.stringify(now.get(policyArn)) === JSON.stringify(accessScope)) continue;
    await askEks(cluster, 'POST', entryPath(principal, '/access-policies'), { policyArn, accessScope });
    now.set(policyArn, accessScope);
  }
  for (const policyArn of [...now.keys()].filter((arn) => !wanted.has(arn))) {
    await askEks(cluster, 'DELETE', entryPath(principal, `/access-policies/${encodeURIComponent(policyArn)}`));
    now.delete(policyArn);
  }
}

const ADMINISTRATOR = 'AmazonEKSClusterAdminPolicy';
const isAdministrator = ({ policyArn, accessScope }) => policyName(policyArn) === ADMINISTRATOR && accessScope.type === 'cluster';
const administers = ({ spec }) => (spec.accessPolicies || []).some(isAdministrator);

/** The principal of who looks, as access entries call it: of a session the role; without keys the account's root user. */
async function ownPrincipal({ account }) {
  if (!keys.get()) return `arn:aws:iam::${account}:root`;
  const { principal } = await whoami();
  const [, partition, owner, name] = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(principal) || [];
  return name ? `arn:${partition}:iam::${owner}:role/${name}` : principal;
}

/** What goes with an entry's rights, in sentences: `gone` says of its rights whether all go, or those of an administrator. */
function lossOf({ access }, entry, own, gone) {
  const others = access.filter(({ spec }) => spec.principalArn !== entry.principalArn);
  const last = administers({ spec: entry }) && !others.some(administers);
  return [
    last && `This is the last administrator: no other entry has ${ADMINISTRATOR} in the whole cluster.`,
    entry.principalArn === own && (gone === 'all' ? 'This is your own entry: you lose all rights in the cluster.' : administers({ spec: entry }) && 'This is your own entry: you lose an administrator’s rights.'),
  ].filter(Boolean).join(' ');
}

/** Asks whether an entry is to go, and warns of what goes with it. */
async function removeEntry(found, entry) {
  const { summary } = found;
  const words = lossOf(found, entry, await ownPrincipal(summary).catch(() => null), 'all');
  removing('this access entry', () => askEks(summary, 'DELETE', entryPath(entry.principalArn)), `${entry.principalArn} can’t use the cluster any more.`,
    words ? [h('p', { class: 'wrong' }, words)] : []);
}

/** An entry's policies, with a warning as soon as those of an administrator aren't among them any more. */
function warnedPolicies(found, entry, known, own) {
  const words = lossOf(found, entry, own, 'administrator');
  const said = h('p', { class: 'wrong', role: 'status' });
  const look = () => {
    const stays = rowValues(box, 'policies').some(({ policy, scope }) => policyName(policy) === ADMINISTRATOR && scope === 'cluster');
    said.textContent = stays ? '' : words;
  };
  const box = h('div', { oninput: look }, policyFields(known, entry.accessPolicies || []), said);
  return box;
}

function addEntry(cluster) {
  return withAsked(accessPolicies(cluster), (known) => {
    const now = new Map();
    let made = null;
    ask('Add an access entry', [h('div', { class: 'fields' },
      field({ label: 'Principal', name: 'principal', members: 'principalArn|access entry resource', placeholder: role(cluster.account, 'developer'), hint: 'ARN of an IAM role or user. Need not exist.' }),
      field({ label: 'Type', name: 'type', options: ENTRY_TYPES }),
      field({ label: 'User name', name: 'username', members: 'username|The username', required: false, hint: 'Empty: made from the ARN.' }),
      field({ label: 'Kubernetes groups', name: 'groups', members: 'kubernetesGroups|kubernetes group|kubernetes groups', required: false, hint: 'With commas.' })), policyFields(known),
    ], 'Add', async ({ principal, type, username, groups }, form) => {
      const wanted = scopesOf(form);
      if (made !== principal) await askEks(cluster, 'POST', '/access-entries', { principalArn: principal, type, ...given({ username, kubernetesGroups: split(groups) }) });
      made = principal;
      await changePolicies(cluster, principal, now, wanted).catch(async (error) => {
        // Nothing is left half done: who cancels now has no entry.
        now.clear();
        await askEks(cluster, 'DELETE', entryPath(principal)).then(() => { made = null; }, () => { Object.assign(error, { before: 'The entry is there, but not all its policies:' }); });
        throw error;
      });
    }, { wide: true });
  });
}

function editEntry(found, entry) {
  const { summary: cluster } = found;
  const { principalArn: principal, type, username = '', kubernetesGroups = [], accessPolicies: policies = [] } = entry;
  return withAsked(Promise.all([accessPolicies(cluster), ownPrincipal(cluster).catch(() => null)]), ([known, me]) => {
    const now = new Map(policies.map(({ policyArn, accessScope }) => [policyArn, { type: accessScope.type, ...(accessScope.type === 'namespace' && { namespaces: accessScope.namespaces }) }]));
    const own = type === 'STANDARD';
    let before = { username, groups: kubernetesGroups.join() };
    const fields = own ? [h('div', { class: 'fields' }, field({ label: 'User name', name: 'username', members: 'username|The username', required: false, value: username, hint: 'Empty: as it is.' }),
      field({ label: 'Kubernetes groups', name: 'groups', members: 'kubernetesGroups|kubernetes group|kubernetes groups', required: false, value: kubernetesGroups.join(', '), hint: 'With commas.' }))] : [];
    ask(`Access of ${principal}`, [...fields, warnedPolicies(found, entry, known, me)], 'Change', async (values, form) => {
      const wanted = scopesOf(form);
      const groups = split(values.groups || '');
      if (own && (values.username !== before.username || groups.join() !== before.groups)) {
        await askEks(cluster, 'POST', entryPath(principal), { kubernetesGroups: groups, ...given({ username: values.username }) });
        before = { username: values.username, groups: groups.join() };
      }
      await changePolicies(cluster, principal, now, wanted);
    }, { wide: true });
  });
}

const modeOf = ({ spec }) => spec.accessConfig?.authenticationMode || 'CONFIG_MAP';
/** Authentication modes that another one follows: one step at a time, and never back. */
const NEXT_MODES = {
  CONFIG_MAP: { mode: 'API_AND_CONFIG_MAP', name: 'Use access entries too', title: 'Use access entries in', verb: 'Use them' },
  API_AND_CONFIG_MAP: { mode: 'API', name: 'Use access entries alone', title: 'Use access entries alone in', verb: 'Use them alone' },
};

/** Asks whether a cluster is to have the next authentication mode, and warns of who is shut out by it. */
function changeMode(found) {
  const { summary, access } = found;
  const now = modeOf(found);
  const { mode, title, verb } = NEXT_MODES[now];
  const alone = mode === 'API';
  const nobody = alone && !access.some(administers) ? [h('p', { class: 'wrong' }, `No access entry has ${ADMINISTRATOR} in the whole cluster: nobody would be its administrator. Add one first.`)] : [];
  ask(`${title} ${summary.name}?`, nobody, verb, () => changeConfig(summary, { accessConfig: { authenticationMode: mode } }), { danger: alone, text:
    `${alone ? 'The ConfigMap aws-auth lets nobody in any more: whoever has no access entry is shut out. ' : ''}Its authentication mode becomes ${mode}. There is no way back to ${now}${alone ? '' : ' alone'}.` });
}

/** The button that leads to the next authentication mode; none where there is no next one. */
function ModeButton({ found }) {
  const next = NEXT_MODES[modeOf(found)];
  return next && !found.summary.imported && html`<${Do} does=${() => changeMode(found)} why=${settingsFixed(found)}>${next.name}<//>`;
}

const inScope = ({ policyArn, accessScope }) => html`<div>${policyName(policyArn)} in ${accessScope.type === 'namespace' ? (accessScope.namespaces || []).join(', ') : 'the whole cluster'}</div>`;

function Access({ found }) {
  const { summary, access } = found;
  const creator = found.creator || `arn:aws:iam::${summary.account}:root`;
  const byMap = modeOf(found) === 'CONFIG_MAP';
  const why = summary.phase === 'Deleting' ? 'The cluster is being deleted.' : byMap ? 'The cluster’s authentication mode is CONFIG_MAP: it knows no access entries.' : null;
  const fixed = ({ type }) => why || (['STANDARD', 'EC2'].includes(type) ? null : 'An entry of this type has its rights by its type.');
  const cells = ({ spec: entry }) => [html`<code>${entry.principalArn}</code>`, entry.type, entry.username || 'from the ARN', (entry.kubernetesGroups || []).join(', '),
    (entry.accessPolicies || []).map(inScope), html`<span class="row">
      <${Do} does=${() => editEntry(found, entry)} why=${fixed(entry)} label=${`Edit ${entry.principalArn}`}>Edit<//>
      <${Do} look="bad" does=${() => removeEntry(found, entry)} why=${why} label=${`Remove ${entry.principalArn}`}>Remove<//></span>`];
  return html`${byMap && html`<p class="says">${why} Who made it is its administrator: <code>${creator}</code>. Others come in by the ConfigMap aws-auth inside it.</p>`}
    <${List} label="Access entries" columns=${['Principal', 'Type', 'User name', 'Groups', 'Policies', '']} items=${access} id=${(entry) => entry.spec.principalArn} cells=${cells}
      none="There are no access entries." />
    <p class="row"><${Do} does=${() => addEntry(summary)} why=${why}>Add access entry<//><${ModeButton} found=${found} /></p>`;
}

addTab({ id: 'access', title: 'Access', order: 60, view: Access });
