/* Addons. */

const Addons = ({ found: { addons } }) => html`<${List} label="Addons" columns=${['Addon', 'Version', 'State']} items=${addons} id=${(addon) => addon.spec.addonName}
  cells=${(addon) => [addon.spec.addonName, addon.spec.addonVersion || '–', stateOf(addon)]} none="No addons were asked for." />`;

addTab({ id: 'addons', title: 'Addons', order: 50, view: Addons });
