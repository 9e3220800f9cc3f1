/* Identity providers. */

const IdentityProviders = ({ found: { identityProviders } }) => html`<${List} label="Identity providers" columns=${['Name', 'State']} items=${identityProviders}
  id=${(one) => one.metadata.name} cells=${(one) => [one.metadata.name, stateOf(one)]} none="There are no identity providers." />`;

addTab({ id: 'identityproviders', title: 'Identity providers', order: 80, view: IdentityProviders });
