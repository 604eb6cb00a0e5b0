/** Finding Services, chains and addresses. Part of the page. */
import type { PageData, PageNode } from './page-types.ts';

/** Something found. */
export interface Hit {
  readonly service: string | undefined;
  /** The place in the data's nodes of what was found; undefined for a Service as a whole. */
  readonly place: number | undefined;
  /** What it is, or what in it was found. */
  readonly text: string;
}

/**
 * Looks a text up, in small or capital letters: in the names of Services, then of chains, then in what rules say.
 * @param services all of them, by name
 * @returns each Service, chain and target once, the best first
 */
export function search(data: PageData, services: readonly string[], query: string): Hit[] {
  const sought = query.trim().toLowerCase();
  if (sought === '') return [];
  const has = (text: string) => text.toLowerCase().includes(sought);
  const places = new Map<number, Hit>();
  const find = (place: number, node: PageNode, text: string) => {
    if (!places.has(place)) places.set(place, { service: node.service, place, text });
  };
  for (const [place, node] of data.nodes.entries()) {
    if (node.kind !== 'target' && has(node.label)) find(place, node, node.label);
  }
  for (const [place, node] of data.nodes.entries()) {
    for (const { label, text, comment = '', to } of node.rules) {
      if (!has(`${label}\n${text}\n${comment}`)) continue;
      const target = to === undefined ? undefined : data.nodes[to];
      // What a rule in a chain of all Services is about is the Service that it leads to.
      const isEntry = node.service === undefined && target?.service !== undefined;
      const about = `${node.label}: ${label === '' ? text : label}`;
      if (isEntry && to !== undefined) find(to, target, about);
      else find(place, node, about);
    }
  }
  const named = services.filter(has).map((service): Hit => ({ service, place: undefined, text: 'Service' }));
  return [...named, ...places.values()];
}
