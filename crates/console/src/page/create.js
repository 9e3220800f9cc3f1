/* The view in which a cluster is described: a form, and beside it the same as YAML and as commands. */

const TYPES = ['t3.small', 't3.medium', 't3.large', 't3.xlarge', 'm5.large', 'm5.xlarge', 'c5.large', 'c5.xlarge', 'r5.large'];
const REGIONS = ['us-east-1', 'us-east-2', 'us-west-2', 'eu-central-1', 'eu-west-1', 'ap-northeast-1', 'ap-southeast-2'];
const DEFAULT_ACCOUNT = '000000000000';
/** What the form is of; none before it is first wanted.
 * @type {any} */
let draft = null;

const split = (text) => text.split(/[\s,]+/).filter(Boolean);

/** Whether a node of this type has the type's CPU and memory; `instance_types.rs` has the same. */
const knownType = (name) => /^((t2|t3a?|t4g)\.(nano|micro|small|medium|large|2?xlarge)|[cmr]\d[^.]*\.(medium|large|(2|3|4|6|8|9|12|16|24)?xlarge))$/.test(name);

/** Says at a field of instance types which of them aren't known. */
function tellTypes(control) {
  const unknown = split(control.value).filter((name) => !knownType(name));
  const id = `${control.id}-unknown`;
  let words = byId(id);
  if (!words) {
    words = h('small', { id, role: 'status' });
    control.closest('.field').append(words);
    control.setAttribute('aria-describedby', [control.getAttribute('aria-describedby'), id].filter(Boolean).join(' '));
  }
  words.textContent = unknown.length ? `${unknown.join(', ')}: unknown here, so nodes of it get no limits of CPU and memory. EKS refuses types that don't exist.` : '';
}
const ofTypes = { list: TYPES, oninput: (event) => tellTypes(event.target) };

/** A group of fields that there can be several of. */
function several(name, title, verb, make) {
  const items = h('div', { class: 'several' });
  const add = h('button', { type: 'button', onclick: () => {
    const item = make(items.children.length + 1);
    items.append(item);
    item.querySelector('input').focus();
    showRecipe();
  } }, verb);
  items.addEventListener('click', (event) => {
    const target = /** @type {Element} */ (event.target);
    const item = target.closest('button.drop')?.closest('.item');
    if (!item) return;
    // Not one of the rows within an item, which go by themselves.
    if (item.parentElement !== items) return;
    item.remove();
    add.focus();
    items.dispatchEvent(changed());
  });
  return h('fieldset', { 'data-rows': name }, h('legend', {}, title), items, add);
}

const drop = (what, text = 'Remove') => h('button', { type: 'button', class: 'drop', 'aria-label': `Remove ${what}` }, text);

function groupItem(number) {
  return h('fieldset', { class: 'item' }, h('legend', {}, `Node group ${number}`), h('div', { class: 'fields' },
    field({ label: 'Group name', name: 'group', members: 'nodegroupName', value: `workers${number > 1 ? `-${number}` : ''}`, ...PATTERNS.group }),
    field({ label: 'Instance type', name: 'type', members: 'instanceType|instanceTypes', value: 't3.medium', ...ofTypes }),
    field({ label: 'Min size', name: 'min', members: 'minSize|Minimum capacity', type: 'number', min: 0, max: 450, value: '1' }),
    field({ label: 'Desired size', name: 'desired', members: 'desiredSize|desired capacity', type: 'number', min: 0, max: 450, value: '1' }),
    field({ label: 'Max size', name: 'max', members: 'maxSize', type: 'number', min: 1, max: 450, value: '2' })),
  h('details', {}, h('summary', {}, 'Labels, taints and tags'),
    labelFields({}, 'Labels of the nodes'), taintFields([], 'Taints of the nodes'),
    pairsOf('groupTags', 'Tags of the node group', 'group tag', {}, groupNote)), drop(`node group ${number}`, `Remove node group ${number}`));
}

function tagItem(number) {
  return h('fieldset', { class: 'item' }, h('legend', { class: 'hidden' }, `Tag ${number}`), h('div', { class: 'fields' },
    field({ label: 'Key', name: 'key', members: 'key|Tag keys', maxlength: 128 }), field({ label: 'Value', name: 'value', maxlength: 256, required: false })), drop(`tag ${number}`));
}

/** What the form says. */
function want() {
  const { form } = draft;
  const value = (name) => form.elements[name].value.trim();
  const of = (item, name) => item.querySelector(`[name=${name}]`).value.trim();
  const items = (rows) => itemsOf(form.querySelector(`[data-rows=${rows}]`));
  const pairs = (rows) => new Pairs(rows.filter(({ key }) => key).map(({ key, value: text }) => [key, text]));
  return {
    token: draft.token,
    checked: draft.checked,
    keys: draft.keys,
    name: value('name'),
    version: value('version'),
    account: value('account'),
    region: value('region'),
    roleArn: value('role'),
    nodeRole: role(value('account'), 'k3eks-console-node'),
    subnets: split(value('subnets')),
    publicAccess: form.elements.public.checked,
    privateAccess: form.elements.private.checked,
    cidrs: split(value('cidrs')),
    services: value('services'),
    kmsKey: value('kms'),
    authentication: value('authentication'),
    protection: form.elements.protection.checked,
    audit: form.elements.audit.checked,
    groups: items('nodeGroups').map((item) => ({
      name: of(item, 'group'), type: of(item, 'type'), min: Number(of(item, 'min')), desired: Number(of(item, 'desired')), max: Number(of(item, 'max')),
      labels: pairs(rowValues(item, 'labels')), taints: taintsOf(item).filter(({ key }) => key), tags: pairs(rowValues(item, 'groupTags')),
    })),
    tags: pairs(rowValues(form, 'tags')),
    addons: [...form.querySelectorAll('[name=addon]:checked')].map((box) => ({ name: box.value, version: box.dataset.version })),
  };
}

/** Writes down what the form says, both ways. */
function showRecipe() {
  const wanted = want();
  byId('yaml').textContent = yamlOf({ ...wanted, name: wanted.name || 'name' });
  byId('commands').textContent = commandsOf({ ...wanted, name: wanted.name || 'name' });
}

/** Sizes of node groups that don't fit each other. */
function checkSizes(form) {
  for (const item of itemsOf(form.querySelector('[data-rows=nodeGroups]'))) {
    const [min, desired, max] = ['min', 'desired', 'max'].map((name) => item.querySelector(`[name=${name}]`));
    const [least, wanted, most] = [min, desired, max].map(({ value }) => Number(value));
    min.setCustomValidity(least <= most ? '' : 'The min size must not be greater than the max size.');
    const fits = least > most || (least <= wanted && wanted <= most);
    desired.setCustomValidity(fits ? '' : 'The desired size must be between the min and the max size.');
  }
}

/** What there is of a new cluster whose parts were refused, and what isn't; with the way to it. */
async function madeOf({ name, groups, addons }, world) {
  const listed = async (rest, list) => (await request('GET', eks({ name }, `${rest}?maxResults=100`), { world }))[list];
  const words = await Promise.all([listed('/node-groups', 'nodegroups'), listed('/addons', 'addons')]).then(([madeGroups, madeAddons]) => {
    const all = [...groups.map((one) => ({ text: `node group ${one.name}`, there: madeGroups.includes(one.name) })), ...addons.map((one) => ({ text: `addon ${one.name}`, there: madeAddons.includes(one.name) }))];
    const of = (there) => all.filter((one) => one.there === there).map(({ text }) => text).join(', ');
    return [`Cluster ${name} is being created${of(true) && `, with ${of(true)}`}.`, of(false) && `Not made: ${of(false)}.`].filter(Boolean).join(' ');
  }, () => `Cluster ${name} is being created, but not all of its node groups and addons.`);
  // Whoever goes on there is done with the form.
  const link = h('a', { href: address({ ...world, name }), onclick: () => { draft = null; } }, `Open ${name}`);
  return { before: `${words} Mend it here and try again, or go on at the cluster’s page.`, link };
}

async function submitCreate() {
  const wanted = want();
  const world = { account: wanted.account, region: wanted.region };
  await request('POST', '/clusters', { body: requestOf(wanted), world });
  const parts = partsOf(wanted);
  if (parts.nodeGroups.length || parts.addons.length) {
    await request('POST', `/_k3eks/console/parts/${encodeURIComponent(wanted.name)}`, { body: parts, world })
      .catch(async (error) => { throw Object.assign(error, await madeOf(wanted, world)); });
  }
  draft = null;
  say(`Cluster ${wanted.name} is being created.`);
  go({ ...world, name: wanted.name });
}

/** The addons that the version can have. */
async function offerAddons() {
  const mine = draft;
  const version = mine.form.elements.version.value;
  // An answer that was overtaken by another choice is of the wrong version.
  const current = () => draft === mine && mine.form.elements.version.value === version;
  const box = byId('addons');
  const query = version ? `&kubernetesVersion=${version}` : '';
  try {
    const { addons } = await request('GET', `/addons/supported-versions?maxResults=100${query}`);
    if (!current()) return;
    const chosen = new Set(want().addons.map((addon) => addon.name));
    const newest = ({ addonVersions }) => (addonVersions.find(({ compatibilities }) => compatibilities.some((one) => one.defaultVersion)) || addonVersions[0]).addonVersion;
    box.replaceChildren(...addons.sort((a, b) => compare(a.addonName, b.addonName)).map((addon) => h('label', { class: 'check' },
      h('input', { type: 'checkbox', name: 'addon', value: addon.addonName, 'data-version': newest(addon), checked: chosen.has(addon.addonName) }), ` ${addonLabel(addon.addonName)}`)));
  } catch (error) {
    if (!current()) return;
    box.replaceChildren(h('p', {}, `The addons aren't known: ${error.message}`));
  }
  showRecipe();
}

/** The versions to choose from, newest first. That of clusters that name none is marked, and those that EKS dropped stand apart. */
function clusterVersionOptions({ known, past, usual }) {
  const now = known.filter((version) => !past.includes(version)).map((version) => (version === usual ? { value: '', text: `${usual} (default)` } : version));
  return [...(usual ? [] : [{ value: '', text: 'default' }]), ...now, ...(past.length ? [{ group: 'no longer offered by EKS', options: past }] : [])];
}

/** The form's parts, in the order in which they are filled in. */
function createForm(known, checked, account) {
  const submit = h('button', { class: 'main', type: 'submit' }, 'Create cluster');
  const form = asking(submit, submitCreate, { oninput: showRecipe, check: checkSizes },
  h('fieldset', {}, h('legend', {}, 'Cluster'), h('div', { class: 'fields' },
    field({ label: 'Name', name: 'name', members: 'name|displayName|clusterName|with name', ...PATTERNS.cluster }),
    field({ label: 'Kubernetes version', name: 'version', members: 'version|kubernetesVersion|Kubernetes version', required: false, value: '', options: clusterVersionOptions(known) }),
    field({ label: 'Region', name: 'region', value: 'us-east-1', list: REGIONS, ...PATTERNS.region }),
    field({ label: 'Account', name: 'account', members: 'accountID', value: account, ...PATTERNS.account, readonly: checked, hint: checked ? 'That of your key.' : undefined }),
    field({ label: 'Role', name: 'role', members: 'roleArn|serviceRole|Role Arn|pass role', value: role(account, 'k3eks-console'), hint: 'Need not exist.' }),
    field({ label: 'Authentication mode', name: 'authentication', members: 'authenticationMode|authentication mode', value: AUTHENTICATION, options: [
      { value: 'API', text: 'EKS API' }, { value: 'API_AND_CONFIG_MAP', text: 'EKS API and ConfigMap' }, { value: 'CONFIG_MAP', text: 'ConfigMap' },
    ], hint: 'Access entries need the EKS API.' }),
    field({ label: 'Encryption of Secrets', name: 'kms', members: 'keyArn|KMS key', required: false, hint: 'ARN of a KMS key. Empty: none. The key is recorded only: the cluster makes one of its own.' })),
  field({ label: 'Deletion protection', name: 'protection', members: 'deletionProtection', type: 'checkbox' }), field({ label: 'Audit log', name: 'audit', members: 'logging|loggingTypes', type: 'checkbox' })),
  h('fieldset', {}, h('legend', {}, 'Network'), h('div', { class: 'fields' },
    field({ label: 'Subnets', name: 'subnets', members: 'subnetIds|subnets|Subnets specified|subnet ID', required: false, ...PATTERNS.subnets, hint: 'Ids, with commas between them. Empty: some are made up.' }),
    field({ label: 'Public access from', name: 'cidrs', members: 'publicAccessCidrs|publicAccessSources|public access CIDRs', required: false, hint: 'CIDR blocks. Empty: from everywhere.' }),
    field({ label: 'Addresses of Services', name: 'services', members: 'serviceIpv4Cidr', required: false, placeholder: '10.100.0.0/16', hint: 'A private CIDR block. It never changes.' })),
  field({ label: 'Public endpoint', name: 'public', members: 'endpointPublicAccess|publicAccess|public endpoint access', type: 'checkbox', checked: true }), field({ label: 'Private endpoint (recorded only: nodes and pods reach the API server in any case)', name: 'private', members: 'endpointPrivateAccess|privateAccess', type: 'checkbox' })),
  several('nodeGroups', 'Node groups', 'Add node group', groupItem),
  several('tags', 'Tags', 'Add tag', tagItem),
  h('fieldset', {}, h('legend', {}, 'Addons'), h('div', { id: 'addons', class: 'checks' })),
  h('div', { class: 'row' }, submit, h('a', { href: '#/clusters' }, 'Cancel')));
  const fields = /** @type {Record<string, any>} */ (/** @type {unknown} */ (form.elements));
  form.addEventListener('input', () => { draft.typed = true; });
  fields.version.addEventListener('change', offerAddons);
  fields.account.addEventListener('input', ({ target }) => {
    if (fields.role.value === role(draft.account, 'k3eks-console')) fields.role.value = role(target.value, 'k3eks-console');
    draft.account = target.value;
  });
  fields.public.addEventListener('change', ({ target }) => {
    fields.cidrs.disabled = !target.checked;
    fields.cidrs.title = target.checked ? '' : 'Without a public endpoint there is no access from outside.';
  });
  return form;
}

/** Shows the form: that of the last time, if it wasn't sent. */
async function enterCreate() {
  if (draft) return;
  // Without keys, the form says the account.
  const checked = !permissive() || Boolean(keys.get());
  const mine = { token: null };
  draft = mine;
  byId('form').replaceChildren();
  for (const id of ['yaml', 'commands']) byId(id).textContent = '';
  const [known, who] = await Promise.all([offered().catch(() => ({ known: [], past: [], usual: undefined })), checked ? whoami().catch(() => null) : null]);
  // Somebody signed in or out meanwhile: theirs is another form.
  if (draft !== mine) return;
  const account = who?.account || DEFAULT_ACCOUNT;
  const random = crypto.getRandomValues(new Uint32Array(4));
  draft = { token: [...random].map((part) => part.toString(16)).join('-'), keys: keys.get()?.id, checked, account };
  draft.form = createForm(known, checked, account);
  byId('form').replaceChildren(draft.form);
  showRecipe();
  await offerAddons();
}

/** Copies what stands beside the form. */
function beginCreate() {
  byId('create').addEventListener('click', ({ target }) => {
    const what = target.closest('button[data-copies]')?.dataset.copies;
    if (what) copy(byId(what).textContent, what === 'yaml' ? 'The YAML' : 'The command');
  });
}
