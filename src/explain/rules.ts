/** The rules that are there for one service port, wherever they stand. */

import { aboutOf } from '../chains/comments.ts';
import { entryRules } from '../chains/service-addresses.ts';
import type { PreparedRule, PreparedRuleset } from '../iptables/simulator/prepare.ts';
import type { TableName } from '../iptables/types.ts';
import { contains } from '../net/address.ts';

/** What the rules of a service port look for, and lead to. */
export interface RulesOfServicePort {
  /** Addresses and ranges that rules ask for as a source. */
  readonly sources: readonly string[];
  /** Interfaces that rules ask for, `+` at the end of a prefix. */
  readonly interfaces: readonly string[];
  /** `address:port` of each endpoint, and the chains that send packets there. */
  readonly endpoints: ReadonlyMap<string, readonly string[]>;
  /** For so long clients are sent to the endpoint that they had; undefined where they are not. */
  readonly affinitySeconds: number | undefined;
}

/** @param servicePort as rules print it */
export function rulesOfServicePort(
  ruleset: PreparedRuleset,
  servicePort: string,
  protocol: string,
): RulesOfServicePort {
  const [sources, interfaces] = [new Set<string>(), new Set<string>()];
  const endpoints = new Map<string, Set<string>>();
  let affinitySeconds: number | undefined;
  for (const { chain, rule } of reachableRules(ruleset, servicePort, protocol)) {
    for (const match of rule.matches) {
      if (match.match === 'source') sources.add(match.address);
      if (match.match === 'in-interface') interfaces.add(match.name);
      if (match.match === 'recent' && match.operation === 'rcheck') affinitySeconds = match.seconds;
    }
    if (rule.target?.target !== 'DNAT') continue;
    const chains = endpoints.get(rule.target.to) ?? new Set<string>();
    endpoints.set(rule.target.to, chains.add(chain));
  }
  return {
    sources: [...sources],
    interfaces: [...interfaces],
    endpoints: new Map([...endpoints].map(([endpoint, chains]) => [endpoint, [...chains]])),
    affinitySeconds,
  };
}

/** Its part of the shared chains, and the rules of all chains that it leads to. */
function* reachableRules(
  ruleset: PreparedRuleset,
  servicePort: string,
  protocol: string,
): Generator<PreparedRule> {
  const seen = new Set<string>();
  const chains: { table: TableName; name: string }[] = [];
  const follow = ({ table, effect }: PreparedRule) => {
    if (effect.effect !== 'jump' || seen.has(`${table} ${effect.chain}`)) return;
    seen.add(`${table} ${effect.chain}`);
    chains.push({ table, name: effect.chain });
  };
  for (const { rule } of entryRules(ruleset)) {
    const ofProtocol = rule.rule.matches.some(
      (match) => match.match === 'protocol' && match.protocol === protocol,
    );
    if (!ofProtocol || aboutOf(rule.rule)?.servicePort !== servicePort) continue;
    yield rule;
    follow(rule);
  }
  for (const { table, name } of chains) {
    for (const rule of ruleset.chain(table, name)?.rules ?? []) {
      yield rule;
      follow(rule);
    }
  }
}

/** The addresses that node ports are at; undefined where they are at all addresses of the node. */
export function nodePortAddresses(ruleset: PreparedRuleset): readonly string[] | undefined {
  const jumps = [...entryRules(ruleset)].filter(
    ({ table, rule }) =>
      table === 'nat' && rule.effect.effect === 'jump' && rule.effect.chain === 'KUBE-NODEPORTS',
  );
  const addresses = jumps.flatMap(({ rule }) => {
    const match = rule.rule.matches.find((match) => match.match === 'destination');
    return match && !match.negated ? [match.address] : [];
  });
  return addresses.length > 0 && addresses.length === jumps.length ? addresses : undefined;
}

/** Whether an address is one that is asked for, or in a range that is. */
export function isAskedFor(address: string, asked: string): boolean {
  return asked.includes('/') ? contains(asked, address) : asked === address;
}
