/* Who is signed in, the stream that keeps the page true, and its beginning. */

/** Who the keys belong to, as the server says; fails where it doesn't take them. */
const whoami = (as = keys.get()) => request('GET', '/_k3eks/console/whoami', { as });

/** Shows who is signed in, and what can be done about it. */
function tellWho() {
  const known = keys.get();
  byId('who').textContent = known ? known.id : '';
  byId('keys').textContent = known ? 'Sign out' : 'Sign in';
}

/** Keys that aren't taken, said at the field that is wrong. */
function wrongKeys(error) {
  if (/security token included in the request is invalid/.test(error.message)) return fault('id', `This key isn't known here. ${WHERE_KEYS_ARE}`);
  if (/signature we calculated does not match/.test(error.message)) return fault('secret', "This isn't the key's secret.");
  return error;
}

function signIn() {
  if (!trusted) {
    ask('Sign in', [], 'Try again', async () => location.reload(), {
      text: `Signing requests ${UNTRUSTED} Serve the API with HTTPS, or forward its port (ssh -L ${location.port || 4566}:localhost:${location.port || 4566} HOST) and open the page at localhost.`,
    });
    return;
  }
  ask('Sign in', [
    { label: 'Access key id', name: 'id', autocomplete: 'username' }, { label: 'Secret access key', name: 'secret', type: 'password', autocomplete: 'current-password' },
    { label: 'Session token', name: 'token', required: false, hint: 'Of temporary keys only.' },
  ], 'Sign in', async ({ id, secret, token }) => {
    const given = { id: id.trim(), secret: secret.trim(), token: token.trim() };
    const { account } = await whoami(given).catch((error) => { throw wrongKeys(error); });
    keys.set({ ...given, account });
    askAnew();
  }, { text: `${permissive() ? 'The list of clusters needs no keys, but each cluster lets in only whom it knows: to see its nodes, workloads and logs, sign in. ' : ''}${WHERE_KEYS_ARE} The keys stay in this tab, until it is closed: another tab asks for them again.` });
}

/** Asks again for what was asked as somebody else. */
function askAnew() {
  tellWho();
  draft = null;
  if (here.view === 'create') enterCreate();
  if (clusterView.key) refresh();
  connect();
}

/** Forgets the keys, and with them all that they let be seen: nothing, where everybody sees all clusters. */
function signOut() {
  keys.clear();
  if (!permissive()) {
    leaveCluster();
    go(null);
    learn({ changed: [], gone: [...clusters.keys()] });
    told = false;
  }
  askAnew();
}

/** Whether the page is told of changes. */
function live(name, text) {
  byId('live').className = name;
  byId('live').textContent = text;
}

/** Says in place of the clusters why there are none. */
function instead(text) {
  byId('empty').hidden = false;
  byId('empty').textContent = text;
}

let connection = 0;

/** A question that nobody answered, while the stream seems to live: it may have broken without a word. */
function unheard() {
  if (byId('live').className !== 'live') return;
  live('lost', 'connection lost, trying again…');
  connect();
}

/** Each of the stream's events, until it ends or another stream is begun. */
async function* events(answer, number) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done || number !== connection) {
      reader.cancel().catch(() => {});
      return;
    }
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop() || '';
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n');
      if (data) yield JSON.parse(data);
    }
  }
}

/** Follows the stream of clusters, through its ends, until another one is begun. */
async function connect() {
  const number = ++connection;
  for (let pause = 250; number === connection; pause = Math.min(pause * 2, 5000)) {
    try {
      const answer = await request('GET', '/_k3eks/console/stream', { stream: true });
      const there = new Set();
      let whole = false;
      for await (const news of events(answer, number)) {
        // First everything is told, of many clusters in two parts: what isn't among them went while nobody listened.
        if (!whole) {
          whole = !news.more;
          for (const { key } of news.changed) there.add(key);
          if (whole) news.gone.push(...[...clusters.keys()].filter((key) => !there.has(key)));
        }
        pause = 250;
        live('live', 'live');
        learn(news);
      }
    } catch (error) {
      if (number !== connection) return;
      if (error.denied) {
        live('lost', keys.get() ? 'the keys are not taken' : 'sign in to see the clusters');
        instead(keys.get() ? `The server doesn't take your keys: ${error.message} Sign out, and sign in with others.` : `The server asks who you are: ${error.message}`);
        return;
      }
      if (!clusters.size) instead(`The server can't be asked: ${error.message}`);
    }
    if (number === connection) live('lost', 'connection lost, trying again…');
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

/** Keys for the whole page: `/` searches, Escape closes what is said. */
function press(event) {
  if (event.defaultPrevented || byId('dialog').open || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === '/' && here.view === 'clusters') {
    event.preventDefault();
    byId('search').focus();
  } else if (event.key === 'Escape') {
    byId('said').hidden = true;
  }
}

byId('keys').addEventListener('click', () => (keys.get() ? signOut() : signIn()));
document.addEventListener('keydown', press);
document.addEventListener('unreached', unheard);
byId('dialog').addEventListener('keydown', keepTyped);
addEventListener('beforeunload', (event) => { if (halfDone()) event.preventDefault(); });
tellWho();
beginTable();
beginCreate();
beginRoute();
connect().catch((error) => live('lost', error.message));
