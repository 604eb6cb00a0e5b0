/** Which service port each chain is there for, by what the rules say: their comments, and where they lead. */
import type { Rule, Table } from '../iptables/types.ts';
import { aboutOf } from './comments.ts';
import { isServicePortChain } from './names.ts';

/**
 * The service port of each chain that belongs to one, as rules print it. In the chains that all Services share, every
 * rule of a service port begins its comment with the service port's name, also in a large cluster; what such a rule
 * leads to is the service port's own.
 */
export function servicePortsOfChains({ chains }: Table): ReadonlyMap<string, string> {
  const byName = new Map(chains.map((chain) => [chain.name, chain]));
  const owners = new Map<string, string>();
  const follow = ({ target }: Rule, servicePort: string) => {
    if (target?.target !== 'jump' || !isServicePortChain(target.chain) || owners.has(target.chain)) return;
    owners.set(target.chain, servicePort);
    for (const rule of byName.get(target.chain)?.rules ?? []) follow(rule, servicePort);
  };
  for (const { name, rules } of chains) {
    if (isServicePortChain(name)) continue;
    for (const rule of rules) {
      const about = aboutOf(rule);
      if (about !== undefined) follow(rule, about.servicePort);
    }
  }
  return owners;
}
