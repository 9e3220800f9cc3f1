/* What can be done with a cluster as a whole. */

/** The buttons beside the cluster's name. */
function Actions({ found }) {
  const { summary, spec, status } = found;
  const [known, know] = useState(/** @type {string[]} */ ([]));
  useEffect(() => { versions().then(know, () => {}); }, []);
  const sleeps = Boolean(status?.hibernated);
  const stopped = sleeps || summary.phase === 'Stopped' || spec.state === 'Stopped';
  const busy = summary.phase === 'Deleting';
  const fixed = busy || summary.imported;
  return html`
    <button onClick=${() => kubeconfig(summary)} disabled=${!summary.endpoint}>Copy kubeconfig</button>
    <button onClick=${() => kubeconfig(summary, true)} disabled=${!summary.endpoint}>Download kubeconfig</button>
    <${Do} does=${() => upgrade(summary)} why=${upgradeFixed(found, known)}>Upgrade<//>
    <button onClick=${() => power(summary, stopped ? 'Running' : 'Stopped')} disabled=${fixed}>${sleeps ? 'Wake' : stopped ? 'Start' : 'Stop'}</button>
    <button class="bad" onClick=${() => remove(summary)} disabled=${busy}>Delete</button>`;
}
