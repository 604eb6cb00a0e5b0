/** What is found out of an iptables that knows all parts of rules. */
export const WHOLE_IPTABLES = {
  version: '1.8.9',
  randomFully: true,
  recent: true,
  bpf: true,
  nfacct: true,
  lacks: [],
} as const;
