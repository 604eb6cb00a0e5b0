/** Graphs as Graphviz reads them. */

import { present } from '../../errors/invariant.ts';
import { printRule } from '../../iptables/print.ts';
import { printable } from '../../text/printable.ts';
import type { Direction } from '../arrangement/page-types.ts';
import { groupsOf, isAside } from '../groups.ts';
import type { GraphEdge, GraphNode, RuleGraph } from '../types.ts';

const DIRECTIONS: Readonly<Record<Direction, string>> = {
  right: '  rankdir=LR; ranksep=0.9; nodesep=0.15',
  down: '  rankdir=TB; ranksep=0.45; nodesep=0.2',
};

const HEAD = `  graph [fontname="Courier", fontsize=11, style=rounded, color="#94a3b8", labeljust=l]
  node [fontname="Courier", fontsize=10, shape=box, height=0.3, color="#475569", style=filled]
  edge [fontname="Courier", fontsize=9, color="#475569", arrowsize=0.6]`;

/**
 * What Graphviz is told of larger graphs: not to look for the best places for long. 5,000 Services as one box each take
 * 8 s so, and minutes else; 300 Services in full 3 s instead of 13 s (Graphviz 16).
 */
const HURRY = '  nslimit=0.1; nslimit1=0.1; mclimit=0.01; searchsize=3; splines=line';
const MANY_EDGES = 2000;

/** A chain of the node within a Service's frame: dozens of arrows across all the others would hide everything. */
const COPY = 'fillcolor="#ffffff", style="filled,dashed", color="#94a3b8"';

/**
 * A graph in the DOT language: the chains of each table and of each Service in a frame of their own, with a dashed copy
 * of each chain of the node that the Service's lead back to. The tooltip of an arrow is its rule in full.
 */
export function printDot(graph: RuleGraph, direction: Direction = 'right'): string {
  const names = new Map(graph.nodes.map(({ id }, i) => [id, `n${i}`]));
  const labels = new Map(graph.nodes.map(({ id, label }) => [id, label]));
  const aside = isAside(graph);
  const head = [DIRECTIONS[direction], HEAD, ...(graph.edges.length > MANY_EDGES ? [HURRY] : [])];
  const lines = [`digraph ${quoted(`svc2ipt ${graph.family}`)} {`, ...head];
  const asides = Map.groupBy(graph.edges.filter(aside), ({ from }) => from);
  for (const [i, { title, nodes }] of groupsOf(graph).entries()) {
    lines.push(`  subgraph cluster_${i} {`, `    label=${quoted(title)}`);
    for (const node of nodes) {
      lines.push(`    ${names.get(node.id)} [label=${quoted(node.label)}, ${look(node)}]`);
    }
    const edges = nodes.flatMap(({ id }) => asides.get(id) ?? []);
    for (const [to, leading] of Map.groupBy(edges, ({ to }) => to)) {
      const copy = `${names.get(to)}_${i}`;
      lines.push(`    ${copy} [label=${quoted(present(labels.get(to), 'label of a node'))}, ${COPY}]`);
      for (const edge of leading) {
        lines.push(`    ${names.get(edge.from)} -> ${copy} [${describe(edge)}, style=dashed]`);
      }
    }
    lines.push('  }');
  }
  for (const edge of graph.edges) {
    if (aside(edge)) continue;
    lines.push(`  ${names.get(edge.from)} -> ${names.get(edge.to)} [${describe(edge)}]`);
  }
  return `${lines.join('\n')}\n}\n`;
}

function describe(edge: GraphEdge): string {
  return `label=${quoted(edge.label)}, tooltip=${quoted(tooltip(edge))}`;
}

function look(node: GraphNode): string {
  switch (node.kind) {
    case 'chain':
      return node.builtIn ? 'fillcolor="#e2e8f0", style="filled,bold"' : 'fillcolor="#ffffff"';
    case 'service':
      return 'fillcolor="#eff6ff", style="filled,rounded"';
    case 'target':
      return `fillcolor="${TARGET_COLOURS[node.target] ?? '#fef9c3'}", style="filled,rounded"`;
  }
}

const TARGET_COLOURS: Readonly<Record<string, string>> = {
  DNAT: '#dcfce7',
  ACCEPT: '#dcfce7',
  REJECT: '#fee2e2',
  DROP: '#fee2e2',
};

function tooltip({ rules }: GraphEdge): string {
  return rules.map((rule) => printable(printRule(rule).trimStart())).join('\n');
}

/** A string of DOT. Graphviz looks in it for escapes of its own, and for HTML's. */
function quoted(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&').replaceAll('&', '&amp;').replaceAll('\n', '\\n');
  return `"${escaped}"`;
}
