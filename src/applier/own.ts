/** What in a node's tables is ours: chains, the jumps that lead into them, canaries. Everything else is foreign. */
import type { Rule, TableName } from '../iptables/types.ts';

/** A chain that does nothing: when it is gone, somebody flushed the tables, and our rules with them. */
export const CANARY = 'KUBE-PROXY-CANARY';

export const CANARY_TABLES: readonly TableName[] = ['mangle', 'nat', 'filter'];

/** Chains of ours by name. */
const NAMED: Partial<Record<TableName, ReadonlySet<string>>> = {
  mangle: new Set([CANARY]),
  nat: new Set(['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ', CANARY]),
  filter: new Set([
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-NODEPORTS',
    'KUBE-FORWARD',
    'KUBE-PROXY-FIREWALL',
    'KUBE-FIREWALL',
    CANARY,
  ]),
};

/** Chains of service ports and endpoints, as kube-proxy names them; XLB is what kube-proxy before 1.24 called EXT. */
const HASHED = /^KUBE-(?:SVC|SVL|EXT|FW|SEP|XLB)-[A-Z2-7]{16}$/;

/** Chains of trees and groups, in svc2ipt's fast layout: packets to a range of addresses or ports, whose bits it ends in. */
const OF_TREE =
  /^KUBE-(?:SVC|EXS|EXT|FW|SEP)-(?:[A-Z2-7]{12}|\d{1,3}(?:\.\d{1,3}){3}|(?:tcp|udp|sctp)-\d{1,5})\/(\d{1,3})$/;

/** A group of endpoints of one service port. */
const GROUP = /^KUBE-SEP-[A-Z2-7]{12}\//;

/** Whether a chain is of one service port, by its name. */
export function isServicePortChain(chain: string): boolean {
  return HASHED.test(chain) || GROUP.test(chain);
}

/** Whether a chain is ours. A name that is like ours only in part is somebody else's. */
export function isOwnChain(table: TableName, chain: string): boolean {
  if (NAMED[table]?.has(chain)) return true;
  return table === 'nat'
    ? HASHED.test(chain) || OF_TREE.test(chain)
    : table === 'filter' && OF_TREE.test(chain);
}

/**
 * The chains of ours that may lead into others, by how their names begin: each kind leads only to kinds before it, and
 * a chain of a tree also to those of longer prefixes.
 */
const LEVELS: readonly RegExp[] = [
  /^KUBE-MARK-MASQ/,
  /^KUBE-SEP-.*\//,
  /^KUBE-SEP-/,
  /^KUBE-SV[^/]*$/,
  /^KUBE-EXT-[^/]*$/,
  /^KUBE-XLB-/,
  /^KUBE-FW-[^/]*$/,
  OF_TREE,
  /^KUBE-NODEPORTS/,
];

/** Orders our chains so that each comes after those that it may lead to. */
export function compareLevels(a: string, b: string): number {
  const level = (name: string) => {
    const found = LEVELS.findIndex((pattern) => pattern.test(name));
    return found === -1 ? LEVELS.length : found;
  };
  const bits = (name: string) => Number(OF_TREE.exec(name)?.[1] ?? 0);
  return level(a) - level(b) || bits(b) - bits(a);
}

/** The kubelet makes this chain, too, with the same rule. While a kubelet is there, it is not ours to remove. */
export const KUBELET_CHAIN = 'KUBE-FIREWALL';

/** By these chains in the mangle table a kubelet is known. */
export const KUBELET_SIGNS: readonly string[] = ['KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY'];

/** A rule in a built-in chain that leads into a chain of ours. */
export interface Jump {
  readonly table: TableName;
  readonly from: string;
  readonly to: string;
  readonly rule: Rule;
}

/**
 * The jumps, in the order in which they are put in front of their chain: the last one ends up first. Text and order
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
