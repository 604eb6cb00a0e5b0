/** The page: an editor on one side, and what becomes of its text on the other. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { LAYOUT_NAMES } from '../../api/layout-names.ts';
import { FAMILIES, FAMILY_NAMES } from '../../net/address.ts';
import type { Look, PlacedFinding } from '../answers.ts';
import { fragmentOf, stateOfFragment } from '../fragment.ts';
import { type PlaygroundExample, type PlaygroundState, stateOfExample, TABS, type Tab } from '../state.ts';
import { type Ask, useAnswer } from './ask.ts';
import { CompareTab } from './compare.tsx';
import { EditorField, type EditorHandle } from './editor-field.tsx';
import { LayoutsTab } from './layouts.tsx';
import { MeaningTab } from './meaning.tsx';
import { PacketTab } from './packet.tsx';
import { PictureTab } from './picture.tsx';
import { RulesTab } from './rules.tsx';
import type { TabProps } from './tab.ts';

const TITLES: Readonly<Record<Tab, string>> = {
  meaning: 'What it means',
  rules: 'Rules',
  picture: 'Picture',
  packet: 'Send a packet',
  compare: 'Compare',
  layouts: 'Layouts',
};

const PANELS: Readonly<Record<Tab, (props: TabProps) => preact.JSX.Element>> = {
  meaning: MeaningTab,
  rules: RulesTab,
  picture: PictureTab,
  packet: PacketTab,
  compare: CompareTab,
  layouts: LayoutsTab,
};

/** So long after a change the address follows, in milliseconds: browsers refuse more than some changes a second. */
const ADDRESS_DELAY = 300;

export interface AppProps {
  readonly ask: Ask;
  readonly examples: readonly PlaygroundExample[];
  readonly first: PlaygroundState;
  /** Why the page does not begin with what its address asks for; '' where it does. */
  readonly complaint: string;
  readonly nonce: string;
  readonly licences: string;
}

export function App({ ask, examples, first, complaint, nonce, licences }: AppProps) {
  const [state, setState] = useState(first);
  const [notice, setNotice] = useState(complaint);
  const [pane, setPane] = useState<'edit' | 'see'>('see');
  const [text, setText] = useState<'manifests' | 'configuration'>('manifests');
  const set = useCallback(
    (change: Partial<PlaygroundState>) => setState((former) => ({ ...former, ...change })),
    [],
  );
  const { manifests, config, node, family, layout, tab } = state;
  const input = useMemo(
    () => ({ manifests, config, node, family, layout }),
    [manifests, config, node, family, layout],
  );
  const { answer: look } = useAnswer(ask, 'look', { input });
  useAddress(state, setState, examples, setNotice);
  const editor = useRef<EditorHandle>(null);
  const Panel = PANELS[tab];
  const example = examples.find((one) => one.manifests === manifests);
  const goTo = (finding: PlacedFinding) => {
    setText(finding.of);
    setPane('edit');
    // The other editor comes first.
    requestAnimationFrame(() => editor.current?.goTo(finding.line ?? 1, finding.column ?? 1));
  };
  return (
    <div class="app" data-pane={pane}>
      <header>
        <h1 class="brand">
          <Mark />
          <span>
            <b>svc2ipt</b> playground
          </span>
        </h1>
        <label class="field wide">
          <span>Example</span>
          <select
            aria-label="Example"
            value={example?.name ?? ''}
            onChange={({ currentTarget: { value } }) => {
              const chosen = examples.find(({ name }) => name === value);
              if (chosen) setState({ ...stateOfExample(chosen), tab });
            }}
          >
            {example === undefined && <option value="">your own</option>}
            {examples.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <NodeField look={look} node={node} set={set} />
        <label class="field">
          <span>Family</span>
          <select
            aria-label="Family"
            value={family}
            onChange={({ currentTarget: { value } }) =>
              set({ family: FAMILIES.find((one) => one === value) ?? 'ipv4', from: '', to: '' })
            }
          >
            {FAMILIES.map((one) => (
              <option key={one} value={one}>
                {FAMILY_NAMES[one]}
                {look?.works && !look.families.includes(one) ? ' (no Service)' : ''}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>Layout</span>
          <select
            aria-label="Layout"
            value={layout ?? look?.layout ?? 'kube-proxy'}
            onChange={({ currentTarget: { value } }) =>
              set({ layout: LAYOUT_NAMES.find((one) => one === value) })
            }
          >
            {LAYOUT_NAMES.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <ShareButton state={state} examples={examples} />
      </header>
      <p class="notice" role="status" hidden={notice === ''}>
        {notice}
        <button type="button" class="plain" onClick={() => setNotice('')}>
          Close
        </button>
      </p>
      <fieldset class="panes" aria-label="What is shown">
        <button type="button" aria-pressed={pane === 'edit'} onClick={() => setPane('edit')}>
          Edit
          {look && look.findings.length > 0 && <span class="count">{look.findings.length}</span>}
        </button>
        <button type="button" aria-pressed={pane === 'see'} onClick={() => setPane('see')}>
          See
        </button>
      </fieldset>
      <section class="edit" aria-label="YAML">
        <fieldset class="texts" aria-label="Which text">
          {(['manifests', 'configuration'] as const).map((one) => (
            <button type="button" key={one} aria-pressed={text === one} onClick={() => setText(one)}>
              {one === 'manifests' ? 'Manifests' : 'kube-proxy configuration'}
            </button>
          ))}
        </fieldset>
        {example && text === 'manifests' && <p class="about">{example.about}</p>}
        <EditorField
          key={text}
          handle={editor}
          text={text === 'manifests' ? manifests : config}
          label={text === 'manifests' ? 'Manifests' : 'KubeProxyConfiguration'}
          of={text}
          findings={look?.findings ?? []}
          onChange={(value) => set(text === 'manifests' ? { manifests: value } : { config: value })}
          ask={ask}
          nonce={nonce}
        />
        <Findings look={look} goTo={goTo} />
      </section>
      <section class="see" aria-label="What becomes of it">
        <Tabs tab={tab} set={set} />
        <div
          class={`panel ${tab}`}
          role="tabpanel"
          id="panel"
          aria-labelledby={`tab-${tab}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
          tabIndex={0}
        >
          <Panel ask={ask} state={state} input={input} look={look} set={set} nonce={nonce} />
        </div>
      </section>
      <footer>
        <p>
          Nothing leaves this page: it has no network.{' '}
          <span class="more">The rules are those of kube-proxy v1.36, byte for byte.</span>
        </p>
        <details>
          <summary>Licences</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
          <pre tabIndex={0}>{licences}</pre>
        </details>
      </footer>
    </div>
  );
}

/** Packets that fan out from one address to several endpoints. */
function Mark() {
  return (
    <svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true">
      <rect width="24" height="24" rx="6" class="ground" />
      <path d="M4 12h5c4 0 3-6 8-6M9 12h8M9 12c4 0 3 6 8 6" class="lines" />
      <circle cx="4.8" cy="12" r="1.8" />
      <circle cx="18.4" cy="6" r="1.8" />
      <circle cx="18.4" cy="12" r="1.8" />
      <circle cx="18.4" cy="18" r="1.8" />
    </svg>
  );
}

function NodeField({ look, node, set }: Pick<TabProps, 'look' | 'set'> & { readonly node: string }) {
  const [known, setKnown] = useState<readonly string[]>([]);
  useEffect(() => {
    if (look?.works) setKnown(look.nodes);
  }, [look]);
  const all = known.includes(node) || node === '' ? known : [...known, node];
  return (
    <label class="field">
      <span>Node</span>
      <select
        aria-label="Node"
        value={node === '' ? (look?.node ?? '') : node}
        onChange={({ currentTarget: { value } }) => set({ node: value })}
      >
        {all.length === 0 && <option value="">none in the text</option>}
        {all.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

function ShareButton({
  state,
  examples,
}: {
  readonly state: PlaygroundState;
  readonly examples: readonly PlaygroundExample[];
}) {
  const [copied, setCopied] = useState('');
  const share = async () => {
    const link = `${location.href.replace(/#.*/, '')}#${await fragmentOf(state, examples)}`;
    history.replaceState(undefined, '', link);
    try {
      await navigator.clipboard.writeText(link);
      setCopied('Link copied');
    } catch {
      // A page from a disk may not be let at the clipboard.
      setCopied('The link is in the address bar');
    }
    setTimeout(() => setCopied(''), 3000);
  };
  return (
    <div class="share">
      <button type="button" class="primary" onClick={share}>
        Share
      </button>
      <span role="status">{copied}</span>
    </div>
  );
}

function Tabs({ tab, set }: { readonly tab: Tab; readonly set: TabProps['set'] }) {
  const move = (event: KeyboardEvent) => {
    const at = TABS.indexOf(tab);
    const next: Readonly<Record<string, number>> = {
      ArrowRight: (at + 1) % TABS.length,
      ArrowLeft: (at + TABS.length - 1) % TABS.length,
      Home: 0,
      End: TABS.length - 1,
    };
    const chosen = TABS[next[event.key] ?? -1];
    if (chosen === undefined) return;
    event.preventDefault();
    set({ tab: chosen });
    document.getElementById(`tab-${chosen}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views" onKeyDown={move}>
      {TABS.map((one) => (
        <button
          type="button"
          role="tab"
          key={one}
          id={`tab-${one}`}
          aria-selected={tab === one}
          aria-controls="panel"
          tabIndex={tab === one ? 0 : -1}
          onClick={() => set({ tab: one })}
        >
          {TITLES[one]}
        </button>
      ))}
    </div>
  );
}

const SEVERITY_NAMES = { error: 'error', warning: 'warning', info: 'note' } as const;

function Findings({
  look,
  goTo,
}: {
  readonly look: Look | undefined;
  readonly goTo: (finding: PlacedFinding) => void;
}) {
  const findings = look?.findings ?? [];
  const counts = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${SEVERITY_NAMES[severity]}${count === 1 ? '' : 's'}`];
  });
  return (
    <div class="findings">
      <p role="status">
        {look === undefined ? 'Reading …' : findings.length === 0 ? 'No findings.' : counts.join(', ')}
      </p>
      {findings.length > 0 && (
        <ul>
          {findings.map((finding) => (
            <li key={`${finding.code} ${finding.line} ${finding.subject} ${finding.cause}`}>
              <button type="button" class={finding.severity} onClick={() => goTo(finding)}>
                <span class="severity">{SEVERITY_NAMES[finding.severity]}</span>
                <span>
                  {finding.subject !== '' && <b>{finding.subject}: </b>}
                  {finding.cause} <i>{finding.remedy}</i>
                </span>
                {finding.line !== undefined && <span class="line">line {finding.line}</span>}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Keeps the address equal to the state, and the state to an address that somebody types or goes back to. */
function useAddress(
  state: PlaygroundState,
  setState: (state: PlaygroundState) => void,
  examples: readonly PlaygroundExample[],
  complain: (notice: string) => void,
): void {
  const written = useRef(location.hash.replace(/^#/, ''));
  useEffect(() => {
    const timer = setTimeout(async () => {
      const fragment = await fragmentOf(state, examples);
      if (fragment === written.current) return;
      written.current = fragment;
      history.replaceState(undefined, '', `#${fragment}`);
    }, ADDRESS_DELAY);
    return () => clearTimeout(timer);
  }, [state, examples]);
  useEffect(() => {
    const read = async () => {
      const fragment = location.hash.replace(/^#/, '');
      if (fragment === written.current) return;
      written.current = fragment;
      const next = await stateOfFragment(fragment, examples);
      complain(next === undefined ? DAMAGED : '');
      if (next) setState(next);
    };
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, [examples, setState, complain]);
}

/** What a link says that is none. */
export const DAMAGED = 'This link is damaged: part of it is missing. Here is the first example instead.';
