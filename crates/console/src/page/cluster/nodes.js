/* Nodes: servers among them, with what they use. */

/** How much of what there is is used. */
function Usage({ used, of, text, what }) {
  if (used === undefined) return html`${text(of)}`;
  return html`<progress max=${of || 1} value=${Math.min(used, of)} aria-label=${`${what}: ${text(used)} of ${text(of)}`}></progress> ${text(used)} of ${text(of)}`;
}

/** What is to be known of a node's state: the conditions that aren't as they should be, and what keeps pods away. */
function NodeState({ node }) {
  const conditions = node.status?.conditions || [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const wrong = conditions.filter(({ type, status }) => type !== 'Ready' && status === 'True').map(({ type }) => type);
  const taints = (node.spec?.taints || []).map(taintText);
  return html`<span class=${`phase ${ready?.status === 'True' ? 'Active' : 'Failed'}`}>${ready?.status === 'True' ? 'Ready' : 'Not ready'}</span>
    ${ready?.status !== 'True' && ready?.message && html`<div>${ready.message}</div>`}
    ${wrong.length > 0 && html`<div class="wrong">${wrong.join(', ')}</div>`}
    ${node.spec?.unschedulable && html`<div>cordoned</div>`}
    ${taints.map((taint) => html`<div class="mono">${taint}</div>`)}`;
}

/**
 * The group of a node. A node without one is a server in clusters that k3eks creates; in imported clusters the label of the role tells servers.
 */
function groupOf({ metadata: { labels = {} } }, imported) {
  const server = !imported || ['control-plane', 'master'].some((role) => `node-role.kubernetes.io/${role}` in labels);
  return labels['eks.amazonaws.com/nodegroup'] || (server ? 'server' : '–');
}

function LiveNodes({ found, rights }) {
  const nodes = useObjects(found.summary, rights, 'nodes');
  const usage = useObjects(found.summary, rights, 'node-usage', '', 15_000);
  const { opened, close, opener } = useDetails('nodes');
  const last = useRef();
  if (!rights.may.nodes) return html`<p class="says">The cluster doesn’t let you list its nodes: this is what the operator knows of them.</p><${KnownNodes} found=${found} />`;
  const there = nodes.items?.find(({ metadata }) => metadata.name === opened);
  if (there) last.current = there;
  const used = new Map((usage.items || []).map((one) => [one.metadata.name, one.usage]));
  const cells = (node) => {
    const { labels = {}, name, creationTimestamp } = node.metadata;
    const { cpu, memory } = node.status?.allocatable || {};
    const now = used.get(name);
    return [opener(name), groupOf(node, found.summary.imported), html`<${NodeState} node=${node} />`, node.status?.nodeInfo?.kubeletVersion || '–',
      labels['node.kubernetes.io/instance-type'] || '–', labels['topology.kubernetes.io/zone'] || '–',
      html`<${Usage} what="CPU" used=${now && quantity(now.cpu)} of=${quantity(cpu)} text=${cpuText} />`,
      html`<${Usage} what="Memory" used=${now && quantity(now.memory)} of=${quantity(memory)} text=${memoryText} />`,
      (node.status?.addresses || []).find(({ type }) => type === 'InternalIP')?.address || '–', html`<${Ago} time=${creationTimestamp} />`];
  };
  return html`<${Said} objects=${nodes} what="nodes" />
    ${nodes.items && html`<${List} label="Nodes" columns=${['Node', 'Group', 'State', 'Version', 'Instance type', 'Zone', 'CPU', 'Memory', 'Address', 'Created']}
      items=${nodes.items} id=${(node) => node.metadata.name} cells=${cells} none="The cluster has no nodes." />`}
    ${nodes.items && !used.size && html`<p class="says">${rights.may['node-usage'] ? 'The cluster has no metrics: the addon metrics-server says what nodes use.' : 'The cluster doesn’t let you see what its nodes use.'}</p>`}
    ${opened && last.current && html`<${NodeDetails} key=${opened} cluster=${found.summary} rights=${rights} node=${last.current} gone=${Boolean(nodes.items) && !there} close=${close} />`}`;
}

/** Nodes of node groups, as the operator reports them. */
function KnownNodes({ found: { summary } }) {
  const nodes = summary.groups.flatMap((group) => (group.nodes || []).map((node) => ({ ...node, group: group.name })));
  return html`<${List} label="Nodes" columns=${['Node', 'Group', 'State']} items=${nodes} id=${(node) => node.name}
    cells=${(node) => [html`<code>${node.name}</code>`, node.group, node.ready ? 'Ready' : 'Not ready']} none="No nodes are known." />`;
}

const Nodes = ({ found }) => html`<${Inside} found=${found} view=${LiveNodes} beside=${html`<${KnownNodes} found=${found} />`} />`;

addTab({ id: 'nodes', title: 'Nodes', order: 30, view: Nodes });
