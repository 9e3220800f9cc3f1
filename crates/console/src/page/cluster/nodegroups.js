/* Node groups. */

/** Why a group can't be changed now; null where it can. */
function groupFixed(found, { name, phase: is }) {
  if (is === 'Deleting') return `${name} is being deleted.`;
  if (!is || is === 'Creating') return `${name} is still being created.`;
  if (updating(found, (spec) => spec.nodegroupName === name)) return `${name} is being updated.`;
  return null;
}

function GroupActions({ found, group }) {
  const { summary } = found;
  const why = unchangeable(found) || groupFixed(found, group);
  const behind = minorOf(group.version) < minorOf(summary.version);
  const gone = summary.imported ? unchangeable(found) : group.phase === 'Deleting' && `${group.name} is being deleted.`;
  return html`<span class="row">
    <${Do} does=${() => scale(summary, group)} why=${why} label=${`Scale ${group.name}`}>Scale<//>
    <${Do} does=${() => editGroup(summary, group)} why=${why} label=${`Edit ${group.name}`}>Edit<//>
    <${Do} does=${() => upgradeGroup(summary, group)} why=${why || (!behind && `${group.name} runs the cluster’s version.`)} label=${`Upgrade ${group.name}`}>Upgrade<//>
    <${Do} look="bad" does=${() => deleteGroup(summary, group)} why=${gone} label=${`Delete ${group.name}`}>Delete<//></span>`;
}

function NodeGroups({ found }) {
  const { summary } = found;
  const { opened, close, opener } = useDetails('nodegroups');
  const rests = summary.asleep ? 'asleep' : 'stopped';
  const rest = summary.phase === 'Stopped' && `${rests} with the cluster`;
  const behind = (group) => group.version && minorOf(group.version) < minorOf(summary.version);
  const cells = (group) => [
    opener(group.name), html`<${Phase} name=${group.phase} asleep=${summary.asleep} />`,
    html`${group.version || '–'}${behind(group) && html`<div class="says">behind the cluster’s ${summary.version}</div>`}`,
    html`<${Ready} ready=${group.ready} wanted=${group.scaling.desiredSize} rests=${group.phase === 'Stopped' ? rests : ''} done=${group.phase === 'Active'} />`, `${group.scaling.minSize}–${group.scaling.maxSize}`,
    (group.instanceTypes || []).join(', ') || 't3.medium',
    html`${Object.entries(group.labels || {}).map((pair) => html`<div class="mono">${pair.join('=')}</div>`)}
      ${(group.taints || []).map((taint) => html`<div class="mono">${taintText(taint)}</div>`)}`,
    (group.phase === 'Stopped' && rest) || group.says || '', html`<${GroupActions} found=${found} group=${group} />`,
  ];
  return html`<${List} label="Node groups" columns=${['Group', 'Phase', 'Version', 'Nodes', 'Sizes', 'Instance types', 'Labels, taints', 'Message', '']}
      items=${summary.groups} cells=${cells} id=${(group) => group.name} none="There are no node groups: the cluster has only its server." />
    ${!summary.imported && html`<p><${Do} does=${() => addGroup(summary)} why=${unchangeable(found)}>Add node group<//></p>`}
    ${opened && html`<${GroupDetails} key=${opened} found=${found} name=${opened} close=${close} />`}`;
}

addTab({ id: 'nodegroups', title: 'Node groups', order: 20, view: NodeGroups });
