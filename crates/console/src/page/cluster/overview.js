/* The overview: what the cluster is, how it is, and what is set. */

/** Words for a setting that is on or off. */
const onOff = (value) => (value ? 'on' : 'off');

/** Why a condition is as it is; one that is True of what rests doesn't say that it runs. */
function conditionWords({ type, status, reason }) {
  const rests = { Stopped: 'stopped, as the spec asks', Sleeping: 'asleep, as the spec asks' }[reason];
  const why = status === 'True' ? rests : type.endsWith('Ready') && reason;
  return `${type}=${status}${why ? ` (${why})` : ''}`;
}


/** What the EKS API says of the cluster. Asked again when the resource changed. */
function useDescribed({ summary, status, spec }) {
  const now = `${summary.key} ${summary.phase} ${status?.observedGeneration} ${JSON.stringify(spec)}`;
  const described = usePolled(now, async () => (await request('GET', eks(summary), { world: summary })).cluster, 60_000);
  const [last, keep] = useState(null);
  useEffect(() => { if (described.data) keep(described.data); }, [described.data]);
  return { cluster: described.data || last, error: described.error };
}

function Health({ cluster, rests }) {
  const issues = cluster?.health?.issues || [];
  return html`<h3>Health</h3>
    ${rests ? html`<p>It is ${rests}, so nothing is looked at.</p>` : issues.length ? html`<ul>${issues.map(({ code, message }) => html`<li key=${code}><strong class="phase Failed">${code}</strong> ${message}</li>`)}</ul>` : html`<p>${cluster ? 'No issues are known.' : 'asking…'}</p>`}`;
}

/** Whether no node takes pods without a toleration: as soon as there is a node group, servers take none. */
function allTainted({ summary: { groups, imported }, spec }) {
  const some = groups.filter(({ scaling }) => scaling.desiredSize);
  return !imported && !spec.controlPlane?.schedulable && some.length > 0 && some.every(({ taints }) => keepsAway(taints));
}

function Overview({ found }) {
  const { summary, spec, status, conditions } = found;
  const { cluster, error } = useDescribed(found);
  const vpc = cluster?.resourcesVpcConfig;
  const why = settingsFixed(found);
  const code = (text) => text && html`<code>${text}</code>`;
  const codes = (list) => list?.length && list.map((text) => html`<div class="mono">${text}</div>`);
  const logs = cluster?.logging?.clusterLogging?.filter(({ enabled }) => enabled).flatMap(({ types }) => types) || [];
  return html`<${Facts} pairs=${[
    ['Version', cluster ? `${cluster.version || summary.version}, platform ${cluster.platformVersion || '–'}` : summary.version],
    ['Account, region', `${summary.account}, ${summary.region}`], ['ARN', code(cluster?.arn || status?.arn)], ['Role', code(cluster?.roleArn)],
    ['Resource', code(`${summary.namespace}/${summary.resource}`)], ['Created', html`<${Ago} time=${summary.created} />`],
    ['Sleeps', spec.hibernateAfter && (summary.asleep ? 'now: Wake brings it back' : `when nobody used it for ${spec.hibernateAfter}`)],
    ['Conditions', (conditions || []).map(conditionWords).join(', ')],
  ]} />
  ${allTainted(found) && html`<p class="wrong" role="status">Every node is tainted: pods without a toleration stay Pending. Add a node group without taints, or remove the taints of one.</p>`}
  ${error && html`<p class="wrong">${error.message}</p>`}
  <${Health} cluster=${cluster} rests=${summary.asleep ? 'asleep' : summary.phase === 'Stopped' && 'stopped'} />
  <${Insights} found=${found} />
  ${cluster && html`
    <h3>Endpoint and network</h3>
    <${Facts} pairs=${[
    ['Endpoint', cluster.endpoint ? code(cluster.endpoint) : 'none yet'],
    ['From outside', vpc && cluster.endpoint && (vpc.endpointPublicAccess ? `open to ${(vpc.publicAccessCidrs || []).join(', ') || 'everybody'}` : 'closed')], ['From nodes and pods', cluster.endpoint && `open in any case; private access is ${onOff(vpc?.endpointPrivateAccess)}, which is recorded only`],
    ['Services', code(cluster.kubernetesNetworkConfig?.serviceIpv4Cidr)], ['Network', code(vpc?.vpcId)], ['Subnets', codes(vpc?.subnetIds)],
    ['Security groups', codes([vpc?.clusterSecurityGroupId, ...(vpc?.securityGroupIds || [])].filter(Boolean))],
  ]} />
    ${!summary.imported && vpc && html`<p><${Do} does=${() => editEndpoint(summary, vpc)} why=${why}>Change the endpoint’s access<//></p>`}
    <h3>Identity</h3>
    <${Facts} pairs=${[
    ['OIDC issuer', code(cluster.identity?.oidc?.issuer || status?.oidcIssuer)], ['Authentication mode', cluster.accessConfig?.authenticationMode],
    ['Certificate authority', status?.certificateAuthority?.id && code(status.certificateAuthority.id)],
  ]} />
    ${NEXT_MODES[modeOf(found)] && html`<p><${ModeButton} found=${found} /></p>`}
    <h3>Protection, encryption, logging</h3>
    <${Facts} pairs=${[
    ['Deletion protection', onOff(cluster.deletionProtection)],
    ['Encryption of Secrets', cluster.encryptionConfig?.length ? html`on, with ${code(cluster.encryptionConfig[0].provider?.keyArn || 'a key of the cluster’s own')}` : 'off'],
    ['Logs', logs.join(', ') || 'none are turned on'], ['Support', cluster.upgradePolicy?.supportType],
  ]} />
    ${!summary.imported && html`<p class="row">
      <${Do} does=${() => protect(summary, !cluster.deletionProtection)} why=${protectionFixed(found)}>Turn deletion protection ${onOff(!cluster.deletionProtection)}<//>
      <${Do} does=${() => encrypt(summary)} why=${why || (cluster.encryptionConfig?.length ? 'Secrets are encrypted already.' : null)}>Encrypt Secrets<//>
      <${Do} does=${() => editLogging(summary, logs)} why=${why}>Change the logs<//>
      <${Do} does=${() => editSupport(summary, cluster.upgradePolicy?.supportType)} why=${why}>Change the support<//></p>`}
    <h3>Tags</h3>
    ${Object.keys(cluster.tags || {}).length ? html`<${Facts} pairs=${Object.entries(cluster.tags)} />` : html`<p>There are none.</p>`}
    ${summary.phase !== 'Deleting' && html`<p><button onClick=${() => editTags(summary, summary.name, cluster.arn, cluster.tags)}>Change the tags</button></p>`}`}`;
}

addTab({ id: 'overview', title: 'Overview', order: 10, view: Overview });
