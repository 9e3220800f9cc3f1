/* The cluster's resources as YAML: to read, to take away, and to edit what the EKS API lets change, with the differences before anything is applied. */

/** Texts that somebody edits, by cluster: another tab, or a live change, loses none of it. */
const yamlDrafts = new Map();

/** The resources as they are now, without their status: what is shown is what can be edited, and what can be applied. */
function YamlView({ found }) {
  const { summary, spec, status } = found;
  const { text } = documentsOf(found);
  const reported = `${yaml(bare(status || {})).join('\n')}\n`;
  return html`<div class="bar"><h3 id="as-now">The cluster and its node groups</h3>
      <button onClick=${() => copy(text, 'The YAML')}>Copy the YAML</button><button onClick=${() => download(`${summary.resource}.yaml`, text)}>Download the YAML</button></div>
    <p class="says">As kubectl has them: what you copy or download can be applied.
      ${spec.nodeGroups?.length ? html` Node groups under <code>nodeGroups</code> are what the cluster began with; what they are now stands in their own resources.` : ''}</p>
    <pre tabindex="0" role="region" aria-labelledby="as-now">${text}</pre>
    <details><summary>The status of EKSClusterConfig</summary><pre tabindex="0" role="region" aria-label="The status">${reported}</pre></details>`;
}

function Diff({ before, after }) {
  const look = { '-': 'del', '+': 'ins' };
  const line = ({ sign, text, left }) => {
    if (left > 1) return html`<span class="says">⋯ ${left} lines as before${'\n'}</span>`;
    return look[sign] ? html`<${look[sign]}>${sign} ${text}<//>` : `  ${text}\n`;
  };
  return html`<pre class="diff" tabindex="0" role="region" aria-label="Differences">${nearChanges(linesOf(before, after)).map(line)}</pre>`;
}

/** The editor: first the text, then what would change, and what is asked for that. */
function YamlEditor({ found, close }) {
  const { summary } = found;
  const draft = yamlDrafts.get(summary.key);
  const [{ operations, doing, error }, tell] = useState(/** @type {{ operations?: any[], doing?: string, error?: string }} */ ({}));
  const [area, heading] = [useRef(), useRef()];
  useEffect(() => area.current.focus(), []);
  useEffect(() => { if (error) byId('yaml-wrong').scrollIntoView({ block: 'nearest' }); }, [error]);
  useEffect(() => { if (operations) heading.current.focus(); }, [operations]);
  const fail = (why) => tell({ error: why.message });
  const show = async () => {
    const wanted = await request('POST', '/_k3eks/console/yaml', { body: { yaml: draft.text }, world: summary });
    const all = operationsOf(draft.from, wanted);
    tell(all.length ? { operations: all } : { error: 'Nothing was changed.' });
  };
  const apply = async () => {
    if (doing || !operations) return;
    for (const [at, one] of operations.entries()) {
      tell({ operations, doing: `${at + 1} of ${operations.length}: ${one.words}` });
      await runOperation(summary, one).catch(async (why) => {
        // What was applied before is no difference any more.
        draft.from = await documentsNow(summary);
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
  return html`<label class="field" for="yaml-text">The cluster and its node groups, as kubectl has them</label>
    <textarea id="yaml-text" class="yaml" ref=${area} spellcheck=${false} aria-invalid=${error ? 'true' : null} aria-describedby=${error ? 'yaml-wrong' : null} defaultValue=${draft.text} onInput=${input} readonly=${Boolean(doing)}></textarea>
    <p class="says">Change what the EKS API can change; Apply calls its operations. A value that you remove stays as it is. A log, label, taint or tag that you remove goes. Add and remove node groups on their own tab.</p>
    ${error && html`<p class="wrong" id="yaml-wrong" role="alert">${error}</p>`}
    <div class="row"><button onClick=${() => show().catch(fail)}>Show the changes</button><button onClick=${cancel}>Cancel</button></div>
    ${operations && html`<h3 tabindex="-1" ref=${heading}>What changes</h3>
      <${Diff} before=${draft.from.text} after=${draft.text} />
      <p>The EKS API is asked, one after the other:</p><ol>${operations.map(({ words }) => html`<li key=${words}>${words}</li>`)}</ol>
      <p class="row"><button class="main" aria-disabled=${doing ? 'true' : null} onClick=${() => apply().catch(fail)}>Apply</button> <span role="status">${doing || ''}</span></p>`}`;
}

function Yaml({ found }) {
  const { summary } = found;
  const [open, setOpen] = useState(yamlDrafts.has(summary.key));
  const button = useRef();
  const edit = () => withAsked(documentsNow(summary), (from) => {
    yamlDrafts.set(summary.key, { from, text: from.text });
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
