/** What each kind of match is to the kernel, however rules are used: a new kind says so here, or does not compile. */
import type { Match } from './types.ts';

export interface MatchTraits {
  /**
   * When the kernel looks at it: never; before any extension, wherever it is written (`ip_tables.h`'s `ipt_ip`); or in
   * the order of the rule. A port is looked at where the extension of its protocol stands.
   */
  readonly looked: 'never' | 'first' | 'in order' | 'with its protocol';
  /** It also does something when it is looked at, so that those behind it decide only after it has acted. */
  readonly acts: boolean;
}

export const MATCH_TRAITS: Readonly<Record<Match['match'], MatchTraits>> = {
  comment: { looked: 'never', acts: false },
  protocol: { looked: 'first', acts: false },
  source: { looked: 'first', acts: false },
  destination: { looked: 'first', acts: false },
  'destination-port': { looked: 'with its protocol', acts: false },
  'in-interface': { looked: 'first', acts: false },
  mark: { looked: 'in order', acts: false },
  conntrack: { looked: 'in order', acts: false },
  addrtype: { looked: 'in order', acts: false },
  statistic: { looked: 'in order', acts: true },
  recent: { looked: 'in order', acts: true },
  nfacct: { looked: 'in order', acts: true },
  bpf: { looked: 'in order', acts: false },
  /** Another program's may do anything. */
  unknown: { looked: 'in order', acts: true },
};
