/* Fargate profiles: which pods are meant for Fargate. Recorded only: there is none here. */

const profilePath = (name = '') => `/fargate-profiles${name && `/${encodeURIComponent(name)}`}`;

/** `app=web, tier=front` as labels, of the selector at `index`. */
function labelsIn(text, index) {
  const parts = text.split(',').map((part) => part.trim()).filter(Boolean);
  const wrong = parts.find((part) => !/^[^=\s]+=\S*$/.test(part));
  if (wrong) throw fault(`selectors[${index}].labels`, `${wrong} is no label. Write key=value, with commas between several.`);
  const pairs = parts.map((pair) => [pair.split('=')[0], pair.split('=').slice(1).join('=')]);
  return pairs.length ? { labels: Object.fromEntries(pairs) } : {};
}

function addProfile(cluster) {
  ask(`Add a Fargate profile to ${cluster.name}`, [h('div', { class: 'fields' },
    field({ label: 'Name', name: 'name', members: 'fargateProfileName|Fargate profile name|fargate profile name|with this name' }), field({ label: 'Pod execution role', name: 'role', members: 'podExecutionRoleArn|Role Arn|pass role', value: role(cluster.account, 'k3eks-console-fargate'), hint: 'Need not exist.' }),
    field({ label: 'Subnets', name: 'subnets', members: 'subnets|Subnets specified', required: false, ...PATTERNS.subnets, hint: 'With commas. Empty: the cluster’s.' })),
  rowsOf('selectors', 'Pods', 'selector', [{ label: 'In namespace', name: 'namespace', members: 'namespace|namespace in selector|namespace value' }, { label: 'With labels', name: 'labels', members: 'labels|label in selector|Label pairs', required: false, placeholder: 'app=web, tier=front', hint: 'key=value, with commas.' }], [{ namespace: 'default' }]),
  pairsOf('tags', 'Tags', 'tag'),
  ], 'Add', ({ name, role: podExecutionRoleArn, subnets }, form) => {
    const selectors = rowValues(form, 'selectors').map(({ namespace, labels }, at) => ({ namespace, ...labelsIn(labels, at) }));
    return askEks(cluster, 'POST', profilePath(), { fargateProfileName: name, podExecutionRoleArn, selectors, ...given({ subnets: split(subnets), tags: pairValues(form, 'tags') }) });
  }, { wide: true, text: 'Recorded only: there is no Fargate here, and the pods run on the cluster’s nodes.' });
}

const selected = ({ namespace, labels = {} }) => html`<div class="mono">${[namespace, ...Object.entries(labels).map((pair) => pair.join('='))].join(' ')}</div>`;

function Fargate({ found }) {
  const { summary, fargate } = found;
  const busy = fargate.find(({ metadata, status }) => metadata.deletionTimestamp || !status?.phase || status.phase === 'Creating');
  const why = (busy && 'Another profile is coming or going: only one does at a time.') || null;
  const cells = ({ spec, status }) => {
    const name = spec.fargateProfileName;
    return [name, (spec.selectors || []).map(selected), html`<code>${spec.podExecutionRoleArn}</code>`, stateOf({ status }), saysOf({ status }),
      html`<${Do} look="bad" does=${() => removing(`Fargate profile ${name}`, () => askEks(summary, 'DELETE', profilePath(name)))} why=${why} label=${`Remove ${name}`}>Remove<//>`];
  };
  return html`<p class="says">Recorded only: there is no Fargate here. Pods that a profile selects run on the cluster’s nodes.</p>
    <${List} label="Fargate profiles" columns=${['Name', 'Pods', 'Role', 'State', 'Message', '']} items=${fargate} id=${(one) => one.metadata.name} cells=${cells} none="There are no Fargate profiles." />
    <p><${Do} does=${() => addProfile(summary)} why=${unchangeable(found) || why}>Add Fargate profile<//></p>`;
}

addTab({ id: 'fargate', title: 'Fargate', order: 90, view: Fargate });
