/* The overview: what the cluster is, how it is, and what is set. */

/** Words for a setting that is on or off. */
const onOff = (value) => (value ? 'on' : 'off');

/** What the EKS API says of the cluster, and how fit it is for the next version. Asked again when the resource changed. */
function useDescribed({ summary, status, spec }) {
  const now = `${summary.key} ${summary.phase} ${status?.observedGeneration} ${JSON.stringify(spec)}`;
  const described = usePolled(now, async () => (await request('GET', eks(summary), { world: summary })).cluster, 60_000);
  const awake = summary.phase === 'Active' && status?.applied?.provider !== 'metadata';
  const insights = usePolled(awake ? summary.key : null, async () => (await request('POST', eks(summary, '/insights'), { body: {}, world: summary })).insights, 60_000);
  const [last, keep] = useState(null);
  useEffect(() => { if (described.data) keep(described.data); }, [described.data]);
  return { cluster: described.data || last, error: described.error, insights, awake };
}

const changeConfig = (summary, body) => request('POST', eks(summary, '/update-config'), { body, world: summary });

function protect({ name, ...summary }, on) {
  ask(`Turn deletion protection ${onOff(on)}?`, [], `Turn ${onOff(on)}`, () => changeConfig({ name, ...summary }, { deletionProtection: on }),
    { text: on ? `Nobody can delete ${name} until it is off again.` : `${name} can be deleted then.` });
}

function editEndpoint(summary, vpc) {
  ask(`Endpoint of ${summary.name}`, [
    { label: 'From outside', name: 'open', options: vpc.endpointPublicAccess ? ['open', 'closed'] : ['closed', 'open'] },
    { label: 'From these networks', name: 'cidrs', value: (vpc.publicAccessCidrs || []).join(', ') || '0.0.0.0/0', required: false },
  ], 'Change', ({ open, cidrs }) => {
    const endpointPublicAccess = open === 'open';
    const publicAccessCidrs = endpointPublicAccess ? { publicAccessCidrs: cidrs.split(/[\s,]+/).filter(Boolean) } : {};
    return changeConfig(summary, { resourcesVpcConfig: { endpointPublicAccess, endpointPrivateAccess: true, ...publicAccessCidrs } });
  }, { text: 'Nodes and pods of the cluster reach its API server in any case.' });
}

function editTags(summary, cluster) {
  const value = Object.entries(cluster.tags || {}).map((pair) => pair.join('=')).join(', ');
  ask(`Tags of ${summary.name}`, [{ label: 'Tags', name: 'tags', value, required: false, placeholder: 'team=web, stage=test' }], 'Change', async ({ tags }) => {
    const wanted = Object.fromEntries(tags.split(',').map((tag) => tag.trim()).filter(Boolean).map((tag) => [tag.split('=')[0].trim(), tag.split('=').slice(1).join('=').trim()]));
    const path = `/tags/${encodeURIComponent(cluster.arn)}`;
    const gone = Object.keys(cluster.tags || {}).filter((key) => !(key in wanted));
    if (Object.keys(wanted).length) await request('POST', path, { body: { tags: wanted }, world: summary });
    if (gone.length) await request('DELETE', `${path}?${gone.map((key) => `tagKeys=${encodeURIComponent(key)}`).join('&')}`, { world: summary });
  });
}

function Health({ cluster, insights: { data, error }, awake }) {
  const issues = cluster?.health?.issues || [];
  return html`<h3>Health</h3>
    ${issues.length ? html`<ul>${issues.map(({ code, message }) => html`<li key=${code}><strong class="phase Failed">${code}</strong> ${message}</li>`)}</ul>` : html`<p>${cluster ? 'No issues are known.' : 'asking…'}</p>`}
    <h3>Insights</h3>
    ${!awake && html`<p>There are insights into clusters that run.</p>`}
    ${awake && error && html`<p class="wrong">${error.message}</p>`}
    ${awake && data && html`<${List} label="Insights" columns=${['Insight', 'For version', 'State', 'Why', 'Looked at']} items=${data} id=${({ id }) => id}
      cells=${(one) => [one.name, one.kubernetesVersion || '–', html`<span class=${`phase ${{ PASSING: 'Active', WARNING: 'Updating', ERROR: 'Failed' }[one.insightStatus?.status] || ''}`}>${one.insightStatus?.status}</span>`, one.insightStatus?.reason || one.description, html`<${Ago} time=${one.lastRefreshTime} />`]}
      none="There are no insights yet: the operator looks for them now." />`}`;
}

function Overview({ found }) {
  const { summary, spec, status, conditions } = found;
  const { cluster, error, insights, awake } = useDescribed(found);
  const vpc = cluster?.resourcesVpcConfig;
  const fixed = summary.imported || summary.phase === 'Deleting';
  const code = (text) => text && html`<code>${text}</code>`;
  const codes = (list) => list?.length && list.map((text) => html`<div class="mono">${text}</div>`);
  const logs = cluster?.logging?.clusterLogging?.filter(({ enabled }) => enabled).flatMap(({ types }) => types).join(', ');
  return html`<${Facts} pairs=${[
    ['Version', cluster ? `${cluster.version || summary.version}, platform ${cluster.platformVersion || '–'}` : summary.version],
    ['Account, region', `${summary.account}, ${summary.region}`], ['ARN', code(cluster?.arn || status?.arn)], ['Role', code(cluster?.roleArn)],
    ['Resource', code(`${summary.namespace}/${summary.resource}`)], ['Made', html`<${Ago} time=${summary.created} />`],
    ['Sleeps', spec.hibernateAfter && (status?.hibernated ? 'now: Wake brings it back' : `when nobody used it for ${spec.hibernateAfter}`)],
    ['Conditions', (conditions || []).map((one) => `${one.type}=${one.status}`).join(', ')],
  ]} />
  ${error && html`<p class="wrong">${error.message}</p>`}
  <${Health} cluster=${cluster} insights=${insights} awake=${awake} />
  ${cluster && html`
    <h3>Endpoint and network</h3>
    <${Facts} pairs=${[
    ['Endpoint', code(cluster.endpoint)],
    ['From outside', vpc && (vpc.endpointPublicAccess ? `open to ${(vpc.publicAccessCidrs || []).join(', ') || 'everybody'}` : 'closed')], ['From nodes and pods', 'open'],
    ['Services', code(cluster.kubernetesNetworkConfig?.serviceIpv4Cidr)], ['Network', code(vpc?.vpcId)], ['Subnets', codes(vpc?.subnetIds)],
    ['Security groups', codes([vpc?.clusterSecurityGroupId, ...(vpc?.securityGroupIds || [])].filter(Boolean))],
  ]} />
    ${!fixed && vpc && html`<p><button onClick=${() => editEndpoint(summary, vpc)}>Change the endpoint’s access</button></p>`}
    <h3>Identity</h3>
    <${Facts} pairs=${[
    ['OIDC issuer', code(cluster.identity?.oidc?.issuer || status?.oidcIssuer)], ['Authentication mode', cluster.accessConfig?.authenticationMode],
    ['Certificate authority', status?.certificateAuthority?.id && code(status.certificateAuthority.id)],
  ]} />
    <h3>Protection, encryption, logging</h3>
    <${Facts} pairs=${[
    ['Deletion protection', onOff(cluster.deletionProtection)],
    ['Encryption of Secrets', cluster.encryptionConfig?.length ? html`on, with ${code(cluster.encryptionConfig[0].provider?.keyArn || 'a key of the cluster’s own')}` : 'off'],
    ['Logs', logs || 'none are turned on'], ['Support', cluster.upgradePolicy?.supportType],
  ]} />
    ${!fixed && html`<p><button onClick=${() => protect(summary, !cluster.deletionProtection)}>Turn deletion protection ${onOff(!cluster.deletionProtection)}</button></p>`}
    <h3>Tags</h3>
    ${Object.keys(cluster.tags || {}).length ? html`<${Facts} pairs=${Object.entries(cluster.tags)} />` : html`<p>There are none.</p>`}
    ${summary.phase !== 'Deleting' && html`<p><button onClick=${() => editTags(summary, cluster)}>Change the tags</button></p>`}`}`;
}

addTab({ id: 'overview', title: 'Overview', order: 10, view: Overview });
