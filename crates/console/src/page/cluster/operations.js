/* A cluster as a document of what the EKS API lets change, and the operations that lead from one such document to another. */

const taken = (object, names) => given(Object.fromEntries(names.map((name) => [name, object?.[name] ?? undefined])));
const NETWORK = ['endpointPublicAccess', 'endpointPrivateAccess', 'publicAccessCidrs', 'subnetIds', 'securityGroupIds'];
const GROUP = ['version', 'scalingConfig', 'labels', 'taints', 'updateConfig', 'tags'];

/** What can be changed, as it is now; the ARNs for the tags stand beside. */
async function documentOf(cluster) {
  const { cluster: one } = await askEks(cluster, 'GET', '');
  const { nodegroups: groupNames } = await askEks(cluster, 'GET', '/node-groups?maxResults=100');
  const groups = await Promise.all(groupNames.map(async (name) => (await askEks(cluster, 'GET', groupPath(name))).nodegroup));
  const logging = (one.logging?.clusterLogging || []).filter(({ enabled }) => enabled).flatMap(({ types }) => types);
  const document = given({
    version: one.version, resourcesVpcConfig: taken(one.resourcesVpcConfig, NETWORK), logging, accessConfig: taken(one.accessConfig, ['authenticationMode']),
    upgradePolicy: taken(one.upgradePolicy, ['supportType']), deletionProtection: one.deletionProtection, tags: one.tags || {},
    nodegroups: Object.fromEntries(groups.map((group) => [group.nodegroupName, taken(group, GROUP)])),
  });
  return { document, arns: new Map(Object.entries({ '': one.arn, ...Object.fromEntries(groups.map((group) => [group.nodegroupName, group.nodegroupArn])) })) };
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Refuses what no operation changes. */
function checkKnown(value, known, where) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error(`${where || 'The document'} must have keys and values.`);
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other) throw new Error(`${where ? `${where}.` : ''}${other} is nothing that can be changed here. There is: ${known.join(', ')}.`);
}

/** Tags are text; what looks like a number in YAML is meant as it stands. */
const texts = (map) => Object.fromEntries(Object.entries(map || {}).map(([key, value]) => [key, String(value ?? '')]));

/** Refuses a version that the EKS API takes from nobody: an older one, and for a group also one newer than the cluster's. */
function checkVersion(what, before, after, highest) {
  if (after === undefined || after === before) return;
  if (!/^1\.\d+$/.test(after)) throw new Error(`${what}: ${after} is no version of Kubernetes, such as ${before}.`);
  if (minorOf(after) < minorOf(before)) throw new Error(`${what}: versions never go down, from ${before} to ${after}.`);
  if (highest && minorOf(after) > minorOf(highest)) throw new Error(`${what}: ${after} is newer than the cluster's ${highest}.`);
  if (!highest && minorOf(after) > minorOf(before) + 1) throw new Error(`${what}: from ${before} the next version is 1.${minorOf(before) + 1}.`);
}

/** Refuses sizes that don't fit each other. */
function checkSizesOf(name, { scalingConfig }) {
  const { minSize, desiredSize, maxSize } = scalingConfig || {};
  if (minSize > desiredSize || desiredSize > maxSize) throw new Error(`nodegroups.${name}: desiredSize ${desiredSize} must be between minSize ${minSize} and maxSize ${maxSize}.`);
}

/** Operations for the cluster itself. EKS takes one kind of change at a time. */
function clusterOperations(cluster, before, after) {
  const config = (words, body) => ({ words: `UpdateClusterConfig: ${words}`, run: () => askEks(cluster, 'POST', '/update-config', body) });
  const network = Object.fromEntries(Object.entries(after.resourcesVpcConfig || {}).filter(([key, value]) => !same(value, before.resourcesVpcConfig?.[key])));
  const endpoint = given(taken(network, NETWORK.slice(0, 3)));
  const place = given(taken(network, NETWORK.slice(3)));
  const logs = after.logging || [];
  const off = LOG_TYPES.filter((type) => !logs.includes(type));
  const wanted = (name) => after[name] !== undefined && !same(after[name], before[name]);
  return [
    Object.keys(endpoint).length && config(`access to the endpoint (${valueWords(JSON.stringify(endpoint))})`, { resourcesVpcConfig: endpoint }),
    Object.keys(place).length && config(`network (${valueWords(JSON.stringify(place))})`, { resourcesVpcConfig: place }),
    !same([...logs].sort(), [...(before.logging || [])].sort()) && config(`logs ${logs.join(', ') || 'none'}`, { logging: { clusterLogging: [{ types: logs, enabled: true }, { types: off, enabled: false }].filter(({ types }) => types.length) } }),
    ...['accessConfig', 'upgradePolicy', 'deletionProtection'].filter(wanted).map((name) => config(`${wordsOf(name)} ${valueWords(JSON.stringify(after[name]))}`, { [name]: after[name] })),
    wanted('version') && { words: `UpdateClusterVersion: ${after.version}`, run: () => askEks(cluster, 'POST', '/updates', { version: after.version }) },
  ];
}

function groupOperations(cluster, name, before, after) {
  const change = groupChange(before, { ...after, labels: texts(after.labels) });
  return [
    Object.keys(change).length && { words: `UpdateNodegroupConfig of ${name}: ${Object.keys(change).map(wordsOf).join(', ')}`, group: name, run: () => askEks(cluster, 'POST', groupPath(name, '/update-config'), change) },
    after.version !== undefined && after.version !== before.version && { words: `UpdateNodegroupVersion of ${name}: ${after.version}`, group: name, run: () => askEks(cluster, 'POST', groupPath(name, '/update-version'), { version: after.version }) },
  ];
}

/** The operations that lead from one document to another, in their order; in words, and to be run. */
function operationsOf(cluster, { document: before, arns }, after) {
  checkKnown(after, ['version', 'resourcesVpcConfig', 'logging', 'accessConfig', 'upgradePolicy', 'deletionProtection', 'tags', 'nodegroups']);
  checkKnown(after.resourcesVpcConfig || {}, NETWORK, 'resourcesVpcConfig');
  const groups = Object.entries(after.nodegroups || {});
  checkKnown(after.nodegroups || {}, Object.keys(before.nodegroups || {}), 'nodegroups');
  for (const [name, group] of groups) checkKnown(group, GROUP, `nodegroups.${name}`);
  // 1.36 without quotes is a number to YAML.
  for (const one of [after, ...groups.map(([, group]) => group)]) if (one.version !== undefined) one.version = String(one.version);
  checkVersion('version', before.version, after.version);
  for (const [name, group] of groups) {
    checkVersion(`nodegroups.${name}.version`, before.nodegroups[name].version, group.version, after.version || before.version);
    checkSizesOf(name, group);
  }
  const tagging = ({ set, gone }) => [Object.keys(set).length && 'TagResource', gone.length && 'UntagResource'].filter(Boolean).join(', ');
  const retag = (name, old, wanted) => difference(old, texts(wanted)).any && { words: `${tagging(difference(old, texts(wanted)))}: tags of ${name || 'the cluster'}`, run: () => changeTags(cluster, arns.get(name), old, texts(wanted)) };
  return [
    ...clusterOperations(cluster, before, after), retag('', before.tags, after.tags),
    ...groups.flatMap(([name, group]) => [...groupOperations(cluster, name, before.nodegroups[name], group), retag(name, before.nodegroups[name].tags, group.tags)]),
  ].filter(Boolean);
}

/** Runs an operation, and waits for the update that it began. */
async function runOperation(cluster, { run, group }) {
  const { update } = (await run()) || {};
  const query = group ? `?nodegroupName=${encodeURIComponent(group)}` : '';
  for (let now = update; now; now = (await askEks(cluster, 'GET', `/updates/${now.id}${query}`)).update) {
    if (now.status === 'Failed' || now.status === 'Cancelled') throw new Error((now.errors || []).map(({ errorMessage }) => errorMessage).join('\n') || `The update ${now.id} is ${now.status}.`);
    if (now.status === 'Successful') return;
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
}

/** Two texts as lines: those that both have, those that go (`-`) and those that come (`+`). */
function linesOf(before, after) {
  const [a, b] = [before.split('\n'), after.split('\n')];
  const common = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  const lines = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) lines.push({ sign: '-', text: a[i++] });
    else lines.push({ sign: '+', text: b[j++] });
  }
  return lines;
}
