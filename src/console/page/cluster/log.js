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

function PodLog({ cluster, pod, close }) {
  const { name, namespace } = pod.metadata;
  const containers = [...(pod.spec?.containers || []), ...(pod.spec?.initContainers || [])].map((one) => one.name);
  const [container, choose] = useState(containers[0]);
  const [previous, before] = useState(false);
  const [attempt, again] = useState(0);
  const where = new URLSearchParams({ namespace, pod: name, container, previous: String(previous), follow: String(!previous) });
  const { text, error, over } = useStream(cluster, `log?${where}`, attempt);
  // When the log ends, its container may have ended, or only the connection.
  const { data } = useChild(cluster, over && !previous ? `objects/pods?namespace=${encodeURIComponent(namespace)}` : null, 5000);
  const goesOn = over && data?.items.some((one) => one.metadata.name === name && goesOnIn(one, container));
  const heading = useRef();
  useEffect(() => heading.current.focus(), [attempt]);
  return html`<section aria-label=${`Log of ${name}`}>
    <div class="row"><h3 tabindex="-1" ref=${heading}>Log of ${namespace}/${name}</h3>
      <label>Container <select value=${container} onChange=${(event) => choose(event.target.value)}>${containers.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
      <label><input type="checkbox" checked=${previous} onChange=${(event) => before(event.target.checked)} /> Previous run</label>
      ${(error || goesOn) && !previous && html`<button onClick=${() => again(attempt + 1)}>Follow again</button>`}
      <button onClick=${close}>Close the log</button></div>
    ${error && html`<p class="wrong" role="alert">${error.message}</p>`}
    <${LogText} text=${text} label=${`Lines of ${name}`} />
    <p class="says" role="status">${over ? (goesOn ? 'The log broke off.' : 'That is all of it.') : error ? '' : 'New lines come as they are said.'}</p></section>`;
}
