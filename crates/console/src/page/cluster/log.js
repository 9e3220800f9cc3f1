/* The log of a pod, live; and what both kinds of logs are shown in. */

/** Characters that are kept of a log: what came last. */
const LOG_KEPT = 300_000;

/** Text of a log, kept at its end while whoever reads it is there. */
function LogText({ text, label }) {
  const box = useRef();
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  const scrolled = ({ target }) => { atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < 40; };
  return html`<pre class="log" ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${scrolled}>${text || 'Nothing was said yet.'}</pre>`;
}

/**
 * A log as it comes; asked for anew with each `attempt`.
 * @returns {{ text: string, over?: boolean, error?: Error }}
 */
function useStream(cluster, rest, attempt) {
  const [state, set] = useState({ text: '' });
  useEffect(() => {
    const ended = new AbortController();
    let text = '';
    let timer = null;
    const tell = (more) => {
      clearTimeout(timer);
      timer = null;
      if (!ended.signal.aborted) set({ text, ...more });
    };
    const read = async () => {
      try {
        const answer = await askChild(cluster, rest, { signal: ended.signal });
        const reader = /** @type {ReadableStream} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          // What colours a terminal is nothing here.
          text = (text + value.replace(/\u001b\[[\d;]*m/g, '')).slice(-LOG_KEPT);
          timer ??= setTimeout(tell, 150, {});
        }
        tell({ over: true });
      } catch (error) {
        tell({ error });
      }
    };
    set({ text: '' });
    read();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [cluster.key, rest, attempt]);
  return state;
}

/** Whether a container of a pod runs, or will again; one that only prepared the pod doesn't. */
const goesOnIn = ({ status }, container) => (status?.containerStatuses || []).some(({ name, state }) => name === container && !state?.terminated);

/** Why a container has no log yet; nothing where it has one, or had. */
function unstarted(pod, container) {
  const { containerStatuses = [], initContainerStatuses = [], phase: is } = pod.status || {};
  const one = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container);
  if (one ? one.restartCount || !one.state?.waiting : is !== 'Pending') return '';
  const trouble = podTrouble(pod);
  return `The container hasn’t started: ${one?.state?.waiting?.reason || podState(pod)}${trouble ? `. ${trouble}` : ''}`;
}

/** The log of a pod by its name; the pod is looked at again and again, and remembered once it is gone. */
function LogOfPod({ cluster, id, close }) {
  const [namespace, name] = id.split('/');
  const { data, error } = useChild(cluster, `objects/pods?namespace=${encodeURIComponent(namespace)}`, 5000);
  const last = useRef();
  const pod = data?.items.find((one) => one.metadata.name === name) || last.current;
  last.current = pod;
  if (pod) return html`<${PodLog} cluster=${cluster} pod=${pod} close=${close} />`;
  const why = error ? error.message : data ? `There is no pod ${id}.` : 'asking the cluster…';
  return html`<section aria-label=${`Log of ${name}`}><p role="status">${why}</p><button onClick=${close}>Close the log</button></section>`;
}

function PodLog({ cluster, pod, close }) {
  const { name, namespace } = pod.metadata;
  const containers = [...(pod.spec?.containers || []), ...(pod.spec?.initContainers || [])].map((one) => one.name);
  const [container, choose] = useState(containers[0]);
  const [previous, before] = useState(false);
  const [attempt, again] = useState(0);
  const where = new URLSearchParams({ namespace, pod: name, container, previous: String(previous), follow: String(!previous) });
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status || {};
  const restarted = [...containerStatuses, ...initContainerStatuses].some((one) => one.name === container && one.restartCount);
  const { text, error, over } = useStream(cluster, `log?${where}`, attempt);
  const waits = previous || text ? '' : unstarted(pod, container);
  // When the log ends, its container may have ended, or only the connection.
  const goesOn = over && !previous && !waits && goesOnIn(pod, container);
  // A container that starts at last has a log.
  const waited = useRef(waits);
  useEffect(() => {
    if (waited.current && !waits && (over || error)) again(attempt + 1);
    waited.current = waits;
  }, [waits]);
  const heading = useRef();
  const section = useRef();
  // It stands below a table that may be long, and its lines are still to come: the whole of it is brought into sight.
  useEffect(() => {
    heading.current.focus({ preventScroll: true });
    section.current.scrollIntoView({ block: 'start' });
  }, []);
  return html`<section class="pod-log" ref=${section} aria-label=${`Log of ${name}`}>
    <div class="row"><h3 tabindex="-1" ref=${heading}>Log of ${namespace}/${name}</h3>
      <label>Container <select value=${container} onChange=${(event) => choose(event.target.value)}>${containers.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
      ${(restarted || previous) && html`<label><input type="checkbox" checked=${previous} onChange=${(event) => before(event.target.checked)} /> Previous run</label>`}
      ${(error || goesOn) && !previous && html`<button onClick=${() => { again(attempt + 1); heading.current.focus(); }}>Follow again</button>`}
      <button onClick=${close}>Close the log</button></div>
    ${waits ? html`<p role="status">${waits}</p>` : error && html`<p class="wrong" role="alert">${error.message}</p>`}
    ${!waits && html`<${LogText} text=${text} label=${`Lines of ${name}`} />`}
    <p class="says" role="status">${waits ? 'Its log is shown as soon as there is one.' : over ? (goesOn ? 'The log broke off.' : 'That is all of it.') : error ? '' : 'New lines come as they are said.'}</p></section>`;
}
