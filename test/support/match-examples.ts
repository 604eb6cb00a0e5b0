/** One match of each kind, for what must know all kinds: a new one does not compile until it is here. */
import type { Match } from '../../src/iptables/types.ts';

export const MATCH_EXAMPLES: { readonly [Kind in Match['match']]: Match & { readonly match: Kind } } = {
  comment: { match: 'comment', comment: 'shop/web cluster IP' },
  protocol: { match: 'protocol', protocol: 'tcp', bare: true },
  source: { match: 'source', address: '10.244.0.0/16', negated: true },
  destination: { match: 'destination', address: '10.96.0.10' },
  'destination-port': { match: 'destination-port', port: 80, last: 89 },
  'in-interface': { match: 'in-interface', name: 'veth+' },
  mark: { match: 'mark', value: 0x4000, mask: 0x4000, negated: true },
  conntrack: { match: 'conntrack', states: ['NEW'] },
  addrtype: { match: 'addrtype', side: 'destination', type: 'LOCAL' },
  statistic: { match: 'statistic', probability: 0.5 },
  recent: { match: 'recent', operation: 'rcheck', name: 'KUBE-SEP-EJERYEAV7XNEU6DK', seconds: 10_800 },
  nfacct: { match: 'nfacct', name: 'ct_state_invalid_dropped_pkts' },
  bpf: { match: 'bpf', bytecode: '1,6 0 0 65535' },
  unknown: { match: 'unknown', words: ['-m', 'string', '--string', 'a b', '--algo', 'bm'] },
};
