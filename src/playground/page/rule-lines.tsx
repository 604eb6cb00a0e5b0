/** Rules with every part explained, where somebody points at it or goes there with the arrow keys. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { printChainPlace } from '../../graph/arrangement/page-link.ts';
import type { TableName } from '../../iptables/types.ts';
import type { ShownChain, ShownTable } from '../answers.ts';
import type { RulePart } from '../rule-parts.ts';

/** What the tables are there for. */
const TABLES: Readonly<Record<string, string>> = {
  nat: 'decides where packets go, once for each connection',
  filter: 'decides what may pass, for every packet',
};

/** So many rules are shown before somebody asks for more: browsers take their time for more elements. */
const MOST_RULES = 600;

interface Pointed {
  readonly part: RulePart;
  readonly x: number;
  readonly y: number;
}

export interface RuleLinesProps {
  readonly tables: readonly ShownTable[];
  /** The chain to bring into view, `nat/KUBE-SERVICES`; '' for none. */
  readonly chain: string;
  readonly onChain: (chain: string) => void;
  /** Distinguishes several on one page. */
  readonly name: string;
}

export function RuleLines({ tables, chain, onChain, name }: RuleLinesProps) {
  const element = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Pointed>();
  const [most, setMost] = useState(MOST_RULES);
  useEffect(() => {
    if (chain === '') return;
    const found = element.current?.querySelector(`[data-chain="${CSS.escape(chain)}"]`);
    found?.scrollIntoView({ block: 'start' });
  }, [chain, tables]);
  useEffect(() => {
    const first = element.current?.querySelector<HTMLElement>('.part');
    if (!element.current?.querySelector('.part[tabindex="0"]')) first?.setAttribute('tabindex', '0');
  });
  const partOf = (target: EventTarget | null): HTMLElement | null =>
    target instanceof Element ? target.closest<HTMLElement>('.part') : null;
  const point = (target: EventTarget | null) => {
    const button = partOf(target);
    const box = button?.getBoundingClientRect();
    const [table = -1, one = -1, rule = -1, part = -1] = (button?.dataset.at ?? '').split(' ').map(Number);
    const found = tables[table]?.chains[one]?.rules[rule]?.[part];
    if (!box || !found) return setPointed(undefined);
    setPointed({ part: found, x: box.left, y: box.bottom });
  };
  const focus = (button: HTMLElement | null | undefined) => {
    if (!button) return;
    for (const other of element.current?.querySelectorAll('.part[tabindex="0"]') ?? [])
      other.setAttribute('tabindex', '-1');
    button.setAttribute('tabindex', '0');
    button.focus();
  };
  const move = (event: KeyboardEvent) => {
    const button = partOf(event.target);
    const line = button?.closest('.rule');
    if (!button || !line) return;
    if (event.key === 'Escape') return setPointed(undefined);
    const lines = [...(element.current?.querySelectorAll('.rule') ?? [])];
    const parts = [...line.querySelectorAll<HTMLElement>('.part')];
    const [at, column] = [lines.indexOf(line), parts.indexOf(button)];
    const inLine = (to: Element | undefined) => {
      const others = to?.querySelectorAll<HTMLElement>('.part');
      return others?.[Math.min(column, others.length - 1)];
    };
    const targets: Readonly<Record<string, HTMLElement | undefined>> = {
      ArrowRight: parts[column + 1],
      ArrowLeft: parts[column - 1],
      ArrowDown: inLine(lines[at + 1]),
      ArrowUp: inLine(lines[at - 1]),
      Home: parts[0],
      End: parts.at(-1),
    };
    if (!Object.hasOwn(targets, event.key)) return;
    event.preventDefault();
    focus(targets[event.key]);
  };
  let left = most;
  const shown = tables.map(({ table, chains }) => ({
    table,
    chains: chains.map((one) => {
      const most = Math.max(0, Math.min(left, one.rules.length));
      left -= one.rules.length;
      return { one, most };
    }),
  }));
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it listens for the buttons in it
    <div
      class="rule-lines"
      ref={element}
      onKeyDown={move}
      onPointerOver={({ target, pointerType }) => pointerType === 'mouse' && point(target)}
      onPointerLeave={() => setPointed(undefined)}
      onFocusIn={({ target }) => point(target)}
      onFocusOut={() => setPointed(undefined)}
      onClick={({ target }) => {
        const button = partOf(target);
        focus(button);
        const to = button?.dataset.to;
        if (to !== undefined) onChain(to);
        else point(target);
      }}
    >
      {shown.map(({ table, chains }, t) => (
        <section key={table} aria-label={`Table ${table}`}>
          <h2>
            table {table} <small>{TABLES[table] ?? ''}</small>
          </h2>
          {chains.map(({ one, most }, c) => (
            <ChainLines key={one.chain} table={table} one={one} most={most} at={`${t} ${c}`} lit={chain} />
          ))}
        </section>
      ))}
      {left < 0 && (
        <button type="button" onClick={() => setMost(most + 5 * MOST_RULES)}>
          Show {(-left).toLocaleString('en')} more rules
        </button>
      )}
      {pointed && <Explained name={name} pointed={pointed} />}
    </div>
  );
}

interface ChainLinesProps {
  readonly table: TableName;
  readonly one: ShownChain;
  /** So many of its rules are shown. */
  readonly most: number;
  /** Its table and its own place among those that are shown. */
  readonly at: string;
  /** The chain that somebody has gone to. */
  readonly lit: string;
}

/** A chain, drawn anew only where it is another: browsers take their time to compare thousands of parts. */
function ChainLines({ table, one, most, at, lit }: ChainLinesProps) {
  const place = printChainPlace({ table, chain: one.chain });
  const isLit = place === lit;
  return useMemo(
    () => (
      <section class={`chain ${isLit ? 'lit' : ''}`} data-chain={place} aria-label={`Chain ${one.chain}`}>
        <h3>
          {one.chain} <small>{one.words}</small>
        </h3>
        {most === 0 && <p class="empty">{one.rules.length > 0 ? '…' : 'no rules'}</p>}
        {one.rules.slice(0, most).map((parts, r) => (
          // Rules have no name but their place.
          <p class="rule" key={`${r} ${parts.at(-1)?.text}`}>
            {parts.map((part, p) => (
              <button
                type="button"
                tabIndex={-1}
                key={`${p} ${part.text}`}
                class={`part ${part.kind}`}
                data-at={`${at} ${r} ${p}`}
                data-to={part.chain && printChainPlace({ table, chain: part.chain })}
                aria-description={part.words}
              >
                {part.text.trim()}
              </button>
            ))}
          </p>
        ))}
      </section>
    ),
    [table, one, most, at, isLit, place],
  );
}

const MARGIN = 12;

function Explained({ name, pointed: { part, x, y } }: { readonly name: string; readonly pointed: Pointed }) {
  const element = useRef<HTMLDivElement>(null);
  // Attributes of style are not in the page's policy: only the script may set them.
  useEffect(() => {
    const box = element.current;
    if (!box) return;
    const { width, height } = box.getBoundingClientRect();
    const above = y + height + MARGIN > innerHeight;
    box.style.left = `${Math.max(MARGIN, Math.min(x, innerWidth - width - MARGIN))}px`;
    box.style.top = above ? `${y - height - 34}px` : `${y + 6}px`;
    box.style.visibility = 'visible';
  }, [x, y, part]);
  return (
    <div class="explained" role="tooltip" id={`explained-${name}`} ref={element}>
      <code>{part.text.trim()}</code>
      <p>{part.words}</p>
      {part.chain !== undefined && <p class="hint">Select it to go there.</p>}
    </div>
  );
}
