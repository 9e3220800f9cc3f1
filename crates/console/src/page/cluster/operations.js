/* A cluster's resources as a text that somebody edits, and the operations of the EKS API that lead from one such text to another. */

const taken = (object, names) => given(Object.fromEntries(names.map((name) => [name, object?.[name] ?? undefined])));
const NETWORK = ['endpointPublicAccess', 'endpointPrivateAccess', 'publicAccessCidrs', 'subnetIds', 'securityGroupIds'];
/** What operations change of the resources' specs. */
const CHANGEABLE = {
  EKSClusterConfig: ['kubernetesVersion', 'publicAccess', 'privateAccess', 'publicAccessSources', 'subnets', 'securityGroups', 'loggingTypes',
    'accessConfig.authenticationMode', 'upgradePolicy.supportType', 'deletionProtection', 'tags'],
  Nodegroup: ['version', 'scalingConfig', 'labels', 'taints', 'updateConfig', 'tags'],
};

/** Without what is null, which no printed YAML needs. */
const bare = (value) => JSON.parse(JSON.stringify(value, (_, one) => (one === null ? undefined : one)));

/** The resources as `kubectl get -o yaml` has them, without what the management cluster adds; and the text of them, which can be applied.
 * @param {Found} found */
function documentsOf({ summary, spec, nodegroups }) {
  const { namespace, resource } = summary;
  const documents = [
    { apiVersion: 'eks.cattle.io/v1', kind: 'EKSClusterConfig', metadata: { name: resource, namespace }, spec: bare(spec) },
    ...nodegroups.map((group) => ({ apiVersion: 'k3eks.io/v1alpha1', kind: 'Nodegroup', metadata: { name: group.metadata.name, namespace }, spec: bare(group.spec) })),
  ];
  return { summary, documents, text: `${documents.map((one) => yaml(one).join('\n')).join('\n---\n')}\n` };
}

/** The same of a cluster as it is now. */
const documentsNow = async (cluster) => documentsOf(await request('GET', own(cluster)));

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

const isMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Refuses what no operation changes. What isn't there stays as it is. */
function checkUnchanged(kind, before, after, where, path = '') {
  for (const [key, value] of Object.entries(after)) {
    const at = `${path}${key}`;
    if (CHANGEABLE[kind].includes(at)) continue;
    if (isMap(value) && (isMap(before[key]) || CHANGEABLE[kind].some((one) => one.startsWith(`${at}.`)))) {
      checkUnchanged(kind, before[key] || {}, value, where, `${at}.`);
    } else if (!same(value, before[key])) {
      throw new Error(`${where}: spec.${at} can't be changed here. These can: ${CHANGEABLE[kind].join(', ')}.`);
    }
  }
}

/** The specs that are wanted, each with what it was. Refuses documents of anything else. */
function wantedSpecs(before, after) {
  return after.map((document) => {
    if (!isMap(document) || !isMap(document.metadata) || !isMap(document.spec)) throw new Error('Each document must have apiVersion, kind, metadata and spec.');
    const { apiVersion, kind, metadata: { name, namespace } } = document;
    const where = `${kind} ${name}`;
    const was = before.find((one) => one.apiVersion === apiVersion && one.kind === kind && one.metadata.name === name && [undefined, one.metadata.namespace].includes(namespace));
    if (!was) throw new Error(`${where} isn't one of the cluster's resources. Node groups come and go on their tab.`);
    const other = Object.keys(document).find((key) => !['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key));
    if (other) throw new Error(`${where}: ${other} is no part of a resource.`);
    checkUnchanged(kind, was.spec, document.spec, where);
    return { kind, where, name, before: was.spec, after: document.spec };
  });
}

/** What a cluster's spec says, in the members of the EKS API. */
function membersOfSpec({ kubernetesVersion, publicAccess, privateAccess, publicAccessSources, subnets, securityGroups, loggingTypes, accessConfig, upgradePolicy, deletionProtection, tags }) {
  return {
    // 1.36 without quotes is a number to YAML.
    version: kubernetesVersion === undefined ? undefined : String(kubernetesVersion),
    resourcesVpcConfig: taken({ endpointPublicAccess: publicAccess, endpointPrivateAccess: privateAccess, publicAccessCidrs: publicAccessSources, subnetIds: subnets, securityGroupIds: securityGroups }, NETWORK),
    logging: loggingTypes || [],
    accessConfig: accessConfig?.authenticationMode && { authenticationMode: accessConfig.authenticationMode },
    upgradePolicy: upgradePolicy?.supportType && { supportType: upgradePolicy.supportType },
    deletionProtection, tags: tags || {},
  };
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
function checkSizesOf(where, { scalingConfig }) {
  const { minSize, desiredSize, maxSize } = scalingConfig || {};
  if (minSize > desiredSize || desiredSize > maxSize) throw new Error(`${where}: desiredSize ${desiredSize} must be between minSize ${minSize} and maxSize ${maxSize}.`);
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

const tagging = ({ set, gone }) => [Object.keys(set).length && 'TagResource', gone.length && 'UntagResource'].filter(Boolean).join(', ');

/** The operations that change tags; `arn` asks for what they are of. */
function retag(cluster, what, before, after, arn) {
  const wanted = texts(after);
  const change = difference(before, wanted);
  return change.any && { words: `${tagging(change)}: tags of ${what}`, run: async () => changeTags(cluster, await arn(), before, wanted) };
}

/** The operations that lead from the resources as they were to others, in their order; in words, and to be run. */
function operationsOf({ summary, documents }, after) {
  const specs = wantedSpecs(documents, after);
  const was = membersOfSpec({ publicAccess: true, privateAccess: false, deletionProtection: false, kubernetesVersion: summary.version, ...documents[0].spec });
  const cluster = specs.find(({ kind }) => kind === 'EKSClusterConfig');
  const wanted = cluster ? membersOfSpec(cluster.after) : was;
  checkVersion('spec.kubernetesVersion', was.version, wanted.version);
  const ofGroup = ({ where, name: resource, before, after: spec }) => {
    const name = before.nodegroupName || resource;
    const version = before.version || summary.groups.find((group) => group.name === name)?.version || was.version;
    const next = { ...spec, version: spec.version === undefined ? undefined : String(spec.version) };
    checkVersion(`${where}: spec.version`, version, next.version, wanted.version || was.version);
    checkSizesOf(where, spec);
    const arn = async () => (await askEks(summary, 'GET', groupPath(name))).nodegroup.nodegroupArn;
    return [...groupOperations(summary, name, { ...before, version }, next), retag(summary, name, before.tags, spec.tags, arn)];
  };
  return [
    ...clusterOperations(summary, was, wanted), retag(summary, 'the cluster', was.tags, wanted.tags, async () => (await askEks(summary, 'GET', '')).cluster.arn),
    ...specs.filter(({ kind }) => kind === 'Nodegroup').flatMap(ofGroup),
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

/** Lines that are shown around each that changes. */
const CONTEXT = 3;

/** Those that change with what is around them; in the place of the others, how many are `left` out. */
function nearChanges(lines) {
  const shown = new Set(lines.flatMap(({ sign }, at) => (sign === ' ' ? [] : Array.from({ length: 2 * CONTEXT + 1 }, (_, step) => at + step - CONTEXT))));
  return lines.reduce((/** @type {any[]} */ kept, line, at) => {
    const last = kept.at(-1);
    if (shown.has(at)) kept.push(line);
    else if (last?.left) last.left += 1;
    else kept.push({ ...line, left: 1 });
    return kept;
  }, []);
}
