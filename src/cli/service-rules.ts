/** The rules that commands print or draw: all of them, or those of some Services. */

import type { ClusterState } from '../api/cluster.ts';
import { InputError, type Problem, show } from '../api/problem.ts';
import { namesakes } from '../api/unknown-service.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import type { Family, Ruleset, TableName } from '../iptables/types.ts';
import type { CompilerInput } from './inputs.ts';
import { warn } from './run.ts';

/**
 * Compiles a cluster. Warns of a Service that has no rules in this family.
 * @param services by `namespace/name`; all unless given
 * @throws InputError where one of them is not in the input
 */
export function compileServices(
  { cluster, node, options }: CompilerInput,
  family: Family,
  services: readonly string[] | undefined,
): Ruleset {
  const compiler = new IncrementalCompiler(node, options(family));
  compiler.update(cluster);
  if (services === undefined) return compiler.ruleset();

  const missing = services.filter((service) => !cluster.services.has(service));
  if (missing.length > 0) throw new InputError(missing.map((service) => notInInput(service, cluster)));
  for (const service of services) {
    if (!compiler.has(service)) warn(`Service ${service}: has no rules of its own in ${family}`);
  }
  return compiler.ruleset(new Set(services));
}

/** The ruleset with one of its tables; with all unless given. */
export function onlyTable(ruleset: Ruleset, table: TableName | undefined): Ruleset {
  return { ...ruleset, tables: ruleset.tables.filter(({ name }) => table === undefined || name === table) };
}

function notInInput(service: string, { services }: ClusterState): Problem {
  const hint = namesakes(service, services.keys());
  const message = `no Service ${show(service)} in the input, expected NAMESPACE/NAME${hint}`;
  return { at: ['--service'], message };
}
