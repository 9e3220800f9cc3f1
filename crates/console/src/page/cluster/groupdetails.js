/* One node group: what the EKS API says of it. */

/** How many nodes may be away while it is updated. */
function updateWords({ maxUnavailable, maxUnavailablePercentage, updateStrategy } = /** @type {any} */ ({})) {
  const most = maxUnavailablePercentage ? `${maxUnavailablePercentage} % of the nodes` : `${maxUnavailable ?? 1} node${maxUnavailable > 1 ? 's' : ''}`;
  return `at most ${most} away at a time${updateStrategy ? `, strategy ${updateStrategy}` : ''}`;
}

function GroupIssues({ issues = [] }) {
  if (!issues.length) return 'no issues are known';
  return issues.map(({ code, message, resourceIds = [] }) => html`<div key=${`${code} ${message}`}><strong class="phase Failed">${code}</strong> ${message}${resourceIds.length > 0 && html` <span class="mono">${resourceIds.join(', ')}</span>`}</div>`);
}

/** What is told of a group; asked again when its resource changed. */
function GroupDetails({ found: { summary, nodegroups }, name, close }) {
  const resource = nodegroups.find(({ spec, metadata }) => (spec.nodegroupName || metadata.name) === name);
  const { data, error } = usePolled(resource ? `${summary.key} ${name} ${resource.metadata.resourceVersion}` : null, async () => (await askEks(summary, 'GET', groupPath(name))).nodegroup, 30_000);
  const last = useRef();
  if (data) last.current = data;
  const group = last.current;
  const code = (text) => text && html`<code>${text}</code>`;
  const { launchTemplate: template, remoteAccess, scalingConfig: sizes } = group || {};
  return html`<${Details} title=${`Node group ${name}`} close=${close}>
    ${error && html`<p class="wrong" role="alert">${error.message}</p>`}
    ${!resource && html`<p role="status">This node group is gone. This is what was known of it last.</p>`}
    ${!group && !error && resource && html`<p role="status">asking…</p>`}
    ${group && html`<${Facts} pairs=${[
    ['ARN', code(group.nodegroupArn)], ['Version', [group.version, group.releaseVersion && `release ${group.releaseVersion}`].filter(Boolean).join(', ')],
    ['AMI type', group.amiType], ['Instance types', (group.instanceTypes || []).join(', ')], ['Capacity', group.capacityType], ['Disk', group.diskSize && `${group.diskSize} GiB`],
    ['Sizes', sizes && `min ${sizes.minSize}, desired ${sizes.desiredSize}, max ${sizes.maxSize}`], ['Updates', updateWords(group.updateConfig)],
    ['Launch template', template ? [template.name || template.id, template.version && `version ${template.version}`].filter(Boolean).join(', ') : 'none'],
    ['Health', html`<${GroupIssues} issues=${group.health?.issues} />`],
    ['Labels', pairLines(group.labels)], ['Taints', html`<${Lines} items=${(group.taints || []).map(taintText)} />`], ['Tags', pairLines(group.tags)],
    ['Role', code(group.nodeRole)], ['Subnets', html`<${Lines} items=${group.subnets} />`], ['SSH key', code(remoteAccess?.ec2SshKey)],
    ['Created', html`<${Ago} time=${group.createdAt} />`], ['Changed', html`<${Ago} time=${group.modifiedAt} />`],
  ]} />
    <p class="says">Recorded only: AMI type, disk, launch template, role, SSH key, tags and the strategy of updates.</p>`}<//>`;
}
