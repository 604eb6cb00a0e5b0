/** Graphs as Mermaid's flowcharts, for Markdown. */
import type { Direction } from '../arrangement/page-types.ts';
import { groupsOf, isAside } from '../groups.ts';
import type { GraphNode, RuleGraph } from '../types.ts';

/** More edges than this Mermaid refuses to draw, unless the page that holds the chart allows more (`maxEdges`). */
export const MOST_MERMAID_EDGES = 500;

/** A graph as a flowchart: the chains of each table and of each Service in a frame of their own. */
export function printMermaid(graph: RuleGraph, direction: Direction = 'right'): string {
  const names = new Map(graph.nodes.map(({ id }, i) => [id, `n${i}`]));
  const aside = isAside(graph);
  const lines = [`flowchart ${direction === 'right' ? 'LR' : 'TB'}`];
  for (const [i, { title, nodes }] of groupsOf(graph).entries()) {
    lines.push(`  subgraph g${i}[${quoted(title)}]`);
    for (const node of nodes) lines.push(`    ${names.get(node.id)}${shape(node)}`);
    lines.push('  end');
  }
  for (const edge of graph.edges) {
    const arrow = aside(edge) ? '-.->' : '-->';
    const label = edge.label === '' ? '' : `|${quoted(edge.label)}|`;
    lines.push(`  ${names.get(edge.from)} ${arrow}${label} ${names.get(edge.to)}`);
  }
  return `${lines.join('\n')}\n`;
}

function shape(node: GraphNode): string {
  const label = quoted(node.label);
  switch (node.kind) {
    case 'chain':
      return node.builtIn ? `[[${label}]]` : `[${label}]`;
    case 'service':
      return `(${label})`;
    case 'target':
      return `([${label}])`;
  }
}

/** In quotes, all but these characters by their number: Mermaid has other plans for many of them. */
function quoted(text: string): string {
  const escaped = text.replace(/[^\w ./:,()[\]@=+-]/gu, (character) => `#${character.codePointAt(0)};`);
  return `"${escaped}"`;
}
