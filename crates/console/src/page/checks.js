/*
 * What a form can tell by itself, before anybody is asked: at the field that it is about, and in the page's own words.
 */

/** Prefixes of labels and taints that only Kubernetes and EKS give; `names.rs` of `crates/crd` has the same. */
const RESERVED_PREFIXES = ['kubernetes.io/', 'k8s.io/', 'eks.amazonaws.com/'];

/** Why nobody may give this key; nothing where anybody may. */
function reservedKey(key, kind) {
  const prefixes = ['labels', 'taints'].includes(kind) ? RESERVED_PREFIXES : /tags$/i.test(kind) ? ['aws:'] : [];
  const prefix = prefixes.find((one) => key.toLowerCase().startsWith(one));
  return prefix ? `${key}: keys that begin with ${prefix} are reserved. Choose another one, such as team.` : '';
}

/** What tells one of several from the others: a name, or a key, of taints with the effect. */
function identityOf(item) {
  const of = (name) => item.querySelector(`:scope > .fields [name=${name}]`);
  const [control, effect] = [of('key') || of('group'), of('effect')?.value];
  return control && { control, text: control.value.trim(), effect };
}

/** Says of names and keys of which there are several whether they are there twice, or reserved. */
function checkRows(form) {
  for (const rows of form.querySelectorAll('[data-rows]')) {
    const kind = rows.dataset.rows;
    const all = itemsOf(rows).map(identityOf).filter(Boolean);
    all.forEach(({ control, text, effect }, at) => {
      const twice = text && all.findIndex((one) => one.text === text && one.effect === effect) < at;
      const words = kind === 'nodeGroups' ? 'Each node group needs a name of its own.' : `${text} is there twice${effect ? ` with ${effect}` : ''}.`;
      // What somebody gave by other ways may stay.
      const reserved = text === control.dataset.was ? '' : reservedKey(text, kind);
      control.setCustomValidity(twice ? words : reserved);
    });
  }
}

/** What is wrong with what stands in a field; nothing where it will do. */
function wrongWith(control) {
  const { validity, dataset, min, max } = control;
  if (!control.willValidate || validity.valid) return '';
  if (validity.customError) return control.validationMessage;
  if (validity.valueMissing) return control.tagName === 'SELECT' ? 'Choose one.' : 'Fill this in.';
  if (validity.patternMismatch) return dataset.allowed || '';
  if (validity.rangeUnderflow) return `At least ${min}.`;
  if (validity.rangeOverflow) return `At most ${max}.`;
  return validity.badInput || validity.stepMismatch ? 'Write a whole number.' : control.validationMessage;
}

/** Says at a field, or takes back, what the form itself finds wrong there. What the server refused stays. */
function tell(control, text) {
  const told = control.dataset.told || '';
  if (told === text) return;
  if (told) unmark(control);
  delete control.dataset.told;
  if (!text) return;
  unmark(control);
  mark(control, text);
  control.dataset.told = text;
}

/** Tells at once, while somebody types, what other fields or the rules of keys make wrong. */
function tellAtOnce(form, check) {
  checkRows(form);
  check?.(form);
  for (const control of controlsOf(form)) {
    const text = control.validity.customError ? control.validationMessage : '';
    // What was wrong with a field when it was left is told until it is mended.
    if (text || !wrongWith(control)) tell(control, text);
  }
}

/** Tells what is wrong with each field, and goes to the first one. Whether there is any. */
function tellAll(form, check) {
  checkRows(form);
  check?.(form);
  const wrong = controlsOf(form).filter((control) => wrongWith(control));
  for (const control of wrong) tell(control, wrongWith(control));
  if (wrong.length) goTo(form, wrong[0]);
  return wrong.length > 0;
}

/** What waits until nothing is held down: a button that moves away below the pointer isn't pressed. */
const waiting = [];
let held = false;
addEventListener('pointerdown', () => { held = true; }, true);
for (const end of ['pointerup', 'pointercancel']) {
  addEventListener(end, () => {
    held = false;
    setTimeout(() => waiting.splice(0).forEach((act) => act()));
  }, true);
}
const released = (act) => (held ? waiting.push(act) : act());

const NAME_WORDS = (most) => `Letters, digits, - and _, the first one a letter or digit; at most ${most}.`;
/** What Kubernetes takes for the name of a label or taint, and for its value. */
const LABEL_WORDS = 'Letters, digits, -, _ and ., the first and the last one a letter or digit; at most 63.';
/** The patterns of fields, with what is said where they don't fit. */
const PATTERNS = {
  cluster: { pattern: '[0-9A-Za-z][A-Za-z0-9_\\-]{0,99}', allowed: `${NAME_WORDS(100)} Example: my-cluster.` },
  group: { pattern: '[0-9A-Za-z][A-Za-z0-9_\\-]{0,62}', allowed: `${NAME_WORDS(63)} Example: workers-2.` },
  region: { pattern: '[a-z]{2}(-[a-z]+)+-[0-9]+', allowed: 'A region as AWS writes it. Example: eu-central-1.' },
  account: { pattern: '[0-9]{12}', allowed: '12 digits. Example: 111122223333.' },
  subnets: {
    pattern: '[\\s,]*(subnet-[0-9a-z]+([\\s,]+|$))*',
    allowed: 'Ids of subnets, with commas between them. Example: subnet-0123, subnet-4567.',
  },
  role: { pattern: 'arn:aws[a-z\\-]*:iam::[0-9]{12}:role\\/[^\\s]*[^\\s\\/]', allowed: 'The ARN of a role. Example: arn:aws:iam::111122223333:role/my-role.' },
  labelKey: {
    pattern: '\\s*((?=[^\\/]{1,253}\\/)[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9\\-]{0,61}[a-z0-9])?)*\\/)?[A-Za-z0-9]([A-Za-z0-9_.\\-]{0,61}[A-Za-z0-9])?\\s*',
    allowed: `${LABEL_WORDS} A domain may stand before it, with / between them. Example: example.com/team.`,
  },
  labelValue: {
    pattern: '\\s*([A-Za-z0-9]([A-Za-z0-9_.\\-]{0,61}[A-Za-z0-9])?)?\\s*',
    allowed: `${LABEL_WORDS} Example: web-1.`,
  },
  namespace: {
    pattern: '[a-z0-9]([a-z0-9\\-]*[a-z0-9])?',
    allowed: 'Lowercase letters, digits and -, the first and the last one a letter or digit. Example: my-team.',
  },
};
