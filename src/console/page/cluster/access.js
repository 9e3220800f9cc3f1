/* Access entries and their policies. */

const Access = ({ found: { access } }) => html`<${List} label="Access entries" columns=${['Principal', 'Groups', 'Policies']} items=${access}
  id=${(entry) => entry.spec.principalArn} cells=${(entry) => [
    html`<code>${entry.spec.principalArn}</code>`, (entry.spec.kubernetesGroups || []).join(', '),
    (entry.spec.accessPolicies || []).map((policy) => html`<div>${policy.policyArn.split('/').pop()}</div>`),
  ]} none="There are no access entries: the administrator’s kubeconfig is the only way in." />`;

addTab({ id: 'access', title: 'Access', order: 60, view: Access });
