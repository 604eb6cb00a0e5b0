/** Explanations of chains as they are printed. */

import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import type { ExplainedChain, ExplainedRule } from './chain.ts';

/** Colours a part of the text. */
export type ChainPaint = Paint<'title' | 'yes' | 'aside'>;

/** So many rules are shown unless all are asked for. */
export const MOST_RULES = 20;

/** @param all every rule, however many there are */
export function formatChains(chains: readonly ExplainedChain[], all: boolean, paint: ChainPaint): string {
  return chains.map((chain) => `${chainLines(chain, all, paint).join('\n')}\n`).join('\n');
}

function chainLines(
  { table, chain, servicePorts, ofNode, purpose, ledToBy, ledToByCount, rules }: ExplainedChain,
  all: boolean,
  paint: ChainPaint,
) {
  const whose = ofNode ? ['the node itself'] : servicePorts;
  const owner = whose.length === 0 ? '' : `, of ${whose.join(', ')}`;
  const more = ledToByCount - ledToBy.length;
  return [
    paint('title', printable(`${chain}, ${table} table${owner}`)),
    ...(purpose === undefined ? [] : [`  It ${purpose}.`]),
    '',
    ledToBy.length === 0 ? 'No rule leads to it.' : 'Rules that lead to it',
    ...ruleLines(ledToBy, ({ chain, number }) => `${chain} ${number}`, all, paint),
    ...(more > 0 ? [`  … ${more} more rules`] : []),
    '',
    rules.length === 0 ? 'It has no rules.' : 'Its rules',
    ...ruleLines(rules, ({ number }) => `${number}`, all, paint),
  ];
}

function ruleLines(
  rules: readonly ExplainedRule[],
  labelOf: (rule: ExplainedRule) => string,
  all: boolean,
  paint: ChainPaint,
): string[] {
  const asked = rules.some((rule) => rule.asked);
  const few = rules.filter((rule, i) => i < MOST_RULES || rule.asked);
  const shown = all ? rules : few;
  const lines = shown.flatMap((rule) => {
    const label = printable(labelOf(rule));
    const comment = rule.comment === undefined ? '' : paint('aside', `  # ${rule.comment}`);
    const mark = rule.asked ? paint('yes', '>') : ' ';
    const isDim = asked && !rule.asked;
    const text = `${label}  ${rule.rule}`;
    return [
      `${mark} ${isDim ? paint('aside', text) : text}${comment}`,
      paint('aside', `  ${' '.repeat(label.length)}    ${printable(rule.words)}`),
    ];
  });
  return shown.length < rules.length ? [...lines, `  … ${rules.length - shown.length} more rules`] : lines;
}

export function formatChainsJSON(chains: readonly ExplainedChain[]): string {
  return `${JSON.stringify({ chains }, undefined, 2)}\n`;
}
