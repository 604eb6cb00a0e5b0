/** The rules of the chain that somebody looks at. */
import type { PageData, PageNode, PageRule } from '../arrangement/page-types.ts';
import { button, html } from './elements.ts';

/** So many rules that lead to a chain are told. */
const MOST_SOURCES = 100;

/**
 * What there is to say of a chain or a target.
 * @param place in the data's nodes
 * @param go shows another one
 */
export function panelContent(
  data: PageData,
  place: number,
  node: PageNode,
  go: (place: number) => void,
): HTMLElement[] {
  const whose = node.service === undefined ? 'of this node' : `of Service ${node.service}`;
  const link = (to: number, words: string) => button(words, { class: 'link' }, () => go(to));
  const rules = node.rules.map((rule) => ruleElement(data, node, rule, link));
  const sources = sourcesOf(data, place);
  const told = sources.slice(0, MOST_SOURCES).map(({ from, words }) => html('li', {}, link(from, words)));
  const more = sources.length - told.length;
  if (more > 0) told.push(html('li', {}, `... and ${more.toLocaleString('en')} more`));
  return [
    html('h2', { tabindex: -1 }, node.label),
    html('p', { class: 'whose' }, `table ${node.table}, ${whose}`),
    ...(node.about ?? []).map((line) => html('p', {}, line)),
    ...(node.kind === 'target'
      ? []
      : [html('h3', {}, count(rules.length, 'rule')), html('ol', {}, ...rules)]),
    ...(told.length > 0 ? [html('h3', {}, 'Reached from'), html('ul', {}, ...told)] : []),
  ];
}

function ruleElement(
  { nodes }: PageData,
  { label }: PageNode,
  { comment, text, to }: PageRule,
  link: (to: number, words: string) => HTMLElement,
): HTMLElement {
  const target = to === undefined ? undefined : nodes[to];
  return html(
    'li',
    {},
    ...(comment === undefined ? [] : [html('p', { class: 'comment' }, comment)]),
    html('code', {}, ...words(`-A ${label} ${text}`)),
    ...(to === undefined || !target ? [] : [link(to, `\u2192 ${target.label}`)]),
  );
}

/** Each word in one piece: browsers would break lines within `-j`. */
function words(text: string): (Node | string)[] {
  return text.split(' ').flatMap((word) => [html('span', {}, word), ' ']);
}

function sourcesOf({ nodes }: PageData, place: number): { readonly from: number; readonly words: string }[] {
  return nodes.flatMap((node, from) =>
    node.rules
      .filter(({ to }) => to === place)
      .map(({ label }) => ({ from, words: label === '' ? node.label : `${node.label}: ${label}` })),
  );
}

/** `1 rule`, `2 rules` */
export function count(number: number, thing: string): string {
  return `${number.toLocaleString('en')} ${thing}${number === 1 ? '' : 's'}`;
}
