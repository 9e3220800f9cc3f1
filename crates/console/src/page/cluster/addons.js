/* Addons: which there are, what they may be told, and what became of them. */

const addonPath = (name, rest = '') => `/addons/${encodeURIComponent(name)}${rest}`;

/** The addons that a cluster's version can have, with their versions, newest first. */
async function catalogue(cluster) {
  const query = new URLSearchParams({ maxResults: 100, ...(cluster.version && { kubernetesVersion: cluster.version }) });
  return (await request('GET', `/addons/supported-versions?${query}`, { world: cluster })).addons.sort((a, b) => compare(a.addonName, b.addonName));
}

/** The addons that a chart installs or that something in the cluster stands in for; of the others nothing is installed. `addon_catalogue.yaml` says what. */
const INSTALLED = ['vpc-cni', 'coredns', 'kube-proxy', 'aws-ebs-csi-driver', 'metrics-server', 'cert-manager', 'eks-pod-identity-agent'];
const addonLabel = (name) => (INSTALLED.includes(name) ? name : `${name} (recorded only)`);
const isDefault = ({ compatibilities }) => compatibilities.some((one) => one.defaultVersion);
const versionOptions = ({ addonVersions }) => addonVersions.map((one) => ({ value: one.addonVersion, text: `${one.addonVersion}${isDefault(one) ? ', the default' : ''}` }));
const defaultVersion = ({ addonVersions }) => (addonVersions.find(isDefault) || addonVersions[0]).addonVersion;

/** What a configuration may have, in words, and the schema itself. */
function schemaOf({ configurationSchema, podIdentityConfiguration }) {
  const { properties = {} } = JSON.parse(configurationSchema);
  const accounts = (podIdentityConfiguration || []).map(({ serviceAccount }) => serviceAccount);
  return [
    h('h3', {}, 'What it may have'),
    h('dl', {}, Object.entries(properties).flatMap(([name, { type, description }]) => [h('dt', { class: 'mono' }, name), h('dd', {}, [type, description].filter(Boolean).join(': '))])),
    accounts.length > 0 && h('p', { class: 'says' }, `Its pods can have a role by Pod Identity: service account ${accounts.join(', ')}.`),
    h('details', {}, h('summary', {}, 'The JSON schema'), h('pre', { tabindex: 0, role: 'region', 'aria-label': 'JSON schema' }, JSON.stringify(JSON.parse(configurationSchema), null, 2))),
  ];
}

/**
 * Fields for an addon; the schema follows the version that is chosen, and both the addon where one can be chosen.
 * @param {Cluster} cluster
 * @param {any[]} offers
 * @param {{ name?: string, version?: string, configuration?: string, account?: string }} addon
 */
function addonFields(cluster, offers, { name, version, configuration = '', account = '' }) {
  const offer = () => offers.find(({ addonName }) => addonName === (chooser ? chooser.querySelector('select')?.value : name));
  const chooser = name ? null : field({ label: 'Addon', name: 'addon', members: 'addonName', options: [{ value: '', text: 'choose an addon' },
    ...[...offers].sort((a, b) => Number(INSTALLED.includes(b.addonName)) - Number(INSTALLED.includes(a.addonName))).map(({ addonName }) => ({ value: addonName, text: addonLabel(addonName) }))] });
  const versionField = field({ label: 'Version', name: 'version', members: 'addonVersion', options: offer() ? versionOptions(offer()) : [version || ''], value: version });
  const select = /** @type {HTMLSelectElement} */ (versionField.querySelector('select'));
  const schema = h('div', { role: 'region', 'aria-label': 'Configuration schema' });
  const showSchema = async () => {
    if (chooser && !offer()) return schema.replaceChildren();
    const query = new URLSearchParams({ addonName: offer()?.addonName || name, addonVersion: select.value });
    const asked = String(query);
    schema.dataset.of = asked;
    const shown = await request('GET', `/addons/configuration-schemas?${query}`, { world: cluster }).then(schemaOf, (error) => [h('p', { class: 'wrong' }, error.message)]);
    if (schema.dataset.of === asked) schema.replaceChildren(.../** @type {Node[]} */ (shown.filter(Boolean)));
  };
  const choose = () => {
    const chosen = offer();
    select.replaceChildren(...(chosen ? versionOptions(chosen) : []).map(({ value, text }) => h('option', { value }, text)));
    if (chosen) select.value = defaultVersion(chosen);
    return showSchema();
  };
  chooser?.addEventListener('change', choose);
  select.addEventListener('change', showSchema);
  if (chooser) choose();
  else showSchema();
  return [h('div', { class: 'fields' }, ...(chooser ? [chooser] : []), versionField,
    field({ label: 'Role of its service account', name: 'account', members: 'serviceAccountRoleArn|Role Arn|pass role', required: false, value: account, ...PATTERNS.role, hint: 'ARN. Recorded only.' }),
    field({ label: 'Conflicts', name: 'conflicts', members: 'resolveConflicts', required: false, options: [{ value: '', text: name ? 'Keep the current setting' : 'The default: NONE' }, 'NONE', 'OVERWRITE', 'PRESERVE'], hint: 'What becomes of what others made or changed of an addon that a chart installs.' })),
  field({ label: 'Configuration', name: 'configuration', members: 'configurationValues|ConfigurationValue', type: 'textarea', rows: 5, required: false, value: configuration, hint: 'JSON or YAML, as the schema below has it.', spellcheck: 'false', class: 'mono' }), schema];
}

function addAddon(cluster, there) {
  return withAsked(catalogue(cluster), (offers) => {
    const left = offers.filter(({ addonName }) => !there.includes(addonName));
    if (!left.length) return say('The cluster has every addon that there is for its version.');
    return ask(`Add an addon to ${cluster.name}`, addonFields(cluster, left, {}), 'Add', async ({ addon, version, configuration, account, conflicts }) => {
      await askEks(cluster, 'POST', '/addons', { addonName: addon, ...given({ addonVersion: version, configurationValues: configuration, serviceAccountRoleArn: account, resolveConflicts: conflicts }) });
      say(`Addon ${addon} is being added.`);
    }, { wide: true, text: 'For an addon that is recorded only, nothing is installed in the cluster.' });
  });
}

/** Changes an addon; `to` is the version that is proposed. */
function editAddon(cluster, addon, offers, to) {
  const { addonName: name, addonVersion: version, configurationValues: configuration = '', serviceAccountRoleArn: account = '' } = addon.spec;
  ask(`${to ? 'Update' : 'Configure'} ${name}`, addonFields(cluster, offers, { name, version: to || version, configuration, account }), to ? 'Update' : 'Change', (values) => {
    const body = {
      ...(values.version !== version && { addonVersion: values.version }),
      ...(values.configuration !== configuration && { configurationValues: values.configuration }),
      ...(values.account !== account && { serviceAccountRoleArn: values.account }),
      ...given({ resolveConflicts: values.conflicts }),
    };
    if (!Object.keys(body).length) throw new Error('Nothing was changed.');
    return askEks(cluster, 'POST', addonPath(name, '/update'), body);
  }, { wide: true, text: to ? `It has ${version}.` : undefined });
}

/** Why an addon can't be changed now; null where it can. */
function addonFixed(found, { spec: { addonName }, status, metadata }) {
  if (metadata.deletionTimestamp) return `${addonName} is being removed.`;
  if (!status?.phase || status.phase === 'Creating') return `${addonName} is still being created.`;
  if (updating(found, (spec) => spec.addonName === addonName)) return `${addonName} is being updated.`;
  return null;
}

function AddonActions({ found, addon, offers }) {
  const { summary } = found;
  const { addonName: name, addonVersion: version } = addon.spec;
  const why = unchangeable(found) || addonFixed(found, addon);
  const offer = offers.find(({ addonName }) => addonName === name);
  const newest = offer?.addonVersions[0]?.addonVersion;
  return html`<span class="row">
    <${Do} does=${() => editAddon(summary, addon, offers)} why=${why} label=${`Configure ${name}`}>Configure<//>
    <${Do} does=${() => editAddon(summary, addon, offers, newest)} why=${why || (!newest || newest === version ? `There is no newer version of ${name} for the cluster’s.` : null)} label=${`Update ${name}`}>Update<//>
    <${Do} look="bad" does=${() => removing(name, () => askEks(summary, 'DELETE', addonPath(name)))} why=${addon.metadata.deletionTimestamp && `${name} is being removed.`} label=${`Remove ${name}`}>Remove<//></span>`;
}

/** What the operator says of something that belongs to the cluster: that it is recorded only, or why it doesn't work. */
function saysOf({ status }) {
  const issues = (status?.issues || []).map(({ message }) => message);
  const ready = (status?.conditions || []).find(({ type }) => type === 'Ready');
  return issues.length ? issues.join('; ') : ready?.message || '';
}

function Addons({ found }) {
  const { summary, addons } = found;
  const { data: offers = [], error } = usePolled(`${summary.key} ${summary.version}`, () => catalogue(summary), 600_000);
  const cells = (addon) => [addon.spec.addonName, addon.spec.addonVersion || '–', stateOf(addon), html`<code>${addon.spec.configurationValues || ''}</code>`, saysOf(addon),
    html`<${AddonActions} found=${found} addon=${addon} offers=${offers} />`];
  return html`${error && html`<p class="wrong" role="alert">The catalogue isn’t known: ${error.message}</p>`}
    <${List} label="Addons" columns=${['Addon', 'Version', 'State', 'Configuration', 'Message', '']} items=${addons} id=${(addon) => addon.spec.addonName} cells=${cells} none="No addons were asked for." />
    <p><${Do} does=${() => addAddon(summary, addons.map(({ spec }) => spec.addonName))} why=${unchangeable(found)}>Add addon<//></p>`;
}

addTab({ id: 'addons', title: 'Addons', order: 50, view: Addons });
