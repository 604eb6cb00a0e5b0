/** From a graph to what its page holds. */

import { chainKind } from '../../chains/names.ts';
import { packetsLabel } from '../../iptables/labels.ts';
import { printRule } from '../../iptables/print.ts';
import type { Rule } from '../../iptables/types.ts';
import { splitPort } from '../../net/address.ts';
import { printable } from '../../text/printable.ts';
import type { PageData, PageNode, PageRule } from '../arrangement/page-types.ts';
import type { GraphEdge, GraphNode, RuleGraph } from '../types.ts';

/**
 * The data of a page for a graph.
 * @param collapsed whether the page begins with one box for each Service
 * @param nameOf whose address it is, in words, where that is known
 */
export function pageData(
  { family, nodes, edges }: RuleGraph,
  collapsed: boolean,
  nameOf: (address: string) => string | undefined = () => undefined,
): PageData {
  const places = new Map(nodes.map(({ id }, i) => [id, i]));
  const leaving = Map.groupBy(edges, ({ from }) => from);
  const arriving = Map.groupBy(edges, ({ to }) => to);
  return {
    family,
    collapsed,
    nodes: nodes.map((node) => {
      const about = aboutOf(node, leaving.get(node.id) ?? [], arriving.get(node.id) ?? [], nameOf);
      return {
        ...pageNode(node, leaving.get(node.id) ?? [], places),
        ...(about.length > 0 ? { about } : {}),
      };
    }),
  };
}

/** Whose endpoint it is: in the chain of one with its address, which the name does not tell. */
function aboutOf(
  node: GraphNode,
  leaving: readonly GraphEdge[],
  arriving: readonly GraphEdge[],
  nameOf: (address: string) => string | undefined,
): string[] {
  const isEndpoint = node.kind === 'chain' && chainKind(node.chain.name) === 'endpoint';
  const destinations = (isEndpoint ? leaving : node.kind === 'target' ? arriving : []).flatMap(({ rules }) =>
    rules.flatMap(({ target }) => (target?.target === 'DNAT' ? [target.to] : [])),
  );
  const [destination] = destinations;
  if (destination === undefined || destinations.some((other) => other !== destination)) return [];
  const name = nameOf(splitPort(destination)?.address ?? destination);
  return [...(isEndpoint ? [destination] : []), ...(name === undefined ? [] : [printable(name)])];
}

/** @param edges those that leave the node, which are its rules with a target, in order */
function pageNode(
  node: GraphNode,
  edges: readonly GraphEdge[],
  places: ReadonlyMap<string, number>,
): PageNode {
  if (node.kind === 'service') throw new Error('a page collapses Services by itself');
  const { label, table, service } = node;
  const common = { label, table, ...(service === undefined ? {} : { service }) };
  if (node.kind === 'target') return { kind: 'target', ...common, target: node.target, rules: [] };
  const next = edges.values();
  const rules = node.chain.rules.map((rule) => {
    const edge = rule.target ? next.next().value : undefined;
    return pageRule(rule, edge, edge && places.get(edge.to));
  });
  return { kind: node.builtIn ? 'built-in' : 'chain', ...common, rules };
}

function pageRule(rule: Rule, edge: GraphEdge | undefined, to: number | undefined): PageRule {
  const comments = rule.matches.flatMap((match) => (match.match === 'comment' ? [match.comment] : []));
  const others = rule.matches.filter(({ match }) => match !== 'comment');
  return {
    label: edge?.label ?? printable(packetsLabel(rule.matches, false)),
    ...(comments.length > 0 ? { comment: printable(comments.join(' ')) } : {}),
    text: printable(printRule({ ...rule, matches: others }).trimStart()),
    ...(to === undefined ? {} : { to }),
  };
}
