/** The rules that are printed or drawn: all of them, or those of some Services. */
import { IncrementalCompiler } from '../compiler/incremental.ts';
import type { Family, Ruleset, TableName } from '../iptables/types.ts';
import { thingsOfCluster } from '../names/things.ts';
import type { CompilerInput } from './compiler-input.ts';
import { servicesNamed } from './names.ts';
import { isNarrowed, type Narrowing, shownServices } from './shown.ts';

/**
 * Compiles a cluster.
 * @param services that are in the input, by `namespace/name`; all unless given
 * @param onWarning is told of a Service that has no rules in this family
 */
export function compileServices(
  { cluster, node, options }: CompilerInput,
  family: Family,
  services: readonly string[] | undefined,
  onWarning: (warning: string) => void,
): Ruleset {
  const compiler = new IncrementalCompiler(node, options(family));
  compiler.update(cluster);
  if (services === undefined) return compiler.ruleset();
  for (const service of services) {
    if (!compiler.has(service)) onWarning(`Service ${service}: has no rules of its own in ${family}`);
  }
  return compiler.ruleset(new Set(services));
}

/**
 * The Services whose rules are shown: those that are named, or that options choose; undefined for all.
 * @param named as users type names
 * @throws InputError where a name stands for none, or for several, or the options choose none
 */
export function servicesToShow(
  input: CompilerInput,
  named: readonly string[] | undefined,
  options: Narrowing,
): readonly string[] | undefined {
  if (named === undefined) return isNarrowed(options) ? shownServices(input, options) : undefined;
  return servicesNamed(named, thingsOfCluster(input), options);
}

/** The ruleset with one of its tables; with all unless given. */
export function onlyTable(ruleset: Ruleset, table: TableName | undefined): Ruleset {
  return { ...ruleset, tables: ruleset.tables.filter(({ name }) => table === undefined || name === table) };
}
