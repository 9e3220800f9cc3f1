'use strict';
/* Elements, words for people, and what they take away: the clipboard and files. */

/**
 * An element with properties and children; text is text, never markup.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} properties
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(.../** @type {(Node | string)[]} */ (children.flat().filter((child) => child !== null && child !== undefined && child !== false)));
  return element;
}

/**
 * An element of the page's own document, which is there.
 * @type {(id: string) => any}
 */
const byId = (id) => document.getElementById(id);

let saying = 0;

/** Says something for some seconds, also to those who listen. */
function say(text) {
  const said = byId('said');
  said.textContent = text;
  said.hidden = false;
  clearTimeout(saying);
  saying = setTimeout(() => { said.hidden = true; }, 6000);
}

function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(time).getTime()) / 1000));
  if (Number.isNaN(seconds)) return '';
  for (const { unit, size } of [{ unit: 'd', size: 86400 }, { unit: 'h', size: 3600 }, { unit: 'min', size: 60 }]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

/** Whether the browser trusts the way to the server: over plain HTTP to another machine it offers neither the clipboard nor cryptography. */
const trusted = Boolean(globalThis.isSecureContext && globalThis.crypto?.subtle);
const UNTRUSTED = 'needs HTTPS or localhost: over plain HTTP from another machine, browsers offer it to no page.';

/** Puts a text into the clipboard. `what` begins the sentence that tells of it, and `more` may follow. */
async function copy(text, what, more = '') {
  if (!navigator.clipboard) {
    say(`Copying ${UNTRUSTED}`);
    return;
  }
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} is in the clipboard.${more && ` ${more}`}`);
  } catch (error) {
    say(`${what} can't be copied: ${error.message}`);
  }
}

/** Gives a text as a file. */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
