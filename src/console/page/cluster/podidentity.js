/* Pod identity associations. */

const PodIdentity = ({ found: { podIdentity } }) => html`<${List} label="Pod identity" columns=${['Service account', 'Role']} items=${podIdentity}
  id=${(one) => one.metadata.name} cells=${(one) => [`${one.spec.namespace}/${one.spec.serviceAccount}`, html`<code>${one.spec.roleArn}</code>`]}
  none="There are no pod identity associations." />`;

addTab({ id: 'podidentity', title: 'Pod identity', order: 70, view: PodIdentity });
