/** The compiler: from a cluster, as one node sees it, to the rules of one family. */
import type { ClusterState } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import type { Ruleset } from '../iptables/types.ts';
import { IncrementalCompiler } from './incremental.ts';
import type { CompileOptions } from './options.ts';

/**
 * Compiles a cluster to the rules of one family for one node. Pure and deterministic: the same input in any order
 * gives the same ruleset.
 */
export function compile(cluster: ClusterState, node: NodeFacts, options: CompileOptions): Ruleset {
  const compiler = new IncrementalCompiler(node, options);
  compiler.update(cluster);
  return compiler.ruleset();
}
