/* Pod identity associations: which service accounts have which roles. */

const associationPath = (id = '') => `/pod-identity-associations${id && `/${encodeURIComponent(id)}`}`;

const roleFields = (cluster, { roleArn = '', targetRoleArn = '', disableSessionTags = false, policy = '' }) => [
  field({ label: 'Role', name: 'roleArn', members: 'roleArn|Role Arn|The role', value: roleArn, placeholder: role(cluster.account, 'app'), hint: 'ARN of a role of the cluster’s account. Need not exist.' }),
  field({ label: 'Target role', name: 'targetRoleArn', value: targetRoleArn || '', required: false, hint: 'ARN of a role, of any account, that pods get by way of the first. Empty: none.' }),
  field({ label: 'Session policy', name: 'policy', members: 'policy|The policy', type: 'textarea', rows: 3, class: 'mono', spellcheck: 'false', value: policy || '', required: false, hint: 'JSON; needs sessions without tags. Empty: none.' }),
  field({ label: 'Sessions have no tags', name: 'disableSessionTags', type: 'checkbox', checked: disableSessionTags }),
];
const roleValues = ({ roleArn, targetRoleArn, policy, disableSessionTags }) => ({ roleArn, targetRoleArn, policy, disableSessionTags: Boolean(disableSessionTags) });

function addAssociation(cluster) {
  ask(`Give pods of ${cluster.name} a role`, [
    { label: 'Namespace', name: 'namespace', members: 'namespace|Invalid namespace', value: 'default' }, { label: 'Service account', name: 'serviceAccount' }, ...roleFields(cluster, {}),
  ], 'Add', (values) => askEks(cluster, 'POST', associationPath(), { namespace: values.namespace, serviceAccount: values.serviceAccount, ...given(roleValues(values)) }));
}

function editAssociation(cluster, id, { namespace, serviceAccount, ...spec }) {
  ask(`Role of ${namespace}/${serviceAccount}`, roleFields(cluster, spec), 'Change', (values) => askEks(cluster, 'POST', associationPath(id), roleValues(values)));
}

function PodIdentity({ found }) {
  const { summary, podIdentity } = found;
  // Only the API knows their ids, and which ones belong to an addon.
  const question = JSON.stringify(podIdentity.map(({ metadata }) => metadata.uid));
  const { data, error } = usePolled(question, async () => (await askEks(summary, 'GET', `${associationPath()}?maxResults=100`)).associations, 600_000);
  const known = ({ namespace, serviceAccount }) => data?.find((one) => one.namespace === namespace && one.serviceAccount === serviceAccount);
  const why = (spec) => {
    if (!known(spec)) return error ? error.message : 'The association isn’t known yet.';
    const addon = known(spec).ownerArn?.split('/').at(-2);
    return addon ? `It belongs to addon ${addon}: configure that.` : null;
  };
  const cells = ({ spec, status }) => {
    const name = `${spec.namespace}/${spec.serviceAccount}`;
    return [name, html`<code>${spec.roleArn}</code>${spec.targetRoleArn && html`<div>then <code>${spec.targetRoleArn}</code></div>`}`, html`<code>${known(spec)?.associationId || ''}</code>`, saysOf({ status }), html`<span class="row">
      <${Do} does=${() => editAssociation(summary, known(spec).associationId, spec)} why=${why(spec)} label=${`Edit ${name}`}>Edit<//>
      <${Do} look="bad" does=${() => removing(`the role of ${name}`, () => askEks(summary, 'DELETE', associationPath(known(spec).associationId)), 'Its pods get no credentials any more.')} why=${why(spec)} label=${`Remove ${name}`}>Remove<//></span>`];
  };
  return html`<${List} label="Pod identity" columns=${['Service account', 'Role', 'Id', 'Message', '']} items=${podIdentity} id=${(one) => one.metadata.name} cells=${cells} none="There are no pod identity associations." />
    <p><${Do} does=${() => addAssociation(summary)} why=${summary.phase === 'Deleting' && 'The cluster is being deleted.'}>Add association<//></p>`;
}

addTab({ id: 'podidentity', title: 'Pod identity', order: 70, view: PodIdentity });
