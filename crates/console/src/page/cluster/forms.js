/* What the forms of a cluster's tabs are made of. They are in the dialog, which live changes don't draw anew: what is typed stays. */

/** Asks the EKS API something about a cluster. */
const askEks = (cluster, method, rest, body) => request(method, eks(cluster, rest), { body, world: cluster });

/** What a request names: without the empty texts, lists and maps. */
const given = (parts) => Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== '' && value !== undefined && (typeof value !== 'object' || Object.keys(value).length)));

/** A button, with a `hint` of what it does. Where its request would be refused for sure it says why instead. Not disabled: a button that is loses the focus. */
function Do({ does, why, hint, label, look, children }) {
  return html`<button class=${look} aria-label=${label} aria-disabled=${why ? 'true' : null} title=${why || hint || null} onClick=${() => (why ? say(why) : does())}>${children}</button>`;
}

/** Why nothing of a cluster can be changed now, of what needs it running; null where it can. One that sleeps takes changes, and wakes. */
function unchangeable({ summary }, running = true) {
  if (summary.imported) return 'The cluster is imported: nothing is changed in it.';
  if (summary.phase === 'Deleting') return 'The cluster is being deleted.';
  if (summary.phase === 'Failed') return 'The cluster failed, and takes no changes until it works.';
  if (!['Active', 'Updating', 'Stopped'].includes(summary.phase)) return 'The cluster isn’t there yet.';
  if (running && summary.phase === 'Stopped' && !summary.asleep) return 'The cluster is stopped: start it first.';
  return null;
}

/** Whether an update is under way: of what `is` tells of, or of the cluster itself. */
const updating = ({ updates }, is = ({ nodegroupName, addonName }) => !nodegroupName && !addonName) => updates.some(({ spec, status }) => (status?.state || 'InProgress') === 'InProgress' && is(spec));

/**
 * Fields of which there can be several: `columns` are those of one, `items` the values that are there already.
 * @param {string} name
 * @param {string} title
 * @param {string} one
 * @param {Field[]} columns
 * @param {any[]} items
 * @param {string} [hint]
 */
function rowsOf(name, title, one, columns, items = [], hint) {
  const list = h('div');
  const make = (values) => h('div', { class: 'item', role: 'group', 'aria-label': one }, h('div', { class: 'fields' },
    columns.map((column) => field({ ...column, 'data-was': values[column.name], value: values[column.name] ?? column.value ?? (column.options ? undefined : '') }))),
  h('button', { type: 'button', class: 'drop', 'aria-label': `Remove ${one}` }, 'Remove'));
  const add = h('button', { type: 'button', onclick: () => {
    list.append(make({}));
    /** @type {HTMLElement} */ (list.lastElementChild?.querySelector('input, select')).focus();
  } }, `Add ${one}`);
  list.append(...items.map(make));
  list.addEventListener('click', (event) => {
    const target = /** @type {Element} */ (event.target);
    if (!target.closest('button.drop')) return;
    target.closest('.item')?.remove();
    add.focus();
    list.dispatchEvent(changed());
  });
  return h('fieldset', { 'data-rows': name }, h('legend', {}, title), hint && h('small', {}, hint), list, add);
}

/** What a form hears of fields that went: as of what is typed. */
const changed = () => new Event('input', { bubbles: true });

/** The items of such fields, without those of fields within them. */
const itemsOf = (rows) => [...(rows?.querySelectorAll(':scope > div > .item') || [])];

/** What stands in those fields, by their names. */
function rowValues(form, name) {
  return itemsOf(form.querySelector(`[data-rows=${name}]`)).map((item) => Object.fromEntries([...item.querySelectorAll('[name]')].map((input) => [input.name, input.value.trim()])));
}

const pairColumns = [{ label: 'Key', name: 'key', members: 'key|Tag keys' }, { label: 'Value', name: 'value', required: false }];
/** The same of labels and taints, as Kubernetes takes them. */
const labelColumns = [{ ...pairColumns[0], ...PATTERNS.labelKey }, { ...pairColumns[1], ...PATTERNS.labelValue }];
const pairsOf = (name, title, one, map = {}, hint = '', columns = pairColumns) => rowsOf(name, title, one, columns, Object.entries(map).map(([key, value]) => ({ key, value })), hint);
function pairValues(form, name) {
  const rows = rowValues(form, name);
  const twice = rows.findIndex(({ key }, at) => rows.findIndex((row) => row.key === key) < at);
  if (twice >= 0) throw fault(`${name}[${twice}].key`, `${rows[twice].key} is there twice.`);
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

/** What has to be set and what has to go, to come from one map to another. */
function difference(before = {}, after = {}) {
  const set = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  const gone = Object.keys(before).filter((key) => !(key in after));
  return { set, gone, any: Object.keys(set).length + gone.length > 0 };
}

/** Brings the tags of something to what is wanted. */
async function changeTags(cluster, arn, before, after) {
  const { set, gone } = difference(before, after);
  const path = `/tags/${encodeURIComponent(arn)}`;
  if (Object.keys(set).length) await request('POST', path, { body: { tags: set }, world: cluster });
  if (gone.length) await request('DELETE', `${path}?${gone.map((key) => `tagKeys=${encodeURIComponent(key)}`).join('&')}`, { world: cluster });
}

function editTags(cluster, what, arn, tags = {}) {
  ask(`Tags of ${what}`, [pairsOf('tags', 'Tags', 'tag', tags)], 'Change', async (_, form) => {
    const wanted = pairValues(form, 'tags');
    if (!difference(tags, wanted).any) throw new Error('Nothing was changed.');
    await changeTags(cluster, arn, tags, wanted);
  }, { wide: true, text: 'Kept and reported, without effect.' });
}

/** Opens a form that needs to know something first; says what went wrong where it can't. */
async function withAsked(asked, open) {
  try {
    open(await asked);
  } catch (error) {
    say(error.message);
  }
}

/**
 * Asks whether something is to go; `more` stands below the text.
 * @param {string} what
 * @param {() => unknown} act
 * @param {string} [text]
 * @param {Node[]} more
 */
const removing = (what, act, text, more = []) => ask(`Remove ${what}?`, more, 'Remove', act, { danger: true, text });
