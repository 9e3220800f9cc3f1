/* One node: what it has, how it is, and what runs on it. */

/** A resource of a node, as people write it. */
function resourceText(name, text) {
  if (!text) return '–';
  if (name === 'cpu') return cpuText(quantity(text));
  return /memory|storage|hugepages/.test(name) ? memoryText(quantity(text)) : text;
}

/** Conditions that say True of trouble; Ready alone says it of what is well. */
const conditionLook = ({ type, status }) => (status === (type === 'Ready' ? 'True' : 'False') ? 'Active' : 'Failed');

function PodsOfNode({ cluster, rights, name }) {
  const { data, error } = useChild(cluster, rights.may.pods ? `objects/pods?node=${encodeURIComponent(name)}` : null, 5000);
  if (!rights.may.pods) return html`<p class="says">The cluster doesn’t let you list the pods of all its namespaces.</p>`;
  const cells = (pod) => {
    const containers = pod.status?.containerStatuses || [];
    const state = podState(pod);
    return [pod.metadata.namespace, html`<code>${pod.metadata.name}</code>`, html`<span class=${`phase ${podLook(state)}`}>${state}</span>`,
      `${containers.filter(({ ready }) => ready).length}/${pod.spec?.containers?.length || 0}`, containers.reduce((total, { restartCount }) => total + (restartCount || 0), 0), html`<${Ago} time=${pod.metadata.creationTimestamp} />`];
  };
  return html`<${Said} objects=${{ error, items: data?.items, more: data?.more }} what="pods" />
    ${data && html`<${List} label=${`Pods of ${name}`} columns=${['Namespace', 'Pod', 'State', 'Ready', 'Restarts', 'Created']} items=${data.items} id=${idOf} cells=${cells} none="No pods run on it." />`}`;
}

function NodeDetails({ cluster, rights, node, gone, close }) {
  const { name, labels, creationTimestamp } = node.metadata;
  const { nodeInfo: info = {}, conditions = [], capacity = {}, allocatable = {}, addresses = [] } = node.status || {};
  const resources = [...new Set([...Object.keys(capacity), ...Object.keys(allocatable)])];
  return html`<${Details} title=${`Node ${name}`} close=${close}>
    ${gone && html`<p role="status">This node is gone. This is what was known of it last.</p>`}
    <${Facts} pairs=${[
    ['Group', groupOf(node, cluster.imported)], ['Provider ID', node.spec?.providerID && html`<code>${node.spec.providerID}</code>`],
    ['System', [info.osImage, info.kernelVersion && `kernel ${info.kernelVersion}`, info.architecture].filter(Boolean).join(', ')],
    ['Kubelet', info.kubeletVersion], ['Container runtime', info.containerRuntimeVersion],
    ['Addresses', html`<${Lines} items=${addresses.map(({ type, address: at }) => `${type} ${at}`)} />`],
    ['Labels', pairLines(labels)], ['Taints', html`<${Lines} items=${(node.spec?.taints || []).map(taintText)} />`],
    ['Takes pods', node.spec?.unschedulable ? 'no: it is cordoned' : 'yes'], ['Created', html`<${Ago} time=${creationTimestamp} />`],
  ]} />
    <h4>Capacity</h4>
    <${List} label=${`Capacity of ${name}`} columns=${['What', 'In all', 'For pods']} items=${resources} id=${(one) => one}
      cells=${(one) => [one, resourceText(one, capacity[one]), resourceText(one, allocatable[one])]} none="Nothing is known of it." />
    <h4>Conditions</h4>
    <${List} label=${`Conditions of ${name}`} columns=${['Condition', 'State', 'Since', 'Reason', 'In words']} items=${conditions} id=${({ type }) => type}
      cells=${(one) => [one.type, html`<span class=${`phase ${conditionLook(one)}`}>${one.status}</span>`, html`<${Ago} time=${one.lastTransitionTime} />`, one.reason || '–', one.message || '']} none="Nothing is known of it." />
    <h4>Pods</h4>
    <${PodsOfNode} cluster=${cluster} rights=${rights} name=${name} /><//>`;
}
