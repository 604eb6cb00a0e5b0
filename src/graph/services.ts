/** Which Service each chain is there for, by what the rules say: their comments, and where they lead. */

import { aboutOf, serviceOf } from '../chains/comments.ts';
import { isServicePortChain } from '../chains/names.ts';
import type { Rule, Ruleset, Table } from '../iptables/types.ts';

/**
 * The Service of each chain that belongs to one, as `namespace/name`. In the chains that all Services share, every rule
 * of a service port begins its comment with the service port's name, also in a large cluster; what such a rule leads
 * to is the Service's own.
 */
export function servicesOfChains({ chains }: Table): ReadonlyMap<string, string> {
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  const services = new Map<string, string>();
  const follow = ({ target }: Rule, service: string) => {
    if (target?.target !== 'jump' || !isServicePortChain(target.chain) || services.has(target.chain)) return;
    services.set(target.chain, service);
    for (const rule of byName.get(target.chain)?.rules ?? []) follow(rule, service);
  };
  for (const { name, rules } of chains) {
    if (isServicePortChain(name)) continue;
    for (const rule of rules) {
      const service = serviceOfRule(rule);
      if (service !== undefined) follow(rule, service);
    }
  }
  return services;
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
