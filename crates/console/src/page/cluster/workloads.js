/* Workloads: what runs in the cluster. */

/** What can be looked at: its name, and the kinds of objects that it is made of. */
const WORKLOADS = [
  { title: 'Pods', kinds: ['pods'] }, { title: 'Controllers', kinds: ['deployments', 'statefulsets', 'daemonsets'] },
  { title: 'Services', kinds: ['services'] }, { title: 'Claims', kinds: ['claims'] },
];
const idOf = ({ metadata }) => `${metadata.namespace}/${metadata.name}`;

/** Why a pod isn't what its phase says, in one word.
 * @param {any} pod */
function podState({ metadata, status = {} }) {
  if (metadata.deletionTimestamp) return 'Terminating';
  const waiting = (status.containerStatuses || []).map(({ state }) => state?.waiting?.reason || (status.phase !== 'Succeeded' && state?.terminated?.reason)).find(Boolean);
  return waiting || status.reason || status.phase || 'Unknown';
}

/** How that word looks. */
const podLook = (state) => ({ Running: 'Active', Succeeded: 'Stopped', Pending: 'Creating', ContainerCreating: 'Creating', Terminating: 'Deleting' }[state] || 'Failed');

/** Why a pod doesn't run: what its containers wait for, that no node takes it, or the last that an Event warned of.
 * @param {any} pod */
function podTrouble({ metadata, status = {} }, events = []) {
  const containers = [...(status.initContainerStatuses || []), ...(status.containerStatuses || [])];
  if (status.phase === 'Succeeded' || (status.phase === 'Running' && containers.every(({ ready, state }) => ready || state?.terminated))) return '';
  const waiting = containers.map(({ state }) => state?.waiting?.message).find(Boolean);
  const unscheduled = (status.conditions || []).find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')?.message;
  const about = events.filter(({ type, involvedObject }) => type === 'Warning' && involvedObject?.kind === 'Pod' && involvedObject.name === metadata.name);
  const warned = about.sort((a, b) => Date.parse(eventTime(b)) - Date.parse(eventTime(a))).find((event) => event.metadata.namespace === metadata.namespace);
  return unscheduled || waiting || status.message || warned?.message || '';
}

/** What becomes of a pod that is deleted.
 * @param {any} pod */
function afterPod({ metadata: { ownerReferences = [] }, status = {} }) {
  const ended = ['Succeeded', 'Failed'].includes(status.phase);
  const owner = ownerReferences.find(({ controller }) => controller) || ownerReferences[0];
  if (!owner) return `Nothing makes another one${ended ? ', and its log is lost' : ''}.`;
  if (owner.kind === 'Job') return ended ? 'It ended, and its Job makes no other one for it: its log is lost.' : 'Its Job makes another one, as long as it isn’t complete.';
  return owner.kind === 'Node' ? 'Its node makes it anew.' : `Its ${owner.kind} makes another one.`;
}

function deletePod(cluster, pod) {
  const { name, namespace } = pod.metadata;
  ask(`Delete pod ${name}?`, [], 'Delete', () => askChild(cluster, `pods/${namespace}/${name}`, { method: 'DELETE' }).then(() => say(`Pod ${name} is being deleted.`)),
    { danger: true, text: afterPod(pod) });
}

function Pods({ found, rights, namespace, open }) {
  const pods = useObjects(found.summary, rights, 'pods', namespace);
  const usage = useObjects(found.summary, rights, 'pod-usage', namespace, 15_000);
  const events = useObjects(found.summary, rights, 'events', namespace, 15_000);
  const used = new Map((usage.items || []).map((one) => [idOf(one), one.containers || []]));
  const sum = (pod, what) => used.get(idOf(pod))?.reduce((total, container) => total + quantity(container.usage?.[what]), 0);
  const cells = (pod) => {
    const { name } = pod.metadata;
    const containers = pod.status?.containerStatuses || [];
    const state = podState(pod);
    const trouble = podTrouble(pod, events.items);
    const [cpu, memory] = [sum(pod, 'cpu'), sum(pod, 'memory')];
    return [html`<${Clipped} text=${pod.metadata.namespace} />`, html`<${Clipped} text=${name} look="mono" />`,
      html`<span class=${`phase ${podLook(state)}`}>${state}</span>${trouble && html`<div class="says"><${Clipped} text=${trouble} /></div>`}`,
      `${containers.filter(({ ready }) => ready).length}/${pod.spec?.containers?.length || 0}`, containers.reduce((total, { restartCount }) => total + (restartCount || 0), 0),
      cpu === undefined ? '–' : cpuText(cpu), memory === undefined ? '–' : memoryText(memory),
      html`<${Clipped} text=${pod.spec?.nodeName || '–'} look="mono" />`, html`<${Ago} time=${pod.metadata.creationTimestamp} />`,
      html`<span class="row">${rights.may.log && html`<button onClick=${(event) => open(pod, event.currentTarget)} aria-label=${`Log of ${name}`}>Log</button>`}
        ${rights.may['delete-pods'] && html`<button class="bad" onClick=${() => deletePod(found.summary, pod)} aria-label=${`Delete ${name}`}>Delete</button>`}</span>`];
  };
  return html`<${Said} objects=${pods} what="pods" />
    ${pods.items && html`<${List} label="Pods" look="pods" columns=${['Namespace', 'Pod', 'State', 'Ready', 'Restarts', 'CPU', 'Memory', 'Node', 'Created', '']}
      items=${pods.items} id=${idOf} cells=${cells} none="There are no pods here." />`}`;
}

/** Whether all pods that are to be are of the newest template: a StatefulSet leaves those below its partition, and OnDelete replaces none by itself. */
function rolledOut({ replicas, updateStrategy: { type, rollingUpdate } = /** @type {any} */ ({}) }, status) {
  if (type === 'OnDelete') return true;
  const updated = status.updatedReplicas ?? status.updatedNumberScheduled ?? 0;
  return updated >= (replicas ?? status.desiredNumberScheduled ?? 0) - (rollingUpdate?.partition || 0);
}

function Controllers({ found, rights, namespace }) {
  const kinds = ['deployments', 'statefulsets', 'daemonsets'];
  const all = kinds.map((kind) => ({ kind, ...useObjects(found.summary, rights, kind, namespace) }));
  const names = { deployments: 'Deployment', statefulsets: 'StatefulSet', daemonsets: 'DaemonSet' };
  const items = all.flatMap(({ kind, items: some = [] }) => some.map((item) => ({ ...item, kind })));
  /** @param {any} item */
  const cells = ({ kind, metadata, spec = {}, status = {} }) => [names[kind], metadata.namespace, html`<code>${metadata.name}</code>`,
    html`<${Ready} ready=${status.readyReplicas ?? status.numberReady ?? 0} wanted=${spec.replicas ?? status.desiredNumberScheduled ?? 0} done=${rolledOut(spec, status)} />`,
    (spec.template?.spec?.containers || []).map(({ image }) => html`<div class="mono">${image}</div>`), html`<${Ago} time=${metadata.creationTimestamp} />`];
  return html`${all.filter(({ kind }) => rights.may[kind]).map((one) => html`<${Said} key=${one.kind} objects=${one} what=${one.kind} />`)}
    ${all.some((one) => one.items) && html`<${List} label="Controllers" columns=${['Kind', 'Namespace', 'Name', 'Ready', 'Images', 'Created']} items=${items} id=${(item) => `${item.kind} ${idOf(item)}`} cells=${cells}
      none="There are no Deployments, StatefulSets and DaemonSets here." />`}`;
}

function Services({ found, rights, namespace }) {
  const services = useObjects(found.summary, rights, 'services', namespace);
  const outside = ({ spec, status }) => (status?.loadBalancer?.ingress || []).map(({ ip, hostname }) => hostname || ip).concat(spec?.externalName || []);
  const cells = (service) => [service.metadata.namespace, html`<code>${service.metadata.name}</code>`, service.spec?.type || '–', html`<code>${service.spec?.clusterIP || '–'}</code>`,
    outside(service).map((address) => html`<div class="mono">${address}</div>`),
    (service.spec?.ports || []).map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`).join(', '), html`<${Ago} time=${service.metadata.creationTimestamp} />`];
  return html`<${Said} objects=${services} what="Services" />
    ${services.items && html`<${List} label="Services" columns=${['Namespace', 'Service', 'Type', 'Address', 'From outside', 'Ports', 'Created']}
      items=${services.items} id=${idOf} cells=${cells} none="There are no Services here." />`}`;
}

function Claims({ found, rights, namespace }) {
  const claims = useObjects(found.summary, rights, 'claims', namespace);
  const cells = (claim) => [claim.metadata.namespace, html`<code>${claim.metadata.name}</code>`,
    html`<span class=${`phase ${claim.status?.phase === 'Bound' ? 'Active' : 'Creating'}`}>${claim.status?.phase || '–'}</span>`,
    claim.status?.capacity?.storage || claim.spec?.resources?.requests?.storage || '–', claim.spec?.storageClassName || '–', (claim.spec?.accessModes || []).join(', '),
    html`<${Ago} time=${claim.metadata.creationTimestamp} />`];
  return html`<${Said} objects=${claims} what="claims" />
    ${claims.items && html`<${List} label="Claims" columns=${['Namespace', 'Claim', 'State', 'Size', 'Class', 'Access', 'Created']}
      items=${claims.items} id=${idOf} cells=${cells} none="There are no PersistentVolumeClaims here." />`}`;
}

const WORKLOAD_VIEWS = { Pods, Controllers, Services, Claims };

/** The pod whose log the address asks for, as namespace/name; none where it asks for none. */
const logInAddress = () => new URLSearchParams(location.hash.split('?')[1]).get('log') || '';

function LiveWorkloads({ found, rights, namespace, choose: chooseNamespace, suggested }) {
  const [title, look] = useState('Pods');
  const opened = logInAddress();
  const from = useRef();
  // An open log has an address: a reload, Back, and whoever is sent it come to it again.
  const open = (pod, button) => {
    from.current = button;
    location.hash = `${address(found.summary, 'workloads')}${address(found.summary).includes('?') ? '&' : '?'}log=${encodeURIComponent(idOf(pod))}`;
  };
  const close = () => {
    openTab('workloads');
    if (from.current?.isConnected) from.current.focus();
    else byId('tab-workloads').focus();
  };
  const namespaces = useObjects(found.summary, rights, 'namespaces', '', 30_000);
  const allowed = WORKLOADS.filter(({ kinds }) => rights.waits || kinds.some((kind) => rights.may[kind]));
  const shown = allowed.find((one) => one.title === title) || allowed[0];
  const names = namespaces.items?.map(({ metadata }) => metadata.name) || suggested;
  return html`<div class="row">
      <${Namespace} namespace=${namespace} names=${names} whole=${Boolean(namespaces.items)} choose=${chooseNamespace} />
      <span class="row" role="group" aria-label="Kinds">${allowed.map((one) => html`<button key=${one.title} aria-pressed=${String(one === shown)} onClick=${() => look(one.title)}>${one.title}</button>`)}</span>
    </div>
    ${rights.waits ? html`<p role="status">asking the cluster…</p>` : shown ? html`<${WORKLOAD_VIEWS[shown.title]} key=${`${shown.title} ${namespace}`} found=${found} rights=${rights} namespace=${namespace} open=${open} />`
    : html`<p class="empty">The cluster lets you list nothing ${namespace ? `in namespace ${namespace}` : 'of all namespaces: give one in which you may'}.</p>`}
    ${opened && shown?.title === 'Pods' && rights.may.log && html`<${LogOfPod} key=${opened} cluster=${found.summary} id=${opened} close=${close} />`}`;
}

/** The namespace: chosen among those that there are, or for whom may not list them, typed. */
function Namespace({ namespace, names, whole, choose: chooseNamespace }) {
  const [wrong, tellWrong] = useState('');
  if (whole) {
    return html`<label>Namespace <select value=${namespace} onChange=${(event) => chooseNamespace(event.target.value)}>
      <option value="">all</option>${[...new Set([...names, ...(namespace ? [namespace] : [])])].map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`;
  }
  const set = (event) => {
    event.preventDefault();
    const { namespace: control } = event.target.elements;
    const text = control.value.trim();
    const fits = !text || new RegExp(`^${PATTERNS.namespace.pattern}$`).test(text);
    tellWrong(fits ? '' : PATTERNS.namespace.allowed);
    if (fits) chooseNamespace(text);
    else control.focus();
  };
  return html`<form class="row" novalidate onSubmit=${set}><label>Namespace <input name="namespace" list="namespaces" defaultValue=${namespace} autocomplete="off" placeholder="all"
      aria-invalid=${wrong ? 'true' : null} aria-describedby=${wrong ? 'namespace-wrong' : null} onInput=${() => tellWrong('')} /></label>
    <datalist id="namespaces">${names.map((name) => html`<option key=${name} value=${name} />`)}</datalist><button>Look</button>
    ${wrong && html`<span class="wrong" id="namespace-wrong">${wrong}</span>`}</form>`;
}

/** Namespaces that the cluster's access entries speak of. */
function namespacesOf({ access }) {
  const scopes = access.flatMap((entry) => (entry.spec.accessPolicies || []).flatMap((policy) => policy.accessScope?.namespaces || []));
  return [...new Set(['default', ...scopes.filter((name) => !name.includes('*'))])];
}

function Workloads({ found }) {
  const [namespace, chooseNamespace] = useState(logInAddress().split('/')[0]);
  return html`<${Inside} found=${found} namespace=${namespace} view=${LiveWorkloads} choose=${chooseNamespace} suggested=${namespacesOf(found)} />`;
}

addTab({ id: 'workloads', title: 'Workloads', order: 40, view: Workloads });
