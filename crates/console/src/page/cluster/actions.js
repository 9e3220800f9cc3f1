/* What can be done with a cluster as a whole. */

/** The buttons beside the cluster's name. */
function Actions({ found }) {
  const { summary, spec } = found;
  const [known, know] = useState(/** @type {string[]} */ ([]));
  useEffect(() => { versions().then(know, () => {}); }, []);
  const sleeps = Boolean(summary.asleep);
  const stopped = sleeps || summary.phase === 'Stopped' || spec.state === 'Stopped';
  const going = summary.phase === 'Deleting' && 'The cluster is being deleted.';
  const guarded = spec.deletionProtection && 'Deletion protection is on. Turn it off on the Overview, then delete the cluster.';
  const unreached = summary.recorded ? 'The cluster is a record only: nothing runs, so it has no kubeconfig.' : !summary.endpoint && 'The cluster has no endpoint yet.';
  return html`
    <${Do} does=${() => kubeconfig(summary)} why=${unreached} hint=${kubeconfigWords(summary)}>Copy kubeconfig<//>
    <${Do} does=${() => kubeconfig(summary, true)} why=${unreached} hint=${kubeconfigWords(summary)}>Download kubeconfig<//>
    <${Do} does=${() => upgrade(summary)} why=${upgradeFixed(found, known)}>Upgrade<//>
    <${Do} does=${() => power(summary, stopped ? 'Running' : 'Stopped')} why=${going || (summary.imported && unchangeable(found))}>${sleeps ? 'Wake' : stopped ? 'Start' : 'Stop'}<//>
    <${Do} look="bad" does=${() => remove(summary)} why=${going || guarded}>Delete<//>`;
}
