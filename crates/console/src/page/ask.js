/* The dialog in which people are asked, and what they do with one cluster or with many. */

let fieldNumber = 0;

/**
 * An option of a field, or a group of them; the one with this value is chosen.
 * @param {Option} option
 * @returns {HTMLElement}
 */
function optionOf(option, chosen) {
  if (typeof option === 'string') return optionOf({ value: option, text: option }, chosen);
  if ('group' in option) return h('optgroup', { label: option.group }, option.options.map((one) => optionOf(one, chosen)));
  return h('option', { value: option.value, selected: option.value === chosen }, option.text);
}

/**
 * A labelled field; `hint` is read with it. A `list` offers values and takes others. `members` is what the API calls it, with `|` between
 * several names; without any, that is its own name. `allowed` is what is said where its pattern doesn't fit.
 * @param {Field} one
 */
function field({ label, options, hint, list, type, members, allowed, ...properties }) {
  const id = `field-${++fieldNumber}`;
  const look = { id, required: true, autocomplete: 'off', 'aria-describedby': hint && `${id}-hint`, list: list && `${id}-list`, 'data-members': members || properties.name, 'data-allowed': allowed, title: allowed, ...properties };
  if (type === 'checkbox') {
    return h('label', { class: 'check' }, h('input', { ...look, type, required: false }), ` ${label}`);
  }
  const control = options
    ? h('select', look, options.map((option) => optionOf(option, properties.value)))
    : h(type === 'textarea' ? 'textarea' : 'input', { ...look, type: type === 'textarea' ? undefined : type });
  return h('div', { class: 'field' }, h('label', { for: id }, label), control,
    list && h('datalist', { id: `${id}-list` }, list.map((value) => h('option', { value }))), hint && h('small', { id: `${id}-hint` }, hint));
}

/**
 * Asks in a dialog; `act` gets the fields and the form, and what is refused is said there. Beside fields there may be elements of any kind.
 * @param {string} title
 * @param {(Field | Node)[]} fields
 * @param {string} verb
 * @param {(values: any, form: HTMLFormElement) => unknown} act
 * @param {{ text?: string | Child[], danger?: boolean, wide?: boolean }} look
 */
function ask(title, fields, verb, act, { text, danger, wide } = {}) {
  const dialog = byId('dialog');
  const submit = h('button', { class: danger ? 'bad' : 'main', type: 'submit' }, verb);
  const form = asking(submit, async () => {
    await act(Object.fromEntries(new FormData(form)), form);
    if (form.isConnected) dialog.close();
  }, {}, h('h2', { id: 'asked' }, title), text ? h('p', {}, text) : null, fields.map((one) => (one instanceof Node ? one : field(one))),
  h('div', { class: 'row' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), submit));
  dialog.replaceChildren(form);
  dialog.dataset.typed = '';
  form.addEventListener('input', () => { dialog.dataset.typed = 'yes'; });
  dialog.classList.toggle('wide', Boolean(wide));
  if (!dialog.open) dialog.showModal();
}

/** A form into which something was typed goes by Cancel, or by a second Escape. */
function keepTyped(event) {
  const dialog = byId('dialog');
  if (event.key !== 'Escape' || dialog.dataset.typed !== 'yes') return;
  // A single field, such as a name that confirms, is typed again in no time.
  if (controlsOf(dialog.querySelector('form')).length < 2) return;
  event.preventDefault();
  dialog.dataset.typed = 'warned';
  dialog.querySelector('.escape')?.remove();
  const words = h('p', { class: 'wrong escape', role: 'alert' }, 'Escape once more to drop what you typed.');
  dialog.querySelector('form > .row:last-child').before(words);
  words.scrollIntoView({ block: 'nearest' });
}

/** Whether something was typed that would be lost with the page. */
const halfDone = () => (here.view === 'create' && Boolean(draft?.typed)) || (byId('dialog').open && byId('dialog').dataset.typed)
  || [...yamlDrafts.values()].some(({ from, text }) => text !== from.text);

/** Does something with each, a few at a time; fails with what went wrong, of which. */
async function each(items, act) {
  const left = [...items];
  const wrong = [];
  const work = async () => {
    for (let one = left.shift(); one; one = left.shift()) {
      try {
        await act(one);
      } catch (error) {
        wrong.push(items.length > 1 ? `${one.name}: ${error.message}` : error.message);
      }
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  if (!wrong.length) return;
  const done = items.length - wrong.length;
  throw new Error([...(done ? [`Done for ${done} of ${items.length}, not for:`] : []), ...wrong].join('\n'));
}

const named = (items) => (items.length === 1 ? items[0].name : `${items.length} clusters`);
const names = (items) => (items.length > 1 ? h('span', { class: 'names' }, items.map((one) => one.name).join(', ')) : null);

/** Whether a cluster can be started, stopped or deleted now. One that sleeps wasn't stopped by anybody, and wakes. */
const may = {
  Running: (cluster) => !cluster.imported && cluster.phase !== 'Deleting' && Boolean(cluster.stopped || cluster.asleep),
  Stopped: (cluster) => !cluster.imported && cluster.phase !== 'Deleting' && !cluster.stopped && !cluster.asleep,
  delete: (cluster) => cluster.phase !== 'Deleting' && !cluster.protected,
};

/** Stops (`Stopped`), or starts and wakes (`Running`), one cluster or several. */
function power(some, to) {
  const items = [some].flat();
  const verb = to === 'Stopped' ? 'Stop' : items.every((one) => one.asleep && !one.stopped) ? 'Wake' : 'Start';
  const texts = { Stop: 'The containers are stopped, and all data is kept. ', Start: 'The same endpoint and nodes come back. ', Wake: 'Nobody used it for a while, so it sleeps. It comes back with the same endpoint and nodes. ' };
  ask(`${verb} ${named(items)}?`, [], verb, () => each(items, (one) => request('PUT', `${own(one)}/state`, { body: { state: to } })),
    { text: [texts[verb], names(items)].filter(Boolean) });
}

/** Which of some clusters stay where all are to be deleted, in a sentence. */
function staying(some) {
  const kept = some.filter((one) => one.protected && one.phase !== 'Deleting').map((one) => one.name);
  return kept.length ? `${kept.join(', ')} ${kept.length > 1 ? 'have' : 'has'} deletion protection, and ${kept.length > 1 ? 'stay' : 'stays'}. ` : '';
}

/** Deletes one cluster or several, with all that belongs to them; `stays` says which of those that were picked aren't among them. */
function remove(some, stays = '') {
  const items = [some].flat();
  const real = items.filter((one) => !one.imported);
  const word = items.length > 1 ? 'delete' : items[0].name;
  const text = real.length ? `${items.length > 1 ? 'Clusters, node groups and all data go' : 'The cluster, its node groups and all its data go'}${real.length < items.length ? '; what was imported stays as it is' : ''}. Type ${word} to confirm. ` : 'What was imported stays as it is. ';
  const confirm = real.length ? [{ label: items.length > 1 ? 'Confirmation' : 'Name', name: 'name' }] : [];
  ask(`Delete ${named(items)}?`, confirm, 'Delete', async ({ name }) => {
    if (real.length && name !== word) throw fault('name', `That isn't ${word}.`);
    await each(items, (one) => request('DELETE', own(one)));
  }, { danger: true, text: [stays, text, names(items)].filter(Boolean) });
}

/** Whose rights a cluster's kubeconfig carries. */
const kubeconfigWords = ({ imported }) => (imported ? 'It carries the rights of whoever the cluster was imported with.'
  : 'It carries an administrator’s rights: whoever has it rules the cluster. For your own rights, use aws eks update-kubeconfig.');

/** A cluster's kubeconfig, to the clipboard, or as a file. */
async function kubeconfig(cluster, asFile) {
  try {
    const where = new URLSearchParams({ account: cluster.account, region: cluster.region });
    const text = await request('GET', `/_k3eks/clusters/${encodeURIComponent(cluster.name)}/kubeconfig?${where}`, { world: cluster });
    if (asFile || !navigator.clipboard) {
      download(`${cluster.name}.kubeconfig`, text);
      const why = asFile ? '.' : `: copying ${UNTRUSTED}`;
      say(`${cluster.name}.kubeconfig was downloaded${why} ${kubeconfigWords(cluster)}`);
    } else {
      await copy(text, 'The kubeconfig', kubeconfigWords(cluster));
    }
  } catch (error) {
    say(`There is no kubeconfig to be had: ${error.message}`);
  }
}
