/* The overview: what the cluster is. */

function Overview({ found }) {
  const { summary, conditions } = found;
  return html`<${Facts} pairs=${[
    ['Version', summary.version], ['Endpoint', summary.endpoint && html`<code>${summary.endpoint}</code>`],
    ['Account, region', `${summary.account}, ${summary.region}`], ['Resource', html`<code>${summary.namespace}/${summary.resource}</code>`],
    ['Made', html`<${Ago} time=${summary.created} />`],
    ['Conditions', (conditions || []).map((one) => `${one.type}=${one.status}`).join(', ')],
  ]} />`;
}

addTab({ id: 'overview', title: 'Overview', order: 10, view: Overview });
