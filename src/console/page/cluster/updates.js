/* Updates: what was changed, and how far it is. */

const Updates = ({ found: { updates } }) => html`<${List} label="Updates" columns=${['When', 'What', 'Of', 'State', 'Changes']} items=${updates}
  id=${(update) => update.metadata.name} cells=${(update) => [
    html`<${Ago} time=${update.metadata.creationTimestamp} />`, update.spec.type, update.spec.nodegroupName || update.spec.addonName || 'the cluster',
    html`<${Phase} name=${update.status?.state || 'InProgress'} />`,
    html`${(update.spec.params || []).map((param) => html`<div class="mono">${param.type}: ${param.value}</div>`)}
      ${(update.status?.errors || []).map((error) => html`<div class="wrong">${error.errorMessage || error.message || error.errorCode}</div>`)}`,
  ]} none="The cluster wasn’t changed yet." />`;

addTab({ id: 'updates', title: 'Updates', order: 100, view: Updates });
