/** Graphs of many Services, readable again: one box for each. */
import type { GraphEdge, GraphNode, RuleGraph } from './types.ts';

/**
 * The graph with all chains and targets of a Service drawn as one node, and all edges from a chain to it as one. What leads
 * from a Service back to chains of the node is left out: all of them do that alike.
 */
export function collapse({ family, nodes, edges }: RuleGraph): RuleGraph {
  const endpoints = endpointCounts(nodes);
  const drawn = new Map<string, GraphNode>();
  const drawnAs = new Map<string, string>();
  const collapsed = new Set<string>();
  for (const node of nodes) {
    const { service } = node;
    const box = service === undefined ? node : serviceNode(service, endpoints.get(service) ?? 0);
    drawn.set(box.id, box);
    drawnAs.set(node.id, box.id);
    if (box.kind === 'service') collapsed.add(box.id);
  }
  const arrows: GraphEdge[] = [];
  const merged = new Map<string, GraphEdge>();
  for (const edge of edges) {
    const [from = '', to = ''] = [drawnAs.get(edge.from), drawnAs.get(edge.to)];
    if (collapsed.has(from)) continue;
    if (!collapsed.has(to)) arrows.push(edge);
    else merged.set(`${from} -> ${to}`, merge(merged.get(`${from} -> ${to}`), { ...edge, from, to }));
  }
  return { family, nodes: [...drawn.values()], edges: [...arrows, ...merged.values()] };
}

function merge(first: GraphEdge | undefined, edge: GraphEdge): GraphEdge {
  if (!first) return edge;
  const rules = [...first.rules, ...edge.rules];
  return { ...first, label: `${rules.length} rules`, rules };
}

/** How many endpoints the rules of each Service send to. */
function endpointCounts(nodes: readonly GraphNode[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    if (node.kind !== 'target' || node.target !== 'DNAT' || node.service === undefined) continue;
    counts.set(node.service, (counts.get(node.service) ?? 0) + 1);
  }
  return counts;
}

function serviceNode(service: string, endpoints: number): GraphNode {
  const id = `service ${service}`;
  const label = `${service} (${endpoints === 1 ? '1 endpoint' : `${endpoints} endpoints`})`;
  return { kind: 'service', id, label, service };
}
