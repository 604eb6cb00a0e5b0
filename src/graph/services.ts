/** Which Service each chain is there for, by what the rules say: their comments, and where they lead. */
import { servicePortsOfChains } from '../chains/chain-owners.ts';
import { aboutOf, serviceOf } from '../chains/comments.ts';
import type { Rule, Ruleset, Table } from '../iptables/types.ts';

/** The Service of each chain that belongs to one, as `namespace/name`. */
export function servicesOfChains(table: Table): ReadonlyMap<string, string> {
  return new Map(
    [...servicePortsOfChains(table)].map(([chain, servicePort]) => [chain, serviceOf(servicePort)]),
  );
}

/** The Service, as `namespace/name`, that a rule in one of the shared chains is there for; undefined for the node's own. */
export function serviceOfRule(rule: Rule): string | undefined {
  const about = aboutOf(rule);
  return about && serviceOf(about.servicePort);
}

/** The Services that any rule is there for, as `namespace/name`. */
export function servicesOfRules({ tables }: Ruleset): ReadonlySet<string> {
  const rules = tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
  return new Set(rules.flatMap((rule) => serviceOfRule(rule) ?? []));
}
