/* Forms for node groups: a new one, another size, other settings, another version. */

const TAINT_EFFECTS = ['NO_SCHEDULE', 'PREFER_NO_SCHEDULE', 'NO_EXECUTE'];
const groupPath = (name, rest = '') => `/node-groups/${encodeURIComponent(name)}${rest}`;
const groupNote = 'Recorded only.';

const sizeFields = (sizes = { minSize: 1, desiredSize: 1, maxSize: 2 }) => h('fieldset', {}, h('legend', {}, 'Nodes'), h('div', { class: 'fields' },
  field({ label: 'Min size', name: 'minSize', members: 'minSize|Minimum capacity', type: 'number', min: 0, value: String(sizes.minSize) }),
  field({ label: 'Desired size', name: 'desiredSize', members: 'desiredSize|desired capacity', type: 'number', min: 0, value: String(sizes.desiredSize) }),
  field({ label: 'Max size', name: 'maxSize', members: 'maxSize|quota of', type: 'number', min: 1, value: String(sizes.maxSize) })));
const sizesOf = (values) => Object.fromEntries(['minSize', 'desiredSize', 'maxSize'].map((name) => [name, Number(values[name])]));

/** @param {{ maxUnavailable?: number, maxUnavailablePercentage?: number | null }} config */
function updateFields({ maxUnavailable, maxUnavailablePercentage } = { maxUnavailable: 1 }) {
  const percent = maxUnavailablePercentage !== undefined && maxUnavailablePercentage !== null;
  return h('fieldset', {}, h('legend', {}, 'Updates'), h('div', { class: 'fields' },
    field({ label: 'At most away at a time', name: 'away', members: 'maxUnavailable|maxUnavailablePercentage|max-unavailable', type: 'number', min: 1, max: 100, value: String(percent ? maxUnavailablePercentage : maxUnavailable ?? 1) }),
    field({ label: 'Counted in', name: 'unit', options: [{ value: 'maxUnavailable', text: 'nodes' }, { value: 'maxUnavailablePercentage', text: 'percent of the nodes' }], value: percent ? 'maxUnavailablePercentage' : 'maxUnavailable' })));
}
const updateConfigOf = ({ away, unit }) => ({ [unit]: Number(away) });

/** A taint in one word. */
const taintText = ({ key, value, effect }) => `${key}${value ? `=${value}` : ''}:${effect}`;

/** Whether taints keep away pods that don't tolerate them; a preference keeps nobody away. */
const keepsAway = (taints) => (taints || []).some(({ effect }) => effect !== 'PREFER_NO_SCHEDULE');

const labelFields = (labels, title = 'Labels') => pairsOf('labels', title, 'label', labels, '', labelColumns);
const taintFields = (taints = [], title = 'Taints') => rowsOf('taints', title, 'taint', [...labelColumns, { label: 'Effect', name: 'effect', options: TAINT_EFFECTS }], taints || []);
const taintsOf = (form) => rowValues(form, 'taints').map(({ key, value, effect }) => ({ key, ...(value && { value }), effect }));

/** The versions that a node group of a cluster can go to, newest first. */
async function groupVersions(cluster, above) {
  const known = await versions().catch(() => [cluster.version]);
  return known.filter((version) => minorOf(version) <= minorOf(cluster.version) && minorOf(version) > above);
}

function addGroup(cluster) {
  ask(`Add a node group to ${cluster.name}`, [
    h('div', { class: 'fields' },
      field({ label: 'Name', name: 'name', members: 'nodegroupName|with name', ...PATTERNS.group }),
      field({ label: 'Instance types', name: 'types', members: 'instanceTypes|instance type|instance types', value: 't3.medium', ...ofTypes, hint: 'With commas. The first one sets a node’s CPU and memory.' })),
    sizeFields(), labelFields({}), taintFields(), updateFields(),
    h('details', {}, h('summary', {}, 'More settings'), h('div', { class: 'fields' },
      field({ label: 'Capacity', name: 'capacity', members: 'capacityType', options: ['ON_DEMAND', 'SPOT'], hint: 'Sets the nodes’ label only: nothing is ever taken away.' }),
      field({ label: 'Disk in GiB', name: 'disk', members: 'diskSize|Disk size', type: 'number', min: 1, required: false, hint: groupNote }),
      field({ label: 'Subnets', name: 'subnets', members: 'subnets|Subnets specified', required: false, ...PATTERNS.subnets, hint: `With commas. Empty: the cluster’s. ${groupNote}` }),
      field({ label: 'Role', name: 'role', members: 'nodeRole|Role Arn|pass role', value: role(cluster.account, 'k3eks-console-node'), hint: `Need not exist. ${groupNote}` })),
    pairsOf('tags', 'Tags', 'tag', {}, groupNote)),
  ], 'Add', async (values, form) => {
    const { name, types, capacity, disk, subnets } = values;
    const body = {
      nodegroupName: name, nodeRole: values.role, subnets: split(subnets), scalingConfig: sizesOf(values), updateConfig: updateConfigOf(values),
      ...given({ instanceTypes: split(types), capacityType: capacity, diskSize: disk && Number(disk), labels: pairValues(form, 'labels'), taints: taintsOf(form), tags: pairValues(form, 'tags') }),
    };
    await askEks(cluster, 'POST', '/node-groups', body);
    say(`Node group ${name} is being created.`);
  }, { wide: true, text: cluster.version && `Its nodes begin with the cluster’s version ${cluster.version}.` });
}

function scale(cluster, group) {
  const { minSize, maxSize, desiredSize: now } = group.scaling;
  ask(`Scale ${group.name}`, [{ label: 'Nodes', name: 'nodes', members: 'desiredSize|minSize|maxSize|desired capacity|Minimum capacity', type: 'number', min: 0, value: String(now), hint: `Its min size is ${minSize}, its max size ${maxSize}.` },
    { label: 'Raise the max size, or lower the min size, where the number needs it', name: 'along', type: 'checkbox' }], 'Scale', ({ nodes, along }) => {
    const desiredSize = Number(nodes);
    const outside = desiredSize < minSize ? `less than its min size ${minSize}` : desiredSize > maxSize ? `more than its max size ${maxSize}` : '';
    if (outside && !along) throw fault('desiredSize', `${desiredSize} is ${outside}. Tick the box below to change it, or choose another number.`);
    return askEks(cluster, 'POST', groupPath(group.name, '/update-config'), { scalingConfig: { desiredSize, minSize: Math.min(minSize, desiredSize), maxSize: Math.max(maxSize, desiredSize) } });
  });
}

/** What a form wants a group to be. */
const wantedGroup = (values, form) => ({ scalingConfig: sizesOf(values), labels: pairValues(form, 'labels'), taints: taintsOf(form), updateConfig: updateConfigOf(values) });

/**
 * What UpdateNodegroupConfig has to be asked, so that a group becomes what is wanted; nothing that is so already.
 * @param {any} before
 * @param {{ scalingConfig?: any, labels?: any, taints?: any[], updateConfig?: any }} wanted
 */
function groupChange(before, { scalingConfig, labels: wantedLabels = {}, taints: wantedTaints = [], updateConfig }) {
  const labels = difference(before.labels, wantedLabels);
  const named = ({ key, effect }) => `${key}:${effect}`;
  const map = (taints) => Object.fromEntries((taints || []).map((taint) => [named(taint), taint.value || '']));
  const taints = difference(map(before.taints), map(wantedTaints));
  return {
    ...(scalingConfig && difference(before.scalingConfig, scalingConfig).any && { scalingConfig }),
    ...(labels.any && { labels: given({ addOrUpdateLabels: labels.set, removeLabels: labels.gone }) }),
    ...(taints.any && { taints: given({ addOrUpdateTaints: wantedTaints.filter((taint) => named(taint) in taints.set), removeTaints: (before.taints || []).filter((taint) => taints.gone.includes(named(taint))) }) }),
    ...(updateConfig && Object.keys(difference(before.updateConfig, updateConfig).set).length && { updateConfig }),
  };
}

function editGroup(cluster, { name }) {
  return withAsked(askEks(cluster, 'GET', groupPath(name)), ({ nodegroup: before }) => ask(`Edit ${name}`, [
    sizeFields(before.scalingConfig), labelFields(before.labels), taintFields(before.taints), updateFields(before.updateConfig),
    pairsOf('tags', 'Tags', 'tag', before.tags, groupNote),
  ], 'Change', async (values, form) => {
    const wanted = wantedGroup(values, form);
    const change = groupChange(before, wanted);
    const tags = pairValues(form, 'tags');
    const retag = difference(before.tags, tags).any;
    if (Object.keys(change).length || !retag) await askEks(cluster, 'POST', groupPath(name, '/update-config'), change);
    // Should the tags be refused, the rest isn't asked for twice.
    Object.assign(before, wanted);
    if (retag) await changeTags(cluster, before.nodegroupArn, before.tags, tags);
  }, { wide: true }));
}

function upgradeGroup(cluster, group) {
  return withAsked(groupVersions(cluster, minorOf(group.version)), (known) => ask(`Upgrade ${group.name}`, [
    { label: 'To', name: 'version', members: 'version|Kubernetes version', options: known.length ? known : [cluster.version] },
    { label: 'Force: also where a PodDisruptionBudget keeps pods from going', name: 'force', type: 'checkbox' },
  ], 'Upgrade', ({ version, force }) => askEks(cluster, 'POST', groupPath(group.name, '/update-version'), { version, ...(force && { force: true }) }),
  { text: `It runs ${group.version}. New nodes are ready before old ones are drained.` }));
}

function deleteGroup(cluster, group) {
  const others = cluster.groups.some(({ name, taints, scaling }) => name !== group.name && scaling.desiredSize && !keepsAway(taints));
  ask(`Delete node group ${group.name}?`, [{ label: 'Name', name: 'name' }], 'Delete', ({ name }) => {
    if (name !== group.name) throw fault('name', `That isn't ${group.name}.`);
    return askEks(cluster, 'DELETE', groupPath(group.name));
  }, { danger: true, text: `Its nodes are drained and removed. ${others ? '' : 'No other group has nodes without taints: pods that tolerate none stay Pending. '}Type ${group.name} to confirm.` });
}
