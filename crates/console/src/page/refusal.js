/*
 * What the server refuses, said at the fields that it is about, and the rest at the form. Every form shows refusals this way.
 *
 * A field knows what the API calls it: the members of a request and of a resource, and the words that EKS has for them in its sentences.
 */

/** Statuses of refusals that are about what was asked; others are about who asked, or about the server. */
const ABOUT_THE_REQUEST = [400, 409];
/** A role that belongs to another account is refused as if it were about who asked. */
const OTHERS_ROLE = /^Cross-account pass role /;

/** An error about one field of a form, by its path in what is asked for.
 * @returns {Refusal} */
const fault = (at, text) => Object.assign(new Error(text), { at });

/** The single faults that one refusal tells of: a sentence of the EKS API, or what the definition of a resource says of each path. */
const faultsIn = (message) => message.replace(/^\d+ validation errors? detected: /, '').split(/; (?=Value |[A-Za-z]\w*(?:\.\w+|\[\d+\])*: )/);

/** Controls in which something can be typed or chosen now.
 * @type {(form: HTMLFormElement) => Control[]} */
const controlsOf = (form) => [.../** @type {Iterable<any>} */ (form.elements)].filter((one) => one.dataset.members && !one.disabled);
const membersOf = (control) => control.dataset.members.split('|');

/** A path of a resource, as its names and the first index in it: `nodeGroups[0].minSize`. */
const partsOfPath = (path) => ({ names: path.split(/[.[\]]+/).filter((part) => /\D/.test(part)), index: Number(/\[(\d+)\]/.exec(path)?.[1] || 0) });
const PATH = /^([A-Za-z]\w*(?:\.\w+|\[\d+\])*): /;

/** The path that a fault names. Those of resources count from nought, those of requests (`at 'taints.1.member.key'`) from one. */
function pathIn(text) {
  const wire = /^Value '?(.*?)'? at '([^']+)'/s.exec(text);
  if (wire) {
    const [first, ...inner] = wire[2].split('.').filter((part) => part !== 'member');
    const names = [first, ...inner.filter((part) => /\D/.test(part))];
    return { names, index: Number(inner.find((part) => /^\d+$/.test(part)) || 1) - 1, key: inner.join('.'), value: wire[1] };
  }
  const path = PATH.exec(text);
  return path && partsOfPath(path[1]);
}

/** The field that a path leads to: the one with the innermost name, of that item or with that key where there are several. */
function atPath(form, { names, index, key = '', value = '' }) {
  const controls = controlsOf(form);
  const items = itemsOf(names.map((name) => form.querySelector(`[data-rows="${CSS.escape(name)}"]`)).find(Boolean));
  const item = (key && items.find((one) => one.querySelector('[name=key]')?.value === key)) || items[index];
  for (const name of [...names].reverse()) {
    const found = controls.filter((one) => membersOf(one).includes(name));
    if (found.length) return found.find((one) => item?.contains(one)) || found[0];
  }
  const inItem = controls.filter((one) => item?.contains(one));
  return inItem.find((one) => one.value === value) || inItem[0];
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** Where words stand in a text, whole; -1 where they don't. */
const placeIn = (text, words) => text.search(new RegExp(`(?<![\\w-])${escaped(words)}(?![\\w-])`));

/** The field that a sentence names first. A single small word may be any word, so it counts only in a path. */
function inWords(form, text) {
  const named = controlsOf(form).flatMap((control) => membersOf(control).filter((member) => /[A-Z -]/.test(member)).map((member) => ({ control, member, at: placeIn(text, member) })));
  const [first] = named.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at || b.member.length - a.member.length);
  return first?.control;
}

/** The field whose text is repeated, as `Invalid key: KEY : ` and `Duplicate taint KEY:` do; the last one, where several have it. */
function byValue(form, text) {
  const [, invalid, value, twice] = /^(?:Invalid (key|value): (.*?) : |Duplicate taint ([^:]*):)/.exec(text) || [];
  return controlsOf(form).findLast((one) => membersOf(one).includes(invalid || 'key') && one.value === (value ?? twice));
}

/** The field that a fault is about, if it is one of the form's. */
function fieldOf(form, text) {
  const path = pathIn(text);
  // A path that ends with an item says which one, and the words behind it say what of it.
  const [, rows, number] = /^(\w+)\[(\d+)\]: /.exec(text) || [];
  const item = rows && itemsOf(form.querySelector(`[data-rows="${rows}"]`))[Number(number)];
  if (item?.elements) return fieldOf(item, text.replace(PATH, '')) || controlsOf(item)[0];
  return (path && atPath(form, path)) || byValue(form, text) || inWords(form, text);
}

/** Says at a field what is wrong with it. */
function mark(control, text) {
  const id = `${control.id}-wrong`;
  const said = byId(id);
  if (said) {
    said.textContent += `\n${text}`;
    return;
  }
  const about = control.closest('.field') || control.closest('label');
  const words = h('p', { class: 'wrong', id }, text);
  if (about.matches('label')) about.after(words);
  else about.append(words);
  control.setAttribute('aria-invalid', 'true');
  control.setAttribute('aria-describedby', [control.getAttribute('aria-describedby'), id].filter(Boolean).join(' '));
  const details = control.closest('details');
  if (details) details.open = true;
}

/** Takes back what was said at a field. */
function unmark(control) {
  const id = `${control.id}-wrong`;
  byId(id)?.remove();
  control.removeAttribute('aria-invalid');
  const left = (control.getAttribute('aria-describedby') || '').split(' ').filter((one) => one && one !== id);
  if (left.length) control.setAttribute('aria-describedby', left.join(' '));
  else control.removeAttribute('aria-describedby');
}

const invalidIn = (form) => [...form.elements].filter((one) => one.getAttribute('aria-invalid'));
/** Takes back all that was said at the fields of a form. */
const forget = (form) => invalidIn(form).forEach((control) => {
  unmark(control);
  delete control.dataset.told;
});

/** Goes to a field, with what is said of it in sight. Whoever is there already hears it all the same. */
function goTo(form, control) {
  const there = document.activeElement === control;
  control.focus();
  const words = byId(`${control.id}-wrong`);
  words?.scrollIntoView({ block: 'nearest' });
  form.querySelector('.heard')?.replaceChildren(...(there && words ? [h('span', {}, words.textContent)] : []));
}

/**
 * Says why what a form asked for was refused; the focus goes to the first field that it is about.
 * @param {HTMLFormElement} form
 * @param {HTMLElement} rest
 * @param {Refusal} error
 */
function showRefusal(form, rest, error) {
  const left = error.before ? [error.before] : [];
  const told = (control, text) => {
    if (control) mark(control, text.replace(PATH, '').replace(/^Invalid value: "object": /, ''));
    else left.push(text);
  };
  if (error.at) told(atPath(form, partsOfPath(error.at)), error.message);
  else if (ABOUT_THE_REQUEST.includes(error.status || 0) || OTHERS_ROLE.test(error.message)) for (const text of faultsIn(error.message)) told(fieldOf(form, text), text);
  else told(null, error.message);
  // Shown before it is filled: then it is heard for sure.
  rest.hidden = !left.length;
  rest.replaceChildren(left.join('\n'), ...(error.link ? ['\n', error.link] : []));
  rest.scrollIntoView({ block: 'nearest' });
  const [first] = invalidIn(form);
  if (first) goTo(form, first);
}

/**
 * A form that asks for something: `act` is called with it, once at a time, and its refusals are shown in it. What it finds wrong by
 * itself is told before; `check` says of its fields what they make each other wrong.
 * @param {HTMLElement} submit
 * @param {(form: HTMLFormElement) => unknown} act
 * @param {{ check?: (form: HTMLFormElement) => void, [property: string]: any }} look
 * @param {...(Child | Child[])} children
 */
function asking(submit, act, look, ...children) {
  const { check, ...properties } = look;
  const rest = h('p', { class: 'wrong', role: 'alert', hidden: true });
  let busy = false;
  const form = h('form', { novalidate: true, ...properties, onsubmit: async (event) => {
    event.preventDefault();
    if (busy) return;
    rest.hidden = true;
    forget(form);
    if (tellAll(form, check)) return;
    busy = true;
    // Not disabled: a button that is loses the focus.
    submit.setAttribute('aria-disabled', 'true');
    try {
      await act(form);
    } catch (error) {
      showRefusal(form, rest, error);
    }
    submit.removeAttribute('aria-disabled');
    busy = false;
  } }, ...children);
  form.lastElementChild?.before(rest, h('p', { class: 'hidden heard', 'aria-live': 'assertive' }));
  form.addEventListener('input', (event) => {
    const control = /** @type {HTMLElement} */ (event.target);
    if (control.getAttribute('aria-invalid') && !control.dataset.told) unmark(control);
    tellAtOnce(form, check);
  });
  // Of what somebody is still typing nobody knows what it will be.
  form.addEventListener('change', (event) => {
    const control = /** @type {any} */ (event.target);
    if (control.value && control.dataset.members) released(() => tell(control, wrongWith(control)));
  });
  return form;
}
