/* What people do, the stream that keeps the page true, and its beginning. */

/** Asks in a dialog; `act` gets the fields, and its error is shown there. */
function ask(title, fields, verb, act, { text, danger } = {}) {
  const dialog = byId('dialog');
  const wrong = h('p', { class: 'wrong', role: 'alert', hidden: true });
  const submit = h('button', { class: danger ? 'bad' : 'main', type: 'submit' }, verb);
  const form = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      wrong.hidden = true;
      submit.disabled = true;
      try {
        await act(Object.fromEntries(new FormData(form)));
        dialog.close();
      } catch (error) {
        wrong.textContent = error.message;
        wrong.hidden = false;
      }
      submit.disabled = false;
    },
  }, h('h2', { id: 'asked' }, title), text ? h('p', {}, text) : null,
  fields.map(({ label, options, ...properties }) => h('label', {}, label,
    options ? h('select', properties, options.map((option) => h('option', { value: option }, option))) : h('input', { required: true, autocomplete: 'off', ...properties }))),
  wrong, h('div', { class: 'row' }, h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), submit));
  dialog.replaceChildren(form);
  dialog.showModal();
}

const own = (cluster) => `/_k3eks/console/clusters/${cluster.namespace}/${cluster.resource}`;
const eks = (cluster, rest = '') => `/clusters/${encodeURIComponent(cluster.name)}${rest}`;
const role = (account, name) => `arn:aws:iam::${account}:role/${name}`;

async function versions() {
  const { clusterVersions } = await request('GET', '/cluster-versions');
  return clusterVersions.map((version) => version.clusterVersion);
}

async function create() {
  const known = await versions().catch(() => []);
  const account = '000000000000';
  ask('Create cluster', [
    { label: 'Name', name: 'name', pattern: '[0-9A-Za-z][A-Za-z0-9_\\-]{0,99}', title: 'letters, digits, - and _' },
    { label: 'Kubernetes version', name: 'version', options: ['default', ...known] },
  ], 'Create', async ({ name, version }) => {
    const body = { name, roleArn: role(account, 'k3eks-console'), resourcesVpcConfig: {} };
    if (version !== 'default') body.version = version;
    await request('POST', '/clusters', { body });
    say(`Cluster ${name} is being made.`);
  });
}

function addGroup(cluster) {
  ask(`Add a node group to ${cluster.name}`, [
    { label: 'Name', name: 'name', pattern: '[0-9A-Za-z][A-Za-z0-9_\\-]{0,62}', title: 'letters, digits, - and _' },
    { label: 'Nodes', name: 'nodes', type: 'number', min: 0, max: 450, value: '1' },
    { label: 'Instance type', name: 'type', value: 't3.medium' },
  ], 'Add', ({ name, nodes, type }) => {
    const scalingConfig = { minSize: 0, desiredSize: Number(nodes), maxSize: Math.max(1, Number(nodes)) };
    const body = { nodegroupName: name, nodeRole: role(cluster.account, 'k3eks-console'), subnets: ['subnet-0'], instanceTypes: [type], scalingConfig };
    return request('POST', eks(cluster, '/node-groups'), { body, world: cluster });
  });
}

function scale(cluster, group) {
  ask(`Scale ${group.name}`, [{ label: 'Nodes', name: 'nodes', type: 'number', min: 0, max: 450, value: String(group.scaling.desiredSize) }], 'Scale', ({ nodes }) => {
    const desiredSize = Number(nodes);
    const scalingConfig = { desiredSize, minSize: Math.min(group.scaling.minSize, desiredSize), maxSize: Math.max(group.scaling.maxSize, desiredSize) };
    return request('POST', eks(cluster, `/node-groups/${encodeURIComponent(group.name)}/update-config`), { body: { scalingConfig }, world: cluster });
  });
}

async function upgrade(cluster) {
  const minor = (version) => Number(version.split('.')[1]);
  const known = await versions().catch(() => []);
  const next = known.filter((version) => minor(version) === minor(cluster.version || '1.0') + 1);
  if (!next.length) return say(`There is no version after ${cluster.version}.`);
  ask(`Upgrade ${cluster.name}`, [{ label: 'To', name: 'version', options: next }], 'Upgrade', ({ version }) => request('POST', eks(cluster, '/updates'), { body: { version }, world: cluster }),
    { text: 'The API server is away for some seconds. Versions never go down.' });
}

function power(cluster, to) {
  const stop = to === 'Stopped';
  ask(`${stop ? 'Stop' : 'Start'} ${cluster.name}?`, [], stop ? 'Stop' : 'Start', () => request('PUT', `${own(cluster)}/state`, { body: { state: to } }),
    { text: stop ? 'Its containers are stopped, and all data is kept.' : 'It comes back with the same endpoint and nodes.' });
}

function deleteGroup(cluster, group) {
  ask(`Delete node group ${group.name}?`, [], 'Delete', () => request('DELETE', eks(cluster, `/node-groups/${encodeURIComponent(group.name)}`), { world: cluster }),
    { danger: true, text: 'Its nodes are drained and removed.' });
}

function remove(cluster) {
  const text = cluster.imported ? 'The cluster itself stays as it is.' : `Cluster, node groups and all data go. Type ${cluster.name} to confirm.`;
  const confirm = cluster.imported ? [] : [{ label: 'Name', name: 'name' }];
  ask(`Delete ${cluster.name}?`, confirm, 'Delete', ({ name }) => {
    if (!cluster.imported && name !== cluster.name) throw new Error(`That isn't ${cluster.name}.`);
    return request('DELETE', own(cluster));
  }, { danger: true, text });
}

async function kubeconfig(cluster) {
  try {
    const where = new URLSearchParams({ account: cluster.account, region: cluster.region });
    const text = await request('GET', `/_k3eks/clusters/${encodeURIComponent(cluster.name)}/kubeconfig?${where}`);
    await navigator.clipboard.writeText(text);
    say('The kubeconfig is in the clipboard.');
  } catch (error) {
    say(`The kubeconfig can't be copied: ${error.message}`);
  }
}

function signIn() {
  ask('Sign in', [
    { label: 'Access key id', name: 'id', value: keys.get()?.id || '' }, { label: 'Secret access key', name: 'secret', type: 'password' },
  ], 'Sign in', (given) => { keys.set(given); connect(); }, { text: 'Requests are signed with these keys. They stay in this tab.' });
}

/** Whether the page is told of changes. */
function live(name, text) {
  byId('live').className = name;
  byId('live').textContent = text;
}

let connection = 0;

/** Follows the stream of clusters, through its ends, until another one is begun. */
async function connect() {
  const number = ++connection;
  for (let pause = 250; number === connection; pause = Math.min(pause * 2, 5000)) {
    try {
      const answer = await request('GET', '/_k3eks/console/stream', { stream: true });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      let first = true;
      for (;;) {
        const { value, done } = await reader.read();
        if (done || number !== connection) break;
        text += value;
        const blocks = text.split('\n\n');
        text = blocks.pop();
        for (const block of blocks) {
          const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n');
          if (!data) continue;
          const news = JSON.parse(data);
          // The first news are everything: what isn't among them went while nobody listened.
          if (first) {
            const there = new Set(news.changed.map((cluster) => cluster.key));
            news.gone = [...clusters.keys()].filter((key) => !there.has(key));
          }
          first = false;
          pause = 250;
          live('live', 'live');
          learn(news);
        }
      }
    } catch (error) {
      if (error.denied) {
        live('lost', 'sign in to see the clusters');
        byId('empty').hidden = false;
        byId('empty').textContent = `The server asks who you are: ${error.message}`;
        return;
      }
      if (!clusters.size) {
        byId('empty').hidden = false;
        byId('empty').textContent = `The server can't be asked: ${error.message}`;
      }
    }
    if (number === connection) live('lost', 'connection lost, trying again…');
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

byId('search').addEventListener('input', draw);
byId('rows').addEventListener('click', (event) => {
  const { key } = event.target.closest('button')?.dataset || {};
  if (key) choose(key);
});
byId('phase').addEventListener('change', draw);
byId('create').addEventListener('click', create);
byId('keys').addEventListener('click', signIn);
document.addEventListener('keydown', (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === '/' && !typing) {
    event.preventDefault();
    byId('search').focus();
  } else if (event.key === 'Escape' && !byId('dialog').open && chosen.key) {
    choose(null);
  }
});
if (location.hash.length > 1) chosen.key = decodeURIComponent(location.hash.slice(1));
connect().catch((error) => live('lost', error.message));
if (chosen.key) choose(chosen.key);
