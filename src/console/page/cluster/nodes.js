/* Nodes. */

function Nodes({ found: { summary } }) {
  const nodes = summary.groups.flatMap((group) => (group.nodes || []).map((node) => ({ ...node, group: group.name })));
  return html`<${List} label="Nodes" columns=${['Node', 'Group', 'Ready']} items=${nodes} id=${(node) => node.name}
    cells=${(node) => [html`<code>${node.name}</code>`, node.group, node.ready ? 'yes' : 'no']} none="No nodes are known." />`;
}

addTab({ id: 'nodes', title: 'Nodes', order: 30, view: Nodes });
