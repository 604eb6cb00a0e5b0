/** Which rules count the connections of which endpoint, and how many of them should be its. */
import { chainKind, leadsToEndpoints } from '../chains/names.ts';
import { parseRule } from '../iptables/parse.ts';
import type { Family, Match, Rule } from '../iptables/types.ts';
import type { SavedRules } from './counted-rules.ts';
import type { RuleIndexes, ServicePortCounters } from './service-rules.ts';

/** What counts the connections that an endpoint gets. */
export interface EndpointRules {
  /** `address:port` */
  readonly endpoint: string;
  readonly family: Family;
  /** DNAT */
  readonly connections: RuleIndexes;
}

/** Endpoints that rules choose among: all of a service port, or those on this node. */
export interface CountedSet {
  readonly set: 'cluster' | 'local';
  /** The rules that send connections by chance, without those that remember a client. */
  readonly chosen: RuleIndexes;
  /** The share of each endpoint, 0 to 1, as the rules' probabilities say. */
  readonly shares: ReadonlyMap<string, number>;
}

/** The endpoints of a service port. */
export interface ServicePortEndpoints {
  readonly endpoints: readonly EndpointRules[];
  readonly sets: readonly CountedSet[];
  /** Send a client to the endpoint that it had before: session affinity. */
  readonly returned: RuleIndexes;
  readonly hasAffinity: boolean;
}

/** The endpoints of a service port, by the rules that choose one. */
export function endpointsOf({ chains }: ServicePortCounters, rules: SavedRules): ServicePortEndpoints {
  const walk = new Walk(rules);
  const sets = chains.flatMap((name): CountedSet[] => {
    const set = chainKind(name);
    if (set !== 'cluster' && set !== 'local') return [];
    const shares = new Map<string, number>();
    const chosen = walk.choose(name, 1, shares);
    return [{ set, chosen, shares }];
  });
  const { family } = rules;
  const endpoints = [...walk.connections].map(([endpoint, connections]) => ({
    endpoint,
    family,
    connections,
  }));
  return { endpoints, sets, returned: walk.returned, hasAffinity: walk.returned.length > 0 };
}

/** Through the chains that choose an endpoint. */
class Walk {
  readonly #rules: SavedRules;
  readonly connections = new Map<string, number[]>();
  readonly returned: number[] = [];
  /** Chains whose rules are known: an endpoint's own is met once in each set. */
  readonly #seen = new Set<string>();

  constructor(rules: SavedRules) {
    this.#rules = rules;
  }

  /**
   * @param comes how many of all packets come to the chain, 0 to 1
   * @param shares is told what each endpoint gets of all
   * @returns the rules of the chain that choose
   */
  choose(name: string, comes: number, shares: Map<string, number>): number[] {
    const chain = this.#rules.chain('nat', name);
    const isFirst = !this.#seen.has(name);
    this.#seen.add(name);
    const chosen: number[] = [];
    let left = comes;
    for (const [i, line] of chain?.lines.entries() ?? []) {
      const rule = parseRule(line, this.#rules.family);
      const index = chain?.indexes[i];
      const { target } = rule;
      if (index === undefined) continue;
      if (target?.target === 'DNAT' && isFirst) {
        const known = this.connections.get(target.to) ?? [];
        this.connections.set(target.to, known);
        known.push(index);
      }
      if (rule.matches.some(isMemory)) {
        if (isFirst) this.returned.push(index);
        continue;
      }
      if (!choosesAny(rule)) continue;
      const share = left * probabilityOf(rule);
      left -= share;
      if (target?.target === 'DNAT') shares.set(target.to, (shares.get(target.to) ?? 0) + share);
      else if (target?.target === 'jump') this.choose(target.chain, share, shares);
      chosen.push(index);
    }
    return chosen;
  }
}

function isMemory(match: Match): boolean {
  return match.match === 'recent' && match.operation === 'rcheck';
}

/** Whether a rule leads to an endpoint whoever the sender is. */
function choosesAny({ matches, target }: Rule): boolean {
  const leads = target?.target === 'DNAT' || (target?.target === 'jump' && leadsToEndpoints(target.chain));
  return leads && matches.every(({ match }) => ANYBODY.has(match));
}

const ANYBODY: ReadonlySet<Match['match']> = new Set(['comment', 'protocol', 'statistic', 'recent']);

function probabilityOf({ matches }: Rule): number {
  for (const match of matches) {
    if (match.match === 'statistic') return match.probability;
  }
  return 1;
}
