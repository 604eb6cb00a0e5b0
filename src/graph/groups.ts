/** Frames around what belongs together. */
import type { GraphEdge, GraphNode, RuleGraph } from './types.ts';

export interface Group {
  /** The table whose chains belong to the whole node, a Service, or what collapsed Services have in common. */
  readonly title: string;
  readonly nodes: readonly GraphNode[];
}

/** The nodes of a graph, each in one group, in their order: first the tables, then the Services by name. */
export function groupsOf({ nodes }: RuleGraph): Group[] {
  const tables = new Map<string, GraphNode[]>();
  const services = new Map<string, GraphNode[]>();
  for (const node of nodes) {
    const groups = node.service === undefined ? tables : services;
    const title = titleOf(node);
    const group = groups.get(title);
    if (group) group.push(node);
    else groups.set(title, [node]);
  }
  const sorted = [...services].sort(([a], [b]) => (a < b ? -1 : 1));
  return [...tables, ...sorted].map(([title, nodes]) => ({ title, nodes }));
}

function titleOf(node: GraphNode): string {
  if (node.kind === 'service') return 'Services';
  return node.service ?? `table ${node.table}`;
}

/** Tells of an edge whether it leads from a Service back to a chain of the node, across all others. */
export function isAside({ nodes }: RuleGraph): (edge: GraphEdge) => boolean {
  const ofServices = new Set(nodes.filter(({ service }) => service !== undefined).map(({ id }) => id));
  return ({ from, to }) => ofServices.has(from) && !ofServices.has(to);
}
