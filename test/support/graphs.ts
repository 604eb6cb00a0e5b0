/** Graphs of small clusters, for tests. */
import { compile } from '../../src/compiler/compile.ts';
import { graphOf } from '../../src/graph/graph.ts';
import type { RuleGraph } from '../../src/graph/types.ts';
import { type Given, inputOf, service, slice } from './rules.ts';

export function compiledGraph(given: Given): RuleGraph {
  const { cluster, node, options } = inputOf(given);
  return graphOf(compile(cluster, node, options(given.family ?? 'ipv4')));
}

/** `shop/web` with two endpoints; its nat table only, for tables that are to be read. */
export function natOfTwoEndpoints(): RuleGraph {
  const { family, nodes, edges } = compiledGraph({
    objects: [service(), slice(['10.244.1.5', '10.244.1.6'])],
  });
  return {
    family,
    nodes: nodes.filter((node) => node.kind !== 'service' && node.table === 'nat'),
    edges: edges.filter(({ from }) => from.startsWith('nat ')),
  };
}
