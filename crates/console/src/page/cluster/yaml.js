/* The cluster as YAML: its resource to read, and what the EKS API lets change to edit, with the differences before anything is applied. */

/** Texts that somebody edits, by cluster: another tab, or a live change, loses none of it. */
const yamlDrafts = new Map();
const printed = (document) => `${yaml(document).join('\n')}\n`;
/** Without what is null, which no printed YAML needs. */
const bare = (value) => JSON.parse(JSON.stringify(value, (_, one) => (one === null ? undefined : one)));

/** The cluster with its node groups as the EKS API has them: what is shown is what can be edited. The resource stands below. */
function YamlView({ found: { summary, spec, status } }) {
  const resource = printed(bare({ apiVersion: 'eks.cattle.io/v1', kind: 'EKSClusterConfig', metadata: { name: summary.resource, namespace: summary.namespace }, spec, status }));
  // Whatever changes in the cluster or its groups is asked for anew.
  const { data, error } = usePolled(JSON.stringify([summary, spec]), async () => printed((await documentOf(summary)).document), 60_000);
  const last = useRef();
  if (data) last.current = data;
  const text = last.current;
  return html`<div class="bar"><h3 id="as-now">The cluster and its node groups</h3>${text && html`<button onClick=${() => copy(text, 'The YAML')}>Copy the YAML</button>`}</div>
    ${error && html`<p class="wrong" role="alert">${error.message}</p>`}
    ${text ? html`<pre tabindex="0" role="region" aria-labelledby="as-now">${text}</pre>` : !error && html`<p role="status">asking…</p>`}
    <details><summary>The resource EKSClusterConfig, as kubectl has it</summary>
      ${spec.nodeGroups?.length ? html`<p class="says">Each node group is a resource Nodegroup of its own. Those under nodeGroups are only what the cluster began with.</p>` : ''}
      <div class="bar"><button onClick=${() => copy(resource, 'The resource')}>Copy the resource</button></div>
      <pre tabindex="0" role="region" aria-label="The resource">${resource}</pre></details>`;
}

function Diff({ before, after }) {
  const look = { '-': 'del', '+': 'ins' };
  return html`<pre class="diff" tabindex="0" role="region" aria-label="Differences">${linesOf(before, after).map(({ sign, text }) => (look[sign] ? html`<${look[sign]}>${sign} ${text}<//>` : `  ${text}\n`))}</pre>`;
}

/** The editor: first the text, then what would change, and what is asked for that. */
function YamlEditor({ found, close }) {
  const { summary } = found;
  const draft = yamlDrafts.get(summary.key);
  const [{ operations, doing, error }, tell] = useState(/** @type {{ operations?: any[], doing?: string, error?: string }} */ ({}));
  const [area, heading] = [useRef(), useRef()];
  useEffect(() => area.current.focus(), []);
  useEffect(() => { if (operations) heading.current.focus(); }, [operations]);
  const fail = (why) => tell({ error: why.message });
  const show = async () => {
    const wanted = await request('POST', '/_k3eks/console/yaml', { body: { yaml: draft.text }, world: summary });
    const all = operationsOf(summary, draft.from, wanted || {});
    tell(all.length ? { operations: all } : { error: 'Nothing was changed.' });
  };
  const apply = async () => {
    if (doing || !operations) return;
    for (const [at, one] of operations.entries()) {
      tell({ operations, doing: `${at + 1} of ${operations.length}: ${one.words}` });
      await runOperation(summary, one).catch(async (why) => {
        // What was applied before is no difference any more.
        draft.from = await documentOf(summary);
        throw new Error(`${one.words}: ${why.message}`);
      });
    }
    yamlDrafts.delete(summary.key);
    say('The changes are applied.');
    close();
  };
  const cancel = () => {
    yamlDrafts.delete(summary.key);
    close();
  };
  const input = (event) => {
    draft.text = event.target.value;
    if (operations || error) tell({});
  };
  return html`<label class="field" for="yaml-text">What the EKS API lets change</label>
    <textarea id="yaml-text" class="yaml" ref=${area} spellcheck=${false} aria-invalid=${error ? 'true' : null} aria-describedby=${error ? 'yaml-wrong' : null} defaultValue=${draft.text} onInput=${input} readonly=${Boolean(doing)}></textarea>
    <p class="says">Values that aren’t there stay as they are; logs, labels, taints and tags that aren’t there go. Node groups come and go on their tab.</p>
    ${error && html`<p class="wrong" id="yaml-wrong" role="alert">${error}</p>`}
    <div class="row"><button onClick=${() => show().catch(fail)}>Show the changes</button><button onClick=${cancel}>Cancel</button></div>
    ${operations && html`<h3 tabindex="-1" ref=${heading}>What changes</h3>
      <${Diff} before=${printed(draft.from.document)} after=${draft.text} />
      <p>The EKS API is asked, one after the other:</p><ol>${operations.map(({ words }) => html`<li key=${words}>${words}</li>`)}</ol>
      <p class="row"><button class="main" aria-disabled=${doing ? 'true' : null} onClick=${() => apply().catch(fail)}>Apply</button> <span role="status">${doing || ''}</span></p>`}`;
}

function Yaml({ found }) {
  const { summary } = found;
  const [open, setOpen] = useState(yamlDrafts.has(summary.key));
  const button = useRef();
  const edit = () => withAsked(documentOf(summary), (from) => {
    yamlDrafts.set(summary.key, { from, text: printed(from.document) });
    setOpen(true);
  });
  const close = () => setOpen(false);
  const before = useRef(open);
  useEffect(() => {
    if (before.current && !open) button.current.querySelector('button').focus();
    before.current = open;
  }, [open]);
  if (open) return html`<${YamlEditor} found=${found} close=${close} />`;
  return html`<p ref=${button}><${Do} does=${edit} why=${unchangeable(found)}>Edit as YAML<//></p><${YamlView} found=${found} />`;
}

addTab({ id: 'yaml', title: 'YAML', order: 140, view: Yaml });
