/**
 * The language of iptables as data: what a table, a chain and a rule are. Every part of the program that makes,
 * prints or compares rules uses these types; they know nothing of Kubernetes.
 */
import type { Family } from '../net/address.ts';

export type { Family } from '../net/address.ts';

export type TableName = 'filter' | 'nat' | 'mangle' | 'raw' | 'security';

/** The rules of one family. Tables and chains print in the order they have here. */
export interface Ruleset {
  readonly family: Family;
  readonly tables: readonly Table[];
}

export interface Table {
  readonly name: TableName;
  readonly chains: readonly Chain[];
}

/** A chain. Its name has at most 28 characters (XT_EXTENSION_MAXNAMELEN - 1 in the kernel's x_tables.h). */
export interface Chain {
  readonly name: string;
  /** What becomes of a packet at the end of a built-in chain; user-defined chains have none. */
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly Rule[];
}

/** A packet that fits every match goes to the target; a rule without one only counts. Matches print in their order. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly target?: Target;
}

/** Addresses are an IP address or a CIDR in canonical form. */
export type Match =
  | { readonly match: 'comment'; readonly comment: string }
  /** With the protocol's extension, which ports need; one that is `bare` without it, which means the same. */
  | { readonly match: 'protocol'; readonly protocol: Protocol; readonly bare?: true }
  | { readonly match: 'source'; readonly address: string; readonly negated?: true }
  | { readonly match: 'destination'; readonly address: string; readonly negated?: true }
  /** Only `port`, or the ports from `port` to `last`, which is greater. */
  | { readonly match: 'destination-port'; readonly port: number; readonly last?: number }
  | { readonly match: 'in-interface'; readonly name: string; readonly negated?: true }
  | { readonly match: 'mark'; readonly value: number; readonly mask: number; readonly negated?: true }
  | { readonly match: 'conntrack'; readonly states: readonly ConntrackState[]; readonly negated?: true }
  | {
      readonly match: 'addrtype';
      readonly side: 'source' | 'destination';
      readonly type: 'LOCAL';
      readonly negated?: true;
    }
  /** `probability` is above 0 and below 1; the kernel keeps it as a 31-bit fraction. */
  | { readonly match: 'statistic'; readonly probability: number }
  /** xt_recent, looking the source address up in a list: seen within `seconds`, dropping older entries on the way. */
  | {
      readonly match: 'recent';
      readonly operation: 'rcheck';
      readonly name: string;
      readonly seconds: number;
    }
  /** xt_recent, adding the source address to a list. */
  | { readonly match: 'recent'; readonly operation: 'set'; readonly name: string }
  | { readonly match: 'nfacct'; readonly name: string }
  /** xt_bpf: a program of the classic Berkeley Packet Filter, `COUNT,CODE JT JF K,...`, looks at the packet. */
  | { readonly match: 'bpf'; readonly bytecode: string }
  /** Another program's match, as the words that it is spelled with. */
  | { readonly match: 'unknown'; readonly words: readonly string[] };

export type Target =
  | { readonly target: 'jump'; readonly chain: string }
  | { readonly target: 'ACCEPT' | 'DROP' | 'REJECT' | 'RETURN' }
  /** The packet's mark becomes `(mark & ~mask) ^ value`, as in xt_MARK. */
  | { readonly target: 'MARK'; readonly value: number; readonly mask: number }
  | { readonly target: 'MASQUERADE'; readonly randomFully: boolean }
  /** `to` is `address:port`, an IPv6 address in brackets. */
  | { readonly target: 'DNAT'; readonly to: string }
  /** Another program's target, as the words that it is spelled with. */
  | { readonly target: 'unknown'; readonly words: readonly string[] };

export const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

export type Protocol = (typeof PROTOCOLS)[number];

export const CONNTRACK_STATES = [
  'INVALID',
  'NEW',
  'ESTABLISHED',
  'RELATED',
  'UNTRACKED',
  'DNAT',
  'SNAT',
] as const;

export type ConntrackState = (typeof CONNTRACK_STATES)[number];
