/* What can be done with a cluster as a whole. */

async function upgrade(cluster) {
  const minor = (version) => Number(version.split('.')[1]);
  const known = await versions().catch(() => []);
  const next = known.filter((version) => minor(version) === minor(cluster.version || '1.0') + 1);
  if (!next.length) return say(`There is no version after ${cluster.version}.`);
  return ask(`Upgrade ${cluster.name}`, [{ label: 'To', name: 'version', options: next }], 'Upgrade', ({ version }) => request('POST', eks(cluster, '/updates'), { body: { version }, world: cluster }),
    { text: 'The API server is away for some seconds. Versions never go down.' });
}

/** The buttons beside the cluster's name. */
function Actions({ found }) {
  const { summary, spec, status } = found;
  const sleeps = Boolean(status?.hibernated);
  const stopped = sleeps || summary.phase === 'Stopped' || spec.state === 'Stopped';
  const busy = summary.phase === 'Deleting';
  const fixed = busy || summary.imported;
  return html`
    <button onClick=${() => kubeconfig(summary)} disabled=${!summary.endpoint}>Copy kubeconfig</button>
    <button onClick=${() => kubeconfig(summary, true)} disabled=${!summary.endpoint}>Download kubeconfig</button>
    <button onClick=${() => upgrade(summary)} disabled=${fixed || stopped}>Upgrade</button>
    <button onClick=${() => power(summary, stopped ? 'Running' : 'Stopped')} disabled=${fixed}>${sleeps ? 'Wake' : stopped ? 'Start' : 'Stop'}</button>
    <button class="bad" onClick=${() => remove(summary)} disabled=${busy}>Delete</button>`;
}
