/** What the colours and arrows of a drawing mean. */
import { html, svg } from './elements.ts';

const BOXES: readonly (readonly [kind: string, words: string])[] = [
  ['box built-in', "netfilter's own chain: packets enter here"],
  ['box chain', 'a chain; each row is a rule, tried from top to bottom'],
  ['box target DNAT', 'DNAT, ACCEPT: sent on, to an endpoint'],
  ['box target REJECT', 'REJECT, DROP: goes no further'],
  ['box target', 'any other target'],
  ['cell', 'a Service, collapsed'],
];

const ARROWS: readonly (readonly [kind: string, words: string])[] = [
  ['arrow', 'packets that match the rule go on here'],
  ['arrow bundle', 'several rules, to collapsed Services'],
  ['arrow back lit', 'back to a chain of the node; shown with its box'],
];

/** The entries of a legend. */
export function legendEntries(): HTMLElement[] {
  const boxes = BOXES.map(([kind, words]) => {
    const rect = svg('rect', { x: 1, y: 3, width: 38, height: 14, rx: kind.includes('target') ? 7 : 3 });
    return legendEntry(svg('g', { class: kind }, rect), words);
  });
  const arrows = ARROWS.map(([kind, words]) =>
    legendEntry(svg('path', { class: kind, d: 'M1 10H38' }), words),
  );
  const share = html('li', {}, html('b', {}, '1/2'), 'the share of connections that chance sends this way');
  return [...boxes, ...arrows, share];
}

function legendEntry(sample: SVGElement, words: string): HTMLElement {
  return html('li', {}, svg('svg', { width: 40, height: 20, 'aria-hidden': 'true' }, sample), words);
}
