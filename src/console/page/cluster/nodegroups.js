/* Node groups. */

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

function deleteGroup(cluster, group) {
  ask(`Delete node group ${group.name}?`, [], 'Delete', () => request('DELETE', eks(cluster, `/node-groups/${encodeURIComponent(group.name)}`), { world: cluster }),
    { danger: true, text: 'Its nodes are drained and removed.' });
}

function NodeGroups({ found: { summary } }) {
  const cells = (group) => [
    group.name, html`<${Phase} name=${group.phase} />`, group.version || '–', html`<${Ready} ready=${group.ready} wanted=${group.scaling.desiredSize} />`,
    `${group.scaling.minSize}–${group.scaling.maxSize}`, (group.instanceTypes || []).join(', ') || 't3.medium', group.says || '',
    html`<span class="row"><button onClick=${() => scale(summary, group)} aria-label=${`Scale ${group.name}`}>Scale</button>
      <button class="bad" onClick=${() => deleteGroup(summary, group)} aria-label=${`Delete ${group.name}`}>Delete</button></span>`,
  ];
  return html`<${List} label="Node groups" columns=${['Group', 'Phase', 'Version', 'Nodes', 'Sizes', 'Instance types', 'Says', '']}
      items=${summary.groups} cells=${cells} id=${(group) => group.name} none="There are no node groups: the cluster has only its server." />
    ${!summary.imported && html`<p><button onClick=${() => addGroup(summary)}>Add node group</button></p>`}`;
}

addTab({ id: 'nodegroups', title: 'Node groups', order: 20, view: NodeGroups });
