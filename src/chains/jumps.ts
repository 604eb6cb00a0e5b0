/** The rules in built-in chains by which packets come to our chains. */
import type { Chain, Rule, Ruleset, TableName } from '../iptables/types.ts';
import { KUBELET_CHAIN } from './names.ts';

/** A rule at the beginning of a built-in chain that leads to another chain. */
export interface Jump {
  readonly table: TableName;
  /** The built-in chain. */
  readonly from: string;
  readonly to: string;
  readonly rule: Rule;
}

/**
 * Our jumps, in the order in which they are put in front of their chain: the last one ends up first. Text and order
 * are those of kube-proxy v1.36, so that either program finds the other's.
 */
export const JUMPS: readonly Jump[] = [
  jump('filter', 'INPUT', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', 'new'),
  jump('filter', 'FORWARD', 'KUBE-EXTERNAL-SERVICES', 'kubernetes externally-visible service portals', 'new'),
  jump('filter', 'INPUT', 'KUBE-NODEPORTS', 'kubernetes health check service ports'),
  jump('filter', 'FORWARD', 'KUBE-SERVICES', 'kubernetes service portals', 'new'),
  jump('filter', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals', 'new'),
  jump('filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
  jump('filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', 'new'),
  jump('filter', 'OUTPUT', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', 'new'),
  jump('filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kubernetes load balancer firewall', 'new'),
  jump('nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'),
  jump('nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'),
  jump('nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
  jump('filter', 'INPUT', KUBELET_CHAIN),
  jump('filter', 'OUTPUT', KUBELET_CHAIN),
];

function jump(table: TableName, from: string, to: string, comment?: string, packets?: 'new'): Jump {
  return {
    table,
    from,
    to,
    rule: {
      matches: [
        ...(packets === 'new' ? [{ match: 'conntrack' as const, states: ['NEW' as const] }] : []),
        ...(comment === undefined ? [] : [{ match: 'comment' as const, comment }]),
      ],
      target: { target: 'jump', chain: to },
    },
  };
}

/** Whether jumps of ours are in a chain. */
export function holdsJumps(table: TableName, chain: string): boolean {
  return JUMPS.some((jump) => jump.table === table && jump.from === chain);
}

/** In the order in which a packet may come through them. */
export const BUILT_IN_CHAINS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/**
 * A ruleset with the built-in chains that lead into it, as it will be in a kernel that holds nothing else.
 * @param jumps in the order in which they are put in front of their chain, ours unless given; those to chains that
 * there are not, are left out
 */
export function withJumps({ family, tables }: Ruleset, jumps: readonly Jump[] = JUMPS): Ruleset {
  return {
    family,
    tables: tables.map(({ name, chains }) => {
      const led = new Set(jumps.map(({ to }) => to));
      const present = new Set(chains.map((chain) => chain.name).filter((chain) => led.has(chain)));
      const here = jumps.filter(({ table, to }) => table === name && present.has(to));
      const builtIn = BUILT_IN_CHAINS.flatMap((from): Chain[] => {
        const rules = here.filter((jump) => jump.from === from).map(({ rule }) => rule);
        return rules.length > 0 ? [{ name: from, policy: 'ACCEPT', rules: rules.reverse() }] : [];
      });
      return { name, chains: [...builtIn, ...chains] };
    }),
  };
}
