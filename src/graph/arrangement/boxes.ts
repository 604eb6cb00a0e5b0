/** What is in the box of a node: its name, and under it a row for each rule. Part of the page. */
import type { LayerBox } from './layers.ts';
import type { PageData, PageNode, PageRule } from './page-types.ts';

/** A node and its size. Its exits are the rows that arrows begin at. */
export interface Box extends LayerBox {
  readonly node: PageNode;
  readonly rows: readonly Row[];
}

export interface Row {
  /** The middle of the row, in pixels below the top of the box. */
  readonly y: number;
  readonly text: string;
  /** Where it leads to, in words, where no arrow says so. */
  readonly aside: string;
  /** The rule that it is; undefined for several, which lead to collapsed Services. */
  readonly rule: PageRule | undefined;
}

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
 * @param opened the Services that are not collapsed
 */
export function boxOf(
  { nodes }: PageData,
  id: number,
  node: PageNode,
  opened: ReadonlySet<string>,
  measure: Measure,
): Box {
  const isHidden = ({ to }: PageRule) => {
    const service = to === undefined ? undefined : nodes[to]?.service;
    return service !== undefined && service !== node.service && !opened.has(service);
  };
  const rows = inRuns(node.rules, isHidden).map((run, i): Row => {
    const y = TITLE_HEIGHT + (i + 0.5) * ROW_HEIGHT;
    const [rule] = run;
    if (rule === undefined || isHidden(rule)) {
      const text = run.length === 1 ? '1 rule of a Service' : `${run.length} rules of Services`;
      return { y, text, aside: '', rule: undefined };
    }
    return { y, text: shortened(rule.label || 'all'), aside: asideOf(node, rule, nodes), rule };
  });
  const rowWidth = ({ text, aside }: Row) =>
    measure(text) + (aside === '' ? 0 : measure(aside) + 2 * PADDING);
  return {
    id,
    node,
    rows,
    width: 2 * PADDING + Math.max(measure(node.label), ...rows.map(rowWidth)),
    height: TITLE_HEIGHT + (rows.length > 0 ? rows.length * ROW_HEIGHT + 4 : 0),
    exits: rows.flatMap(({ y, aside, rule }) =>
      aside === '' && rule?.to !== undefined ? [{ to: rule.to, y }] : [],
    ),
  };
}

/** Rules one by one; hidden ones that follow each other in one. */
function inRuns(rules: readonly PageRule[], isHidden: (rule: PageRule) => boolean): PageRule[][] {
  const runs: PageRule[][] = [];
  let hiddenRun: PageRule[] | undefined;
  for (const rule of rules) {
    const hidden = isHidden(rule);
    if (hidden && hiddenRun) {
      hiddenRun.push(rule);
      continue;
    }
    const run = [rule];
    hiddenRun = hidden ? run : undefined;
    runs.push(run);
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
