/** The kernel's table of connections: how full it is. */
import type { Check } from '../check.ts';
import { NotChecked } from '../not-checked.ts';

/** Of the table, from which on somebody should know, and from which on it may be full at any moment. */
const [NEARLY_FULL, FULL] = [0.8, 0.95];

export const conntrackTable: Check = {
  code: 'conntrack-nearly-full',
  title: 'The table of connections has room.',
  severity: 'warning',
  remedy:
    'Raise net.netfilter.nf_conntrack_max (conntrack.min of the configuration), or find out who opens so many connections: conntrack -L.',
  needs: 'node',
  find(node) {
    const [count, max] = ['count', 'max'].map((name) => node.sysctl(`net/netfilter/nf_conntrack_${name}`));
    if (count === undefined || max === undefined)
      throw new NotChecked('the kernel has no connection tracking');
    const share = Number(count) / Number(max);
    if (Number(max) === 0 || share < NEARLY_FULL) return [];
    return [
      {
        cause: 'The table of connections is nearly full; once it is, packets of new connections are dropped.',
        evidence: [`net.netfilter.nf_conntrack_count = ${count}`, `net.netfilter.nf_conntrack_max = ${max}`],
        severity: share < FULL ? 'warning' : 'error',
      },
    ];
  },
};
