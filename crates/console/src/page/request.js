/* Requests to the server, and their signatures. */

/** Keys that requests are signed with; only this tab knows them. */
const keys = {
  get: () => JSON.parse(sessionStorage.getItem('k3eks-keys') || 'null'),
  set: (value) => sessionStorage.setItem('k3eks-keys', JSON.stringify(value)),
  clear: () => sessionStorage.removeItem('k3eks-keys'),
};

/** Whether the EKS API takes any keys or none, and reads from them only which account is meant. */
const permissive = () => Boolean(byId('mode'));
const WHERE_KEYS_ARE = 'make up writes a key and its secret to .k3eks/k3eks.env; elsewhere, ask who runs k3eks.';

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const bytes = (text) => new TextEncoder().encode(text);

/** @param {BufferSource} key */
async function hmac(key, text) {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return crypto.subtle.sign('HMAC', imported, bytes(text));
}

/** Signature Version 4, which the EKS API asks for where it is strict. */
async function signed(method, path, body, { id, secret, token = '' }, region) {
  if (!trusted) throw Object.assign(new Error(`Signing requests ${UNTRUSTED}`), { denied: true });
  const url = new URL(path, location.href);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/eks/aws4_request`;
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort().join('&');
  // The path is encoded once more, as every service but S3 wants it.
  const encoded = url.pathname.split('/').map(encodeURIComponent).join('/');
  // What temporary keys came with is signed as well.
  const temporary = token ? { 'x-amz-security-token': token } : {};
  const covered = { host: url.host, 'x-amz-date': time, ...temporary };
  const names = Object.keys(covered).join(';');
  const canonical = [method, encoded, query, ...Object.entries(covered).map(([name, value]) => `${name}:${value}`), '', names, sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  /** @type {BufferSource} */
  let key = bytes(`AWS4${secret}`);
  for (const part of scope.split('/')) key = await hmac(key, part);
  const signature = hex(await hmac(key, toSign));
  return { 'x-amz-date': time, ...temporary, authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}` };
}

/** Says that the server doesn't answer; the stream of clusters looks for it again. */
const unreached = (error) => {
  if (error.name === 'AbortError') throw error;
  document.dispatchEvent(new CustomEvent('unreached'));
  throw new Error(`The server of this page (${location.host}) doesn't answer. The page asks it again.`);
};

/** What is said of a cluster that sleeps, with the page's button in place of a command. */
const wakeWords = (text) => text.replace(/wake it with: k3eks wake \S+/, 'Wake brings it back');

/**
 * Asks the server. `world` is the account and region that an operation of the EKS API is meant for; `as` are keys other than those that
 * this tab is signed in with.
 * @param {string} method
 * @param {string} path
 * @param {Asked} asked
 * @returns {Promise<any>}
 */
async function request(method, path, { body, world = {}, stream, as = keys.get() } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const region = world.region || 'us-east-1';
  /** @type {Record<string, string>} */
  const headers = text ? { 'content-type': 'application/json' } : {};
  // Keys are of one account; where nothing is checked, the others' clusters are reached without them.
  const elsewhere = permissive() && world.account && as?.account && as.account !== world.account;
  if (as && !elsewhere) {
    Object.assign(headers, await signed(method, path, text, as, region));
  } else if (world.account) {
    // Where nothing is checked, the key id says which account is meant.
    const day = new Date().toISOString().slice(0, 10).replace(/-/g, '');
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${world.account}/${day}/${region}/eks/aws4_request, SignedHeaders=host, Signature=0`;
  }
  const begun = stream && !as && early.stream;
  if (stream) early.stream = null;
  const answer = (begun && await begun) || await fetch(path, { method, headers, body: text || undefined }).catch(unreached);
  if (answer.ok) {
    if (stream) return answer;
    const type = answer.headers.get('content-type') || '';
    return type.includes('json') ? answer.json() : answer.text();
  }
  const said = await answer.json().catch(() => ({}));
  const { status } = answer;
  throw Object.assign(new Error(wakeWords(said.message || said.Message || `${status} ${answer.statusText}`)), { status, denied: status === 403 || status === 401 });
}

/** Paths of one cluster: here, and in the EKS API. */
const own = (cluster) => `/_k3eks/console/clusters/${cluster.namespace}/${cluster.resource}`;
const eks = (cluster, rest = '') => `/clusters/${encodeURIComponent(cluster.name)}${rest}`;
const role = (account, name) => `arn:aws:iam::${account}:role/${name}`;

const minorOf = (version) => Number((version || '1.0').split('.')[1]);

/** The versions that clusters can have, newest first, the one that they get where none is named, and those that EKS no longer offers. */
async function offered() {
  const { clusterVersions } = await request('GET', '/cluster-versions?includeAll=true&maxResults=100');
  clusterVersions.sort((a, b) => minorOf(b.clusterVersion) - minorOf(a.clusterVersion));
  const names = (some) => some.map((one) => one.clusterVersion);
  return {
    known: names(clusterVersions),
    usual: clusterVersions.find((one) => one.defaultVersion)?.clusterVersion,
    past: names(clusterVersions.filter(({ versionStatus, defaultVersion }) => versionStatus === 'UNSUPPORTED' && !defaultVersion)),
  };
}

const versions = async () => (await offered()).known;
