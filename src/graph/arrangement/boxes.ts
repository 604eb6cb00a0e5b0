/** What is in the box of a node: its name, and under it a row for each rule. Part of the page. */
import type { LayerBox } from './layers.ts';
import type { PageData, PageNode, PageRule } from './page-types.ts';

/** A node and its size. Its exits are the rows that arrows begin at. */
export interface Box extends LayerBox {
  readonly node: PageNode;
  /** What the name does not say, each line with the height of its middle below the top of the box. */
  readonly about: readonly { readonly text: string; readonly y: number }[];
  readonly rows: readonly Row[];
}

export interface Row {
  /** The middle of the row, in pixels below the top of the box. */
  readonly y: number;
  readonly height: number;
  /** The number of its first rule in the chain, from 1, and how many it stands for. */
  readonly first: number;
  readonly count: number;
  readonly text: string;
  /** Where it leads to, in words, where no arrow says so. */
  readonly aside: string;
  /** The rule that it is; undefined for several, which lead to Services that are not drawn in full. */
  readonly rule: PageRule | undefined;
  /** Whether these are collapsed, and not left out. */
  readonly collapsed: boolean;
}

/** Whether a Service is drawn in full, as one box, or not at all. */
export type ServiceState = 'opened' | 'collapsed' | 'left-out';

/** How wide a text is in the letters of the page, in pixels. */
export type Measure = (text: string) => number;

export const TITLE_HEIGHT = 24;
const ROW_HEIGHT = 18;
export const PADDING = 10;
/** In characters. The rule in full is told by pointing at it. */
const LONGEST_TEXT = 44;

/**
 * The box of a node.
 * @param id its place in the data's nodes
 * @param stateOf how a Service is drawn
 */
export function boxOf(
  { nodes }: PageData,
  id: number,
  node: PageNode,
  stateOf: (service: string) => ServiceState,
  measure: Measure,
): Box {
  const hiddenAs = ({ to }: PageRule) => {
    const service = to === undefined ? undefined : nodes[to]?.service;
    return service === undefined || service === node.service ? 'opened' : stateOf(service);
  };
  const about = (node.about ?? []).map((text, i) => ({ text, y: TITLE_HEIGHT + (i + 0.5) * ROW_HEIGHT - 3 }));
  const top = TITLE_HEIGHT + about.length * ROW_HEIGHT;
  let first = 1;
  const rows = inRuns(node.rules, hiddenAs).map((run, i): Row => {
    const place = { y: top + (i + 0.5) * ROW_HEIGHT, height: ROW_HEIGHT, first, count: run.length };
    first += run.length;
    const [rule] = run;
    const state = hiddenAs(rule);
    if (state !== 'opened') {
      const text = hiddenText(run.length, state);
      return { ...place, text, aside: '', rule: undefined, collapsed: state === 'collapsed' };
    }
    const text = shortened(rule.label || 'all');
    return { ...place, text, aside: asideOf(node, rule, nodes), rule, collapsed: false };
  });
  const rowWidth = ({ text, aside }: Row) =>
    measure(text) + (aside === '' ? 0 : measure(aside) + 2 * PADDING);
  return {
    id,
    node,
    rows,
    about,
    width:
      2 * PADDING +
      Math.max(measure(node.label), ...about.map(({ text }) => measure(text)), ...rows.map(rowWidth)),
    height: top + (rows.length > 0 ? rows.length * ROW_HEIGHT + 4 : 0),
    exits: rows.flatMap(({ y, aside, rule }) =>
      aside === '' && rule?.to !== undefined ? [{ to: rule.to, y }] : [],
    ),
  };
}

function hiddenText(count: number, state: 'collapsed' | 'left-out'): string {
  const isOne = count === 1;
  if (state === 'collapsed') return isOne ? '1 rule of a Service' : `${count} rules of Services`;
  return isOne ? '1 rule of another namespace' : `${count} rules of other namespaces`;
}

/** By what a row is found: the place of its node, and its first rule. */
export function rowKey(id: number, { first }: Pick<Row, 'first'>): string {
  return `${id}.${first}`;
}

/** Rules one by one; those of Services that are not drawn in full in one while they follow each other. */
function inRuns(
  rules: readonly PageRule[],
  hiddenAs: (rule: PageRule) => ServiceState,
): [PageRule, ...PageRule[]][] {
  const runs: [PageRule, ...PageRule[]][] = [];
  let before: ServiceState = 'opened';
  for (const rule of rules) {
    const state = hiddenAs(rule);
    const run = runs.at(-1);
    if (run && state !== 'opened' && state === before) run.push(rule);
    else runs.push([rule]);
    before = state;
  }
  return runs;
}

/** Arrows from every Service back to the node's chains would cover all else. */
function asideOf({ service }: PageNode, { to }: PageRule, nodes: readonly PageNode[]): string {
  const target = to === undefined ? undefined : nodes[to];
  if (!target) return 'continues';
  return service !== undefined && target.service === undefined ? `\u2192 ${target.label}` : '';
}

export function shortened(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
}
