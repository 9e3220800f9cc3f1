/* Identity providers: whose tokens the cluster's API server takes. */

function addProvider(cluster) {
  ask(`Add an identity provider to ${cluster.name}`, [h('div', { class: 'fields' },
    field({ label: 'Name', name: 'identityProviderConfigName' }), field({ label: 'Issuer', name: 'issuerUrl', placeholder: 'https://id.example.com', hint: 'URL with https.' }),
    field({ label: 'Client id', name: 'clientId', hint: 'The audience of its tokens.' }),
    field({ label: 'Claim with the user', name: 'usernameClaim', required: false, placeholder: 'sub' }), field({ label: 'Before the user', name: 'usernamePrefix', required: false }),
    field({ label: 'Claim with the groups', name: 'groupsClaim', required: false }), field({ label: 'Before each group', name: 'groupsPrefix', required: false })),
  pairsOf('claims', 'Claims that tokens must have', 'claim'),
  ], 'Add', (values, form) => askEks(cluster, 'POST', '/identity-provider-configs/associate', { oidc: given({ ...values, key: '', value: '', requiredClaims: pairValues(form, 'claims') }) }), { wide: true });
}

function IdentityProviders({ found }) {
  const { summary, identityProviders } = found;
  const most = minorOf(summary.version) >= 32 ? 10 : 1;
  const why = unchangeable(found) || (updating(found) ? 'The cluster is being updated.' : null);
  const full = identityProviders.length >= most && `A cluster of ${summary.version} can have at most ${most}.`;
  const gone = (name) => askEks(summary, 'POST', '/identity-provider-configs/disassociate', { identityProviderConfig: { type: 'oidc', name } });
  const cells = ({ spec, status }) => {
    const name = spec.identityProviderConfigName;
    return [name, html`<code>${spec.issuerUrl}</code>`, html`<code>${spec.clientId}</code>`, `${spec.usernamePrefix || ''}${spec.usernameClaim || 'sub'}`, spec.groupsClaim ? `${spec.groupsPrefix || ''}${spec.groupsClaim}` : '–',
      stateOf({ status }), saysOf({ status }), html`<${Do} look="bad" does=${() => removing(`identity provider ${name}`, () => gone(name), 'Its tokens aren’t taken any more.')} why=${why} label=${`Remove ${name}`}>Remove<//>`];
  };
  return html`<${List} label="Identity providers" columns=${['Name', 'Issuer', 'Client id', 'User', 'Groups', 'State', 'Message', '']} items=${identityProviders} id=${(one) => one.metadata.name} cells=${cells} none="There are no identity providers." />
    <p><${Do} does=${() => addProvider(summary)} why=${why || full}>Add identity provider<//></p>
    ${identityProviders.length > 0 && html`<p class="says">As on EKS, a provider isn’t changed: remove it, and add it anew.</p>`}`;
}

addTab({ id: 'identityproviders', title: 'Identity providers', order: 80, view: IdentityProviders });
