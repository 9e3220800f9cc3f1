'use strict';
/* Elements, requests and their signatures. */

/** An element with properties and children; text is text, never markup. */
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const byId = (id) => document.getElementById(id);

/** Says something for some seconds, also to those who listen. */
function say(text) {
  const said = byId('said');
  said.textContent = text;
  said.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.hidden = true; }, 6000);
}

function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  if (Number.isNaN(seconds)) return '';
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

/** Keys that requests are signed with; only this tab knows them. */
const keys = {
  get: () => JSON.parse(sessionStorage.getItem('k3eks-keys') || 'null'),
  set: (value) => sessionStorage.setItem('k3eks-keys', JSON.stringify(value)),
  clear: () => sessionStorage.removeItem('k3eks-keys'),
};

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const bytes = (text) => new TextEncoder().encode(text);
const sha256 = async (text) => hex(await crypto.subtle.digest('SHA-256', bytes(text)));

async function hmac(key, text) {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return crypto.subtle.sign('HMAC', imported, bytes(text));
}

/** Signature Version 4, which the EKS API asks for where it is strict. */
async function signed(method, path, body, { id, secret }, region) {
  const url = new URL(path, location.href);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/eks/aws4_request`;
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort().join('&');
  // The path is encoded once more, as every service but S3 wants it.
  const encoded = url.pathname.split('/').map(encodeURIComponent).join('/');
  const canonical = [method, encoded, query, `host:${url.host}`, `x-amz-date:${time}`, '', 'host;x-amz-date', await sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, await sha256(canonical)].join('\n');
  let key = bytes(`AWS4${secret}`);
  for (const part of scope.split('/')) key = await hmac(key, part);
  const signature = hex(await hmac(key, toSign));
  return { 'x-amz-date': time, authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}` };
}

/** Asks the server. `world` is the account and region that an operation of the EKS API is meant for. */
async function request(method, path, { body, world = {}, stream } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const region = world.region || 'us-east-1';
  const headers = text ? { 'content-type': 'application/json' } : {};
  const own = keys.get();
  if (own) {
    Object.assign(headers, await signed(method, path, text, own, region));
  } else if (world.account) {
    // Where nothing is checked, the key id says which account is meant.
    const day = new Date().toISOString().slice(0, 10).replace(/-/g, '');
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${world.account}/${day}/${region}/eks/aws4_request, SignedHeaders=host, Signature=0`;
  }
  const begun = stream && !own && early.stream;
  if (stream) early.stream = null;
  const answer = (begun && await begun) || await fetch(path, { method, headers, body: text || undefined });
  if (answer.ok) {
    if (stream) return answer;
    const type = answer.headers.get('content-type') || '';
    return type.includes('json') ? answer.json() : answer.text();
  }
  const said = await answer.json().catch(() => ({}));
  const error = new Error(said.message || said.Message || `${answer.status} ${answer.statusText}`);
  error.denied = answer.status === 403 || answer.status === 401;
  throw error;
}
