/* Fargate profiles. */

const Fargate = ({ found: { fargate } }) => html`<${List} label="Fargate profiles" columns=${['Name', 'State']} items=${fargate}
  id=${(one) => one.metadata.name} cells=${(one) => [one.metadata.name, stateOf(one)]} none="There are no Fargate profiles." />`;

addTab({ id: 'fargate', title: 'Fargate', order: 90, view: Fargate });
