/* What the tabs of a cluster are made of. */

const { html, render, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState } = htmPreact;

/** The tabs, in their order.
 * @type {Tab[]} */
const clusterTabs = [];

/** Adds a tab. `view` gets what is known of the cluster as `found`, and `refresh`, which looks again; hooks may be used in it.
 * @param {Tab} tab */
function addTab(tab) {
  clusterTabs.push(tab);
  clusterTabs.sort((a, b) => a.order - b.order);
}

/** One word for a state; what is stopped only because its cluster sleeps is asleep. */
function Phase({ name, asleep = false }) {
  return html`<span class=${`phase ${name || ''}`}>${asleep && name === 'Stopped' ? 'Asleep' : name || 'accepted'}</span>`;
}

/** How many of those that are wanted are ready, and whether the work on them is done. Of what `rests`, in this word, none is missing. */
function Ready({ ready = 0, wanted = 0, rests = '', done = true }) {
  if (rests && wanted) return html`<span>${wanted} ${rests}</span>`;
  if (!wanted) return html`<span>${ready}/${wanted}</span>`;
  return html`<span class="ready"><progress max="1" value=${fullness(ready, wanted, done)} aria-label=${readyWords(ready, wanted)}></progress> ${ready}/${wanted}</span>`;
}

/** When something was; the time itself for whoever points at it, and with `exact` for everybody. */
function Ago({ time, exact = false }) {
  if (!time) return '–';
  // The EKS API tells seconds since 1970, Kubernetes a text.
  const at = new Date(typeof time === 'number' ? time * 1000 : time);
  const today = at.toDateString() === new Date().toDateString();
  return html`<time datetime=${at.toISOString()} title=${at.toLocaleString()}>${exact ? `${today ? '' : `${at.toLocaleDateString()} `}${at.toLocaleTimeString()}, ` : ''}${ago(at)}</time>`;
}

/** A name that may be longer than its column: then two lines of it are shown, and all of it to whoever points at it. */
const Clipped = ({ text, look = '' }) => html`<span class=${`clipped ${look}`} title=${text}>${text}</span>`;

/** A table, or the words `none`. `id` tells one item from another, so that rows stay what they are when others come and go. */
function List({ label, columns, items, cells, id, none, look = '' }) {
  if (!items?.length) return html`<p class="empty">${none}</p>`;
  // A phone shows rows as cards: what is laid out otherwise has to say what it is.
  return html`<div class="wide" tabindex="0" role="group" aria-label=${label}><table role="table" class=${look} aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th role="columnheader" scope="col">${name || html`<span class="hidden">Actions</span>`}</th>`)}</tr></thead>
    <tbody role="rowgroup">${items.map((item, index) => html`<tr role="row" key=${id ? id(item) : index}>${cells(item).map((cell, at) => html`<td role="cell" data-title=${columns[at]}>${cell}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** Names and what is said of them; those of which nothing is said are left out. */
function Facts({ pairs }) {
  const said = pairs.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== '');
  return html`<dl>${said.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** The state of a resource that belongs to the cluster. */
const stateOf = (member) => html`<${Phase} name=${member.status?.state || member.status?.phase} />`;

/**
 * Which thing of a list has its details open, with what opens and closes them: the focus comes back to what opened them, or to the tab.
 * @param {string} tab
 */
function useDetails(tab) {
  const [opened, set] = useState('');
  const from = useRef();
  const close = () => {
    set('');
    if (from.current?.isConnected) from.current.focus();
    else byId(`tab-${tab}`).focus();
  };
  const opener = (id, name = id) => html`<button class="name" aria-expanded=${String(opened === id)} onClick=${({ currentTarget }) => {
    from.current = currentTarget;
    if (opened === id) close();
    else set(id);
  }}>${name}</button>`;
  return { opened, close, opener };
}

/** What is told of one thing of a list, below it. It may stand below a table that is long: it is brought into sight. */
function Details({ title, close, children }) {
  const [heading, section] = [useRef(), useRef()];
  useEffect(() => {
    heading.current.focus({ preventScroll: true });
    section.current.scrollIntoView({ block: 'start' });
  }, []);
  return html`<section class="details" ref=${section} aria-label=${title}>
    <div class="row"><h3 tabindex="-1" ref=${heading}>${title}</h3><button onClick=${close}>Close the details</button></div>${children}</section>`;
}

/** Texts below each other, or that there are none. */
const Lines = ({ items }) => (items?.length ? items.map((text) => html`<div class="mono" key=${text}>${text}</div>`) : 'none');
const pairLines = (map) => html`<${Lines} items=${Object.entries(map || {}).map((pair) => pair.join('='))} />`;
