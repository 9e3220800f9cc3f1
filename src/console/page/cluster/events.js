/* Events. */

const Events = ({ found: { events } }) => html`<${List} label="Events" columns=${['When', 'Reason', 'What happened']} items=${events}
  cells=${(event) => [html`<${Ago} time=${event.time} />`, event.reason, event.note]} none="There are no Events any more: Kubernetes keeps them for an hour." />`;

addTab({ id: 'events', title: 'Events', order: 110, view: Events });
