/* The audit trail: calls to the EKS API that changed something of the cluster. */

const Calls = ({ found: { calls } }) => html`<${List} label="Audit trail" columns=${['When', 'Call', 'By', 'Outcome']} items=${calls} cells=${(call) => [
  html`<${Ago} time=${call.eventTime} />`, call.eventName, html`<code>${call.userIdentity?.arn || '–'}</code>`, call.errorMessage || call.errorCode || 'done',
]} none="Nothing was asked of the EKS API for this cluster since it started." />`;

addTab({ id: 'calls', title: 'Audit trail', order: 130, view: Calls });
