/* A cluster that somebody wants, as a request to the EKS API, as YAML and as commands of the aws CLI. */

/** Text in YAML: in quotes wherever it could be something else than text. */
function yamlText(text) {
  const plain = /^[A-Za-z][\w./@-]*(:[\w./@-]+|::[\w./@-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}

/** A map as somebody types it: a key may be there twice, and isn't hidden then. */
class Pairs {
  constructor(list) { this.list = list; }
  get map() { return Object.fromEntries(this.list); }
  get json() { return `{${this.list.map((pair) => pair.map((one) => JSON.stringify(one)).join(':')).join(',')}}`; }
  toJSON() { return this.map; }
  get twice() { return this.list.map(([key]) => key).find((key, at, keys) => keys.indexOf(key) < at); }
}
const entriesOf = (value) => (value instanceof Pairs ? value.list : Object.entries(value));

/** Lines of YAML. Lists of texts stand in one line; what is empty isn't there. */
function yaml(value, indent = '') {
  if (typeof value !== 'object') return [String(typeof value === 'string' ? yamlText(value) : value)];
  return entriesOf(value).flatMap(([name, one]) => {
    const key = `${indent}${yamlText(name)}:`;
    if (one === undefined || (typeof one === 'object' && !entriesOf(one).length)) return [];
    if (typeof one !== 'object') return [`${key} ${yaml(one)[0]}`];
    if (!Array.isArray(one)) return [key, ...yaml(one, `${indent}  `)];
    if (typeof one[0] !== 'object') return [`${key} [${one.map((item) => yaml(item)[0]).join(', ')}]`];
    return [key, ...one.flatMap((item) => yaml(item, `${indent}    `).map((line, at) => (at ? line : `${indent}  - ${line.trimStart()}`)))];
  });
}

/** A word of a shell's command. */
const word = (text) => (/^[\w./:=@,-]+$/.test(text) ? text : `'${String(text).replaceAll("'", "'\\''")}'`);

/** Without it a new cluster knows no access entries: that is the API's default, and not the AWS console's. */
const AUTHENTICATION = 'API_AND_CONFIG_MAP';

/** What CreateCluster is asked. */
function requestOf({ name, version, roleArn, subnets, publicAccess, privateAccess, cidrs, services, kmsKey, authentication, protection, audit, tags, token }) {
  return {
    name,
    ...(version && { version }),
    roleArn,
    resourcesVpcConfig: {
      ...(subnets.length && { subnetIds: subnets }),
      endpointPublicAccess: publicAccess,
      endpointPrivateAccess: privateAccess,
      ...(publicAccess && cidrs.length && { publicAccessCidrs: cidrs }),
    },
    ...(services && { kubernetesNetworkConfig: { serviceIpv4Cidr: services } }),
    ...(kmsKey && { encryptionConfig: [{ resources: ['secrets'], provider: { keyArn: kmsKey } }] }),
    accessConfig: { authenticationMode: authentication },
    ...(protection && { deletionProtection: true }),
    ...(audit && { logging: { clusterLogging: [{ types: ['audit'], enabled: true }] } }),
    ...(tags.list.length && { tags: tags.map }),
    clientRequestToken: token,
  };
}

/** The node groups and addons, which the cluster gets as soon as it can have them. Groups that name no subnets have the cluster's. */
function partsOf({ groups, addons, subnets, nodeRole }) {
  return {
    nodeGroups: groups.map(({ name, type, min, desired, max, labels, taints, tags }) => ({
      nodegroupName: name, nodeRole, subnets, instanceTypes: type ? [type] : [], scalingConfig: { minSize: min, desiredSize: desired, maxSize: max }, labels, taints, tags,
    })),
    addons: addons.map(({ name, version }) => ({ addonName: name, addonVersion: version })),
  };
}

/** The resources, as `kubectl apply` takes them, named as the API names them: none takes another's place. */
function yamlOf(want) {
  const resource = objectName(want.name, 50, [want.account, want.region, want.name]);
  const { nodeGroups, addons } = partsOf(want);
  const cluster = {
    apiVersion: 'eks.cattle.io/v1',
    kind: 'EKSClusterConfig',
    metadata: { name: resource },
    spec: {
      displayName: resource === want.name ? undefined : want.name,
      accountID: want.account,
      region: want.region,
      kubernetesVersion: want.version || undefined,
      serviceRole: want.roleArn,
      subnets: want.subnets,
      publicAccess: want.publicAccess,
      privateAccess: want.privateAccess,
      publicAccessSources: want.publicAccess ? want.cidrs : undefined,
      kubernetesNetworkConfig: want.services ? { serviceIpv4Cidr: want.services } : undefined,
      secretsEncryption: Boolean(want.kmsKey) || undefined,
      kmsKey: want.kmsKey || undefined,
      accessConfig: { authenticationMode: want.authentication },
      deletionProtection: want.protection || undefined,
      loggingTypes: want.audit ? ['audit'] : [],
      tags: want.tags,
    },
  };
  const member = (kind, name, parts, spec) => ({ apiVersion: 'k3eks.io/v1alpha1', kind, metadata: { name: objectName(`${resource}-${name}`, 63, parts) }, spec: { clusterName: resource, ...spec } });
  const documents = [cluster, ...nodeGroups.map((group) => member('Nodegroup', group.nodegroupName, [resource, group.nodegroupName], group)),
    ...addons.map((addon) => member('Addon', addon.addonName, ['addon', resource, addon.addonName], addon))];
  return `${warnings(want)}${documents.map((one) => yaml(one).join('\n')).join('\n---\n')}\n`;
}

/** Comments about keys that are there twice: neither form can be used then. */
function warnings({ tags, groups }) {
  const all = [{ what: 'Tag', of: 'the cluster', pairs: tags }, ...groups.flatMap(({ name, labels, tags: own }) => [
    { what: 'Label', of: `node group ${name}`, pairs: labels }, { what: 'Tag', of: `node group ${name}`, pairs: own },
  ])];
  return all.filter(({ pairs }) => pairs.twice).map(({ what, of, pairs }) => `# ${what} ${pairs.twice} of ${of} is there twice.\n`).join('');
}

/** Whose keys the commands are to be run with. Where none are checked, an account's number is a key of that account. */
function keysFor({ checked, keys: mine, account }) {
  if (mine) return `# With the keys of ${mine}.`;
  if (checked) return '# With your keys.';
  if (account === DEFAULT_ACCOUNT) return '# With any keys. Those of .k3eks/k3eks.env also let you into the cluster.';
  return `# In this shell, keys of account ${account} take the place of yours.\nexport AWS_ACCESS_KEY_ID=${word(account)} AWS_SECRET_ACCESS_KEY=test`;
}

/** An option with a map, or a list; none where that is empty. */
const jsonOption = (name, value) => (entriesOf(value).length ? [[name, value instanceof Pairs ? value.json : JSON.stringify(value)]] : []);

/** The same with the aws CLI. */
function commandsOf(want) {
  const command = (verb, ...options) => `aws eks ${verb} ${options.flat().map(([option, ...values]) => [`--${option}`, ...values.map(word)].join(' ')).join(' \\\n  ')}`;
  const network = [
    ...(want.subnets.length ? [`subnetIds=${want.subnets.join(',')}`] : []),
    `endpointPublicAccess=${want.publicAccess}`, `endpointPrivateAccess=${want.privateAccess}`,
    ...(want.publicAccess && want.cidrs.length ? [`publicAccessCidrs=${want.cidrs.join(',')}`] : []),
  ].join(',');
  const cluster = ['cluster-name', want.name];
  const lines = [
    `export AWS_ENDPOINT_URL=${location.origin} AWS_DEFAULT_REGION=${word(want.region)}`,
    keysFor(want),
    command('create-cluster', [['name', want.name], ...(want.version ? [['kubernetes-version', want.version]] : []), ['role-arn', want.roleArn],
      ['resources-vpc-config', network], ['access-config', `authenticationMode=${want.authentication}`],
      ...(want.services ? [['kubernetes-network-config', `serviceIpv4Cidr=${want.services}`]] : []), ...(want.kmsKey ? [['encryption-config', JSON.stringify(requestOf(want).encryptionConfig)]] : []),
      ...(want.protection ? [['deletion-protection']] : []), ...(want.audit ? [['logging', JSON.stringify(requestOf(want).logging)]] : []), ...jsonOption('tags', want.tags)]),
  ];
  if (want.groups.length || want.addons.length) lines.push(`aws eks wait cluster-active --name ${word(want.name)}`);
  // Subnets that were made up have ids that the cluster tells.
  const made = want.groups.length > 0 && !want.subnets.length;
  const subnets = `$(aws eks describe-cluster --name ${word(want.name)} --query 'cluster.resourcesVpcConfig.subnetIds' --output text)`;
  for (const { name, type, min, desired, max, labels, taints, tags } of want.groups) {
    const line = command('create-nodegroup', [cluster, ['nodegroup-name', name], ['node-role', want.nodeRole], ...(made ? [] : [['subnets', ...want.subnets]]),
      ...(type ? [['instance-types', type]] : []), ['scaling-config', `minSize=${min},desiredSize=${desired},maxSize=${max}`],
      ...jsonOption('labels', labels), ...jsonOption('taints', taints), ...jsonOption('tags', tags)]);
    lines.push(made ? `${line} \\\n  --subnets ${subnets}` : line);
  }
  for (const { name, version } of want.addons) lines.push(command('create-addon', [cluster, ['addon-name', name], ...(version ? [['addon-version', version]] : [])]));
  return `${warnings(want)}${lines.join('\n')}\n`;
}
