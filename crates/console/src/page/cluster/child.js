/*
 * What a cluster says of itself, asked in the name of who looks: with a token as `aws eks get-token` makes it, signed here with the keys
 * of this tab. The server passes it on, and has no way into the cluster of its own.
 */

/** @type {{ of: string | null, text: string, until: number }} */
const childToken = { of: null, text: '', until: 0 };

/** A presigned question to STS who its signer is, bound to the cluster by a signed header. Nobody asks it: the cluster's API server has it checked. */
async function signToken({ name, region }, { id, secret, token }) {
  const host = /^[a-z]{2}(-[a-z]+)+-\d$/.test(region) ? `sts.${region}.amazonaws.com` : 'sts.amazonaws.com';
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/sts/aws4_request`;
  const parameters = {
    Action: 'GetCallerIdentity', Version: '2011-06-15', 'X-Amz-Algorithm': 'AWS4-HMAC-SHA256', 'X-Amz-Credential': `${id}/${scope}`,
    'X-Amz-Date': time, 'X-Amz-Expires': '60', ...(token ? { 'X-Amz-Security-Token': token } : {}), 'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
  };
  const query = Object.entries(parameters).map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  const canonical = ['GET', '/', query, `host:${host}`, `x-k8s-aws-id:${name}`, '', 'host;x-k8s-aws-id', sha256('')].join('\n');
  /** @type {BufferSource} */
  let key = bytes(`AWS4${secret}`);
  for (const part of scope.split('/')) key = await hmac(key, part);
  const signature = hex(await hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')));
  const url = btoa(`https://${host}/?${query}&X-Amz-Signature=${signature}`);
  return `k8s-aws-v1.${url.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** The token for a cluster; good for a quarter of an hour, and made anew before. Who isn't signed in is the account's root user to clusters that know the keys of everybody. */
async function tokenFor(cluster) {
  const mine = keys.get() || { id: cluster.account, secret: 'test' };
  const of = JSON.stringify([cluster.key, mine]);
  if (childToken.of !== of || Date.now() > childToken.until) {
    Object.assign(childToken, { text: await signToken(cluster, mine), of, until: Date.now() + 10 * 60_000 });
  }
  return childToken.text;
}

/**
 * Asks a cluster; `rest` is what, below its own address.
 * @param {Cluster} cluster
 * @param {string} rest
 * @param {{ method?: string, signal?: AbortSignal }} how
 */
async function askChild(cluster, rest, { method = 'GET', signal } = {}) {
  const path = `${own(cluster)}/child/${rest}`;
  const mine = keys.get();
  const headers = { 'x-k3eks-token': await tokenFor(cluster) };
  if (mine) Object.assign(headers, await signed(method, path, '', mine, cluster.region));
  const answer = await fetch(path, { method, headers, signal }).catch(unreached);
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const words = wakeWords(childWords(cluster, answer.status, said.message || `${answer.status} ${answer.statusText}`));
  throw Object.assign(new Error(words), { status: answer.status, soon: words.endsWith(AGAIN) });
}

const AGAIN = 'It is asked again in some seconds.';
/** For so long after it is ready a cluster may know nobody: its API server has yet to reach whom it asks about tokens. */
const GRACE = 15_000;

/** In a sentence, that a cluster is starting, or starting anew; nothing of one that runs. */
function startWords({ summary, updates, conditions }) {
  const { name, phase: is, says } = summary;
  if (/^Starting/.test(says || '')) return `${name} is starting. ${AGAIN}`;
  if (is === 'Updating' || updating({ updates })) return `The API server of ${name} is starting anew, as it does for a change. ${AGAIN}`;
  const ready = (conditions || []).find(({ type, status }) => type === 'Ready' && status === 'True');
  return ready && Date.now() - Date.parse(ready.lastTransitionTime) < GRACE ? `${name} has just started, and doesn't know its users yet. ${AGAIN}` : '';
}

/** Why a cluster didn't answer, in a sentence. Every question to a cluster that fails is told this way. */
function childWords(cluster, status, said) {
  // As it is now: whoever asks may have begun before.
  const now = clusterView.found?.summary.key === cluster.key ? clusterView.found : null;
  const starts = now && startWords(now);
  if (status >= 500 && /metrics/.test(said)) return `The metrics of ${cluster.name} can't be read yet: metrics-server isn't up.`;
  if (status >= 500 && /can't be asked|answered 5\d\d/.test(said)) return starts || `The API server of ${cluster.name} doesn't answer. It may be starting; ${AGAIN.replace('It', 'it')}`;
  // One that starts knows nobody.
  return (status === 403 && !/doesn't allow/.test(said) && starts) || said;
}

/** Why a cluster can't be asked at all; nothing where it can. */
function unasked({ summary, spec }) {
  if (summary.recorded) return 'The cluster is a record only: nothing runs.';
  if (summary.asleep) return 'The cluster is asleep. Wake it first.';
  if (summary.phase === 'Stopped') return spec.state === 'Stopped' ? 'The cluster is stopped. Start it first.' : 'The cluster is starting. It is looked into as soon as it is up.';
  if (summary.phase === 'Creating') return 'The cluster is being created. It is looked into as soon as it is up.';
  if (!summary.endpoint || summary.phase === 'Deleting') return 'The cluster isn’t up, so there is nothing to look at.';
  if (!globalThis.crypto?.subtle) return 'Looking into a cluster needs HTTPS or localhost: over plain HTTP from another machine, browsers sign nothing.';
  return null;
}

/**
 * Asks for something now and every so often, while it is shown and somebody looks; `question` of null asks nothing.
 * @param {string | null} question
 * @param {(signal: AbortSignal) => Promise<any>} ask
 * @param {number | ((data: any) => number)} every milliseconds, or how many after an answer
 * @returns {{ data?: any, error?: Error }}
 */
function usePolled(question, ask, every) {
  const [told, tell] = useState({});
  const pace = useRef(5000);
  if (typeof every === 'number') pace.current = every;
  useEffect(() => {
    tell({});
    if (question === null) return undefined;
    const ended = new AbortController();
    let timer;
    const look = async () => {
      let wait = pace.current;
      if (!document.hidden) {
        try {
          const data = await ask(ended.signal);
          if (typeof every === 'function') wait = every(data);
          if (!ended.signal.aborted) tell({ data });
        } catch (error) {
          // What was refused once isn't asked as often; who is away may be back soon.
          const { status = 0, soon } = /** @type {Refusal} */ (error);
          wait = status >= 500 || soon ? Math.min(pace.current, 5000) : pace.current * 6;
          if (!ended.signal.aborted) tell((before) => ({ ...before, error }));
        }
      }
      if (!ended.signal.aborted) timer = setTimeout(look, wait);
    };
    look();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [question]);
  return told;
}

/** What a cluster answers, asked again and again. */
function useChild(cluster, rest, every = 5000) {
  // Who signs in asks anew.
  return usePolled(rest === null ? null : `${cluster.key} ${keys.get()?.id} ${rest}`, async (signal) => (await askChild(cluster, rest, { signal })).json(), every);
}

/** The objects of a kind, if the cluster lets whoever looks list them. */
function useObjects(cluster, rights, kind, namespace = '', every = 5000) {
  const within = namespace ? `?namespace=${encodeURIComponent(namespace)}` : '';
  const { data, error } = useChild(cluster, rights.may[kind] ? `objects/${kind}${within}` : null, every);
  return { items: data?.items, more: data?.more, error };
}

function openAccess() {
  openTab('access');
  byId('tab-access').focus();
}

/**
 * What is inside a cluster, for whom it lets in: `view` gets `rights`, which say who that is and what they may do in the namespace; nothing
 * else is to be offered. Others are told why not. `beside` is shown to them all the same.
 */
function Inside({ found, namespace = '', view, beside = null, ...rest }) {
  const why = unasked(found);
  const question = why ? null : `rights${namespace ? `?namespace=${encodeURIComponent(namespace)}` : ''}`;
  const starts = startWords(found);
  const { data, error } = useChild(found.summary, question, starts ? 5000 : 30_000);
  const last = useRef();
  if (data) last.current = data;
  if (why) return html`<div class="empty"><p>${why}</p>${found.summary.asleep && html`<p><button onClick=${() => power(found.summary, 'Running')}>Wake</button></p>`}</div>${beside}`;
  // While another namespace is asked about, what was shown stays, and offers nothing.
  const before = last.current?.user && { ...last.current, may: { namespaces: last.current.may.namespaces }, waits: true };
  const rights = data || (error ? null : before);
  if (!rights) return html`<p role="status" class=${error && !starts ? 'wrong' : ''}>${error ? error.message : 'asking the cluster…'}</p>${error && beside}`;
  if (!rights.user && starts) return html`<p role="status">${starts}</p>${beside}`;
  if (!rights.user) {
    return html`<div class="empty" role="status"><p>${rights.why}</p>
      ${keys.get() ? html`<p><button onClick=${openAccess}>Access entries</button></p>` : html`<p>${WHERE_KEYS_ARE}</p><p><button class="main" onClick=${signIn}>Sign in</button></p>`}</div>${beside}`;
  }
  return html`<${view} found=${found} namespace=${namespace} rights=${rights} ...${rest} />
    <p class="says">As the cluster sees you: <code>${rights.user.name || 'somebody whom it let in'}</code>${rights.user.groups?.length ? html`, of ${rights.user.groups.join(', ')}` : ''}</p>`;
}

/** What is said where a list isn't allowed, failed, or isn't whole. */
function Said({ objects: { error, items, more }, what }) {
  if (error) return html`<p class="wrong" role="alert">${error.message}</p>`;
  if (!items) return html`<p role="status">asking the cluster…</p>`;
  return more ? html`<p class="says">Only the first ${items.length} ${what} are shown; choose a namespace to see fewer.</p>` : null;
}

/** A quantity as Kubernetes writes it, as a number. */
function quantity(text = '0') {
  const [, number, unit] = /^([\d.]+)(.*)$/.exec(text) || [0, 0, ''];
  const units = { n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 };
  return Number(number) * (units[unit] ?? 1);
}

const cpuText = (cores) => (cores < 1 ? `${Math.round(cores * 1000)} m` : `${cores.toFixed(1)} cores`);
const memoryText = (size) => (size < 1024 ** 3 ? `${Math.round(size / 1024 ** 2)} MiB` : `${(size / 1024 ** 3).toFixed(1)} GiB`);
