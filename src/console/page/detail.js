/* One cluster: its parts on tabs, and what can be done with it. */

let tab = 'Node groups';
/** Of answers that overtake each other, only the last one counts. */
let asked = 0;

const slug = (name) => name.toLowerCase().replace(' ', '-');

/** Shows a cluster in an element, at one of its tabs. */
function showCluster(element, key, route) {
  tab = Object.keys(TABS).find((name) => slug(name) === route.tab) || 'Node groups';
  showCluster.element = element;
  return key ? refresh() : null;
}

document.addEventListener('news', ({ detail: { changed, gone } }) => {
  if (here.key && ((!changed.length && !gone.length) || changed.includes(here.key))) soon();
});

async function refresh() {
  const { key } = here;
  const number = ++asked;
  try {
    const found = await request('GET', `/_k3eks/console/clusters/${key}`);
    if (number === asked && key === here.key) show(found);
  } catch (error) {
    if (number === asked) showCluster.element.replaceChildren(h('p', { class: 'wrong' }, error.message), h('button', { onclick: refresh }, 'Try again'));
  }
}

/** Looks again, but not more often than people can read. */
function soon() {
  soon.timer ??= setTimeout(() => {
    soon.timer = null;
    if (here.key) refresh();
  }, 300);
}

function list(columns, items, cells, none) {
  if (!items.length) return h('p', { class: 'empty' }, none);
  const head = h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name))));
  return h('div', { class: 'wide' }, h('table', {}, head, h('tbody', {}, items.map((item) => h('tr', {}, cells(item).map((cell) => h('td', {}, cell)))))));
}

const state = (member) => phase(member.status?.state || member.status?.phase);

const TABS = {
  'Node groups': ({ summary }) => [
    list(['Group', 'Phase', 'Version', 'Nodes', 'Sizes', 'Instance types', 'Says', ''], summary.groups, (group) => [
      group.name, phase(group.phase), group.version || '–', bar(group.ready, group.scaling.desiredSize),
      `${group.scaling.minSize}–${group.scaling.maxSize}`, (group.instanceTypes || []).join(', ') || 't3.medium', group.says || '',
      h('span', { class: 'row' }, h('button', { onclick: () => scale(summary, group), 'aria-label': `Scale ${group.name}` }, 'Scale'),
        h('button', { class: 'bad', onclick: () => deleteGroup(summary, group), 'aria-label': `Delete ${group.name}` }, 'Delete')),
    ], 'There are no node groups: the cluster has only its server.'),
    summary.imported ? null : h('p', {}, h('button', { onclick: () => addGroup(summary) }, 'Add node group')),
  ],
  Nodes: ({ summary }) => list(['Node', 'Group', 'Ready'],
    summary.groups.flatMap((group) => (group.nodes || []).map((node) => ({ ...node, group: group.name }))),
    (node) => [h('code', {}, node.name), node.group, node.ready ? 'yes' : 'no'], 'No nodes are known.'),
  Addons: ({ addons }) => list(['Addon', 'Version', 'State'], addons,
    (addon) => [addon.spec.addonName, addon.spec.addonVersion || '–', state(addon)], 'No addons were asked for.'),
  Access: ({ access, podIdentity, identityProviders }) => [
    h('h3', {}, 'Access entries'),
    list(['Principal', 'Groups', 'Policies'], access, (entry) => [
      h('code', {}, entry.spec.principalArn), (entry.spec.kubernetesGroups || []).join(', '),
      (entry.spec.accessPolicies || []).map((policy) => h('div', {}, policy.policyArn.split('/').pop())),
    ], 'There are no access entries: the administrator’s kubeconfig is the only way in.'),
    h('h3', {}, 'Pod identity'),
    list(['Service account', 'Role'], podIdentity, (one) => [`${one.spec.namespace}/${one.spec.serviceAccount}`, h('code', {}, one.spec.roleArn)], 'There are no pod identity associations.'),
    identityProviders.length ? [h('h3', {}, 'Identity providers'), list(['Name', 'State'], identityProviders, (one) => [one.metadata.name, state(one)], '')] : null,
  ].flat(),
  Updates: ({ updates }) => list(['When', 'What', 'Of', 'State', 'Changes'], updates, (update) => [
    ago(update.metadata.creationTimestamp), update.spec.type, update.spec.nodegroupName || update.spec.addonName || 'the cluster', phase(update.status?.state || 'InProgress'),
    [...(update.spec.params || []).map((param) => h('div', { class: 'mono' }, `${param.type}: ${param.value}`)),
      ...(update.status?.errors || []).map((error) => h('div', { class: 'wrong' }, error.errorMessage || error.message || error.errorCode))],
  ], 'The cluster wasn’t changed yet.'),
  Events: ({ events }) => list(['When', 'Reason', 'What happened'], events, (event) => [ago(event.time), event.reason, event.note], 'There are no Events any more: Kubernetes keeps them for an hour.'),
  'Audit trail': ({ calls }) => list(['When', 'Call', 'By', 'Outcome'], calls, (call) => [
    ago(call.eventTime), call.eventName, h('code', {}, call.userIdentity?.arn || '–'), call.errorMessage || call.errorCode || 'done',
  ], 'Nothing was asked of the EKS API for this cluster since it started.'),
};

function facts({ summary, conditions }) {
  const pairs = [
    ['Phase', phase(summary.phase)], ['Says', summary.says || '–'], ['Version', summary.version || '–'],
    ['Endpoint', h('code', {}, summary.endpoint || '–')], ['Account, region', `${summary.account}, ${summary.region}`],
    ['Resource', h('code', {}, `${summary.namespace}/${summary.resource}`)], ['Made', ago(summary.created)],
    ['Conditions', (conditions || []).map((one) => `${one.type}=${one.status}`).join(', ') || '–'],
  ];
  return h('dl', {}, pairs.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

function show(found) {
  const { summary } = found;
  const busy = summary.phase === 'Deleting';
  const names = Object.keys(TABS);
  const active = document.activeElement;
  const focused = active?.id;
  const label = (one) => one.getAttribute('aria-label') || one.textContent;
  const held = !focused && showCluster.element.contains(active) && active.tagName === 'BUTTON' ? label(active) : null;
  const tabs = names.map((name) => h('button', {
    role: 'tab', id: `tab-${name.replace(' ', '-')}`, 'aria-selected': String(name === tab), 'aria-controls': 'panel', tabindex: name === tab ? 0 : -1,
    onclick: () => go(summary, slug(name)),
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      tab = names[(names.indexOf(name) + step + names.length) % names.length];
      show(found);
      go(summary, slug(tab));
      byId(`tab-${tab.replace(' ', '-')}`).focus();
    },
  }, name));
  showCluster.element.replaceChildren(
    h('div', { class: 'bar' }, h('h2', { tabindex: -1 }, summary.name),
      h('button', { onclick: () => kubeconfig(summary), disabled: !summary.endpoint }, 'Copy kubeconfig'),
      h('button', { onclick: () => upgrade(summary), disabled: busy || summary.imported }, 'Upgrade'),
      h('button', { onclick: () => kubeconfig(summary, true), disabled: !summary.endpoint }, 'Download kubeconfig'),
      h('button', { onclick: () => power(summary, may.Running(summary) ? 'Running' : 'Stopped'), disabled: busy || summary.imported }, summary.asleep ? 'Wake' : summary.stopped ? 'Start' : 'Stop'),
      h('button', { class: 'bad', onclick: () => remove(summary), disabled: busy }, 'Delete')),
    facts(found),
    h('div', { role: 'tablist', 'aria-label': 'Parts of the cluster' }, tabs),
    h('div', { role: 'tabpanel', id: 'panel', 'aria-labelledby': `tab-${tab.replace(' ', '-')}` }, TABS[tab](found)));
  if (focused && byId(focused)) byId(focused).focus();
  else if (held) ([...showCluster.element.querySelectorAll('button')].find((one) => label(one) === held && !one.disabled) || showCluster.element.querySelector('h2')).focus();
}
function addGroup(cluster) {
  ask(`Add a node group to ${cluster.name}`, [
    { label: 'Name', name: 'name', pattern: '[0-9A-Za-z][A-Za-z0-9_\\-]{0,62}', title: 'letters, digits, - and _' },
    { label: 'Nodes', name: 'nodes', type: 'number', min: 0, max: 450, value: '1' },
    { label: 'Instance type', name: 'type', value: 't3.medium' },
  ], 'Add', ({ name, nodes, type }) => {
    const scalingConfig = { minSize: 0, desiredSize: Number(nodes), maxSize: Math.max(1, Number(nodes)) };
    const body = { nodegroupName: name, nodeRole: role(cluster.account, 'k3eks-console'), subnets: ['subnet-0'], instanceTypes: [type], scalingConfig };
    return request('POST', eks(cluster, '/node-groups'), { body, world: cluster });
  });
}
function scale(cluster, group) {
  ask(`Scale ${group.name}`, [{ label: 'Nodes', name: 'nodes', type: 'number', min: 0, max: 450, value: String(group.scaling.desiredSize) }], 'Scale', ({ nodes }) => {
    const desiredSize = Number(nodes);
    const scalingConfig = { desiredSize, minSize: Math.min(group.scaling.minSize, desiredSize), maxSize: Math.max(group.scaling.maxSize, desiredSize) };
    return request('POST', eks(cluster, `/node-groups/${encodeURIComponent(group.name)}/update-config`), { body: { scalingConfig }, world: cluster });
  });
}
async function upgrade(cluster) {
  const minor = (version) => Number(version.split('.')[1]);
  const known = await versions().catch(() => []);
  const next = known.filter((version) => minor(version) === minor(cluster.version || '1.0') + 1);
  if (!next.length) return say(`There is no version after ${cluster.version}.`);
  ask(`Upgrade ${cluster.name}`, [{ label: 'To', name: 'version', options: next }], 'Upgrade', ({ version }) => request('POST', eks(cluster, '/updates'), { body: { version }, world: cluster }),
    { text: 'The API server is away for some seconds. Versions never go down.' });
}
function deleteGroup(cluster, group) {
  ask(`Delete node group ${group.name}?`, [], 'Delete', () => request('DELETE', eks(cluster, `/node-groups/${encodeURIComponent(group.name)}`), { world: cluster }),
    { danger: true, text: 'Its nodes are drained and removed.' });
}
