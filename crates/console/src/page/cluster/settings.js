/* Forms for what is set of a cluster: its endpoint, logs, protection, encryption and support. */

const LOG_TYPES = ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'];
const changeConfig = (cluster, body) => askEks(cluster, 'POST', '/update-config', body);

/** Why none of this can be changed now; null where it can. */
const settingsFixed = (found) => unchangeable(found) || (updating(found) ? 'The cluster is being updated.' : null);

/** Why deletion protection can't be changed now. It needs nothing that runs, and waits for nothing that a start ends. */
const protectionFixed = (found) => (found.summary.phase === 'Stopped' ? unchangeable(found, false) : settingsFixed(found));

function protect(cluster, on) {
  ask(`Turn deletion protection ${onOff(on)}?`, [], `Turn ${onOff(on)}`, () => changeConfig(cluster, { deletionProtection: on }),
    { text: on ? `Nobody can delete ${cluster.name} until it is off again.` : `${cluster.name} can be deleted then.` });
}

function editEndpoint(cluster, vpc) {
  ask(`Endpoint of ${cluster.name}`, [
    { label: 'Public access: from outside', name: 'open', members: 'endpointPublicAccess|public endpoint access', type: 'checkbox', checked: vpc.endpointPublicAccess },
    { label: 'From these networks', name: 'cidrs', members: 'publicAccessCidrs|public access CIDRs', value: (vpc.publicAccessCidrs || []).join(', '), required: false, hint: 'CIDR blocks, with commas. 0.0.0.0/0: everywhere.' },
    { label: 'Private access (recorded only)', name: 'inside', members: 'endpointPrivateAccess', type: 'checkbox', checked: vpc.endpointPrivateAccess },
  ], 'Change', ({ open, cidrs, inside }) => {
    const networks = split(cidrs || '');
    if (open && !networks.length) throw fault('publicAccessCidrs', 'Name the networks; 0.0.0.0/0 means everywhere.');
    const wanted = { endpointPublicAccess: Boolean(open), endpointPrivateAccess: Boolean(inside), ...(open && { publicAccessCidrs: networks }) };
    if (Object.entries(wanted).every(([name, value]) => same(value, vpc[name]))) throw new Error('Nothing was changed.');
    return changeConfig(cluster, { resourcesVpcConfig: wanted });
  }, { text: 'Nodes and pods of the cluster reach its API server in any case.' });
}

function editLogging(cluster, enabled) {
  const box = (type) => field({ label: type, name: 'type', type: 'checkbox', value: type, checked: enabled.includes(type) });
  ask(`Logs of ${cluster.name}`, LOG_TYPES.map(box), 'Change', (_, form) => {
    const on = new FormData(form).getAll('type').map(String);
    const off = LOG_TYPES.filter((type) => !on.includes(type));
    return changeConfig(cluster, { logging: { clusterLogging: [{ types: on, enabled: true }, { types: off, enabled: false }].filter(({ types }) => types.length) } });
  }, { text: 'The audit log is kept on the server; turning it on or off restarts the API server. The others are recorded only: the server’s container has those logs in any case.' });
}

function editSupport(cluster, supportType) {
  ask(`Support of ${cluster.name}`, [{ label: 'Support', name: 'supportType', options: ['STANDARD', 'EXTENDED'], value: supportType }], 'Change',
    (values) => changeConfig(cluster, { upgradePolicy: values }), { text: 'Recorded only: clusters are never upgraded by themselves.' });
}

function encrypt(cluster) {
  ask(`Encrypt the Secrets of ${cluster.name}`, [{ label: 'KMS key', name: 'keyArn', members: 'keyArn|KMS key', value: `arn:aws:kms:${cluster.region}:${cluster.account}:key/k3eks-console`, hint: 'ARN. Recorded only: the cluster makes a key of its own.' }], 'Encrypt',
    ({ keyArn }) => askEks(cluster, 'POST', '/encryption-config/associate', { encryptionConfig: [{ resources: ['secrets'], provider: { keyArn } }] }),
    { text: 'The API server restarts. There is no way back.' });
}

/** The way to another version. Node groups follow first: EKS lets none lag behind. */
async function upgrade(cluster) {
  const known = await versions().catch(() => []);
  const next = known.filter((version) => minorOf(version) === minorOf(cluster.version) + 1);
  if (!next.length) return say(`There is no version after ${cluster.version}.`);
  return ask(`Upgrade ${cluster.name}`, [{ label: 'To', name: 'version', members: 'version|Kubernetes version', options: next },
    { label: 'Force: also where an insight says that something has to be done first', name: 'force', type: 'checkbox' },
  ], 'Upgrade', ({ version, force }) => askEks(cluster, 'POST', '/updates', { version, ...(force && { force: true }) }),
  { text: 'The API server is away for some seconds. Versions never go down. Node groups keep theirs until they are upgraded.' });
}

/** Why a cluster can't go to another version now; null where it can. Which versions there are may not be known yet. */
function upgradeFixed(found, known = []) {
  const { summary } = found;
  const behind = summary.groups.filter(({ version }) => version && minorOf(version) < minorOf(summary.version)).map(({ name }) => name);
  return settingsFixed(found) || (behind.length ? `Node groups follow first: upgrade ${behind.join(', ')} to ${summary.version}.` : null)
    || (known.length && known.every((version) => minorOf(version) <= minorOf(summary.version)) ? `${summary.version} is the newest version.` : null);
}
