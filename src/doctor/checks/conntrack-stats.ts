/** What connection tracking counts. */
import type { Check } from '../check.ts';
import type { CheckedNode } from '../checked-node.ts';
import { NotChecked } from '../not-checked.ts';

/** Of all processors, by the names that conntrack prints. */
function statsOf(node: CheckedNode): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [, name = '', count] of node.output('conntrack-stats').matchAll(/\b([a-z_]+)=(\d+)/g)) {
    sums.set(name, (sums.get(name) ?? 0) + Number(count));
  }
  if (sums.size === 0) throw new NotChecked('conntrack -S prints no counts');
  return sums;
}

function counted(node: CheckedNode, names: readonly string[]): string[] {
  const stats = statsOf(node);
  return names.flatMap((name) => {
    const count = stats.get(name) ?? 0;
    return count === 0 ? [] : [`conntrack -S: ${name}=${count}`];
  });
}

export const conntrackDrops: Check = {
  code: 'conntrack-drops',
  title: 'Connection tracking has dropped nothing.',
  severity: 'warning',
  remedy:
    'Watch whether the counts grow: if so, raise net.netfilter.nf_conntrack_max and its hash size, or find out who opens so many connections.',
  needs: 'node',
  find(node) {
    const evidence = counted(node, ['drop', 'early_drop', 'chaintoolong']);
    if (evidence.length === 0) return [];
    const cause =
      'Connection tracking has dropped packets or connections since the node began: its table was full, or no port was left for masquerading.';
    return [{ cause, evidence }];
  },
};

export const conntrackInsertFailed: Check = {
  code: 'conntrack-insert-failed',
  title: 'No connection has clashed with another one.',
  severity: 'warning',
  remedy:
    'Watch whether the count grows: if so, use MASQUERADE --random-fully (iptables 1.6.2), and a DNS client that does not send two UDP packets at once from one port (single-request-reopen, or a DNS cache on the node).',
  needs: 'node',
  find(node) {
    const evidence = counted(node, ['insert_failed']);
    if (evidence.length === 0) return [];
    const cause =
      'Connections clashed with others since the node began, and their first packets were dropped: clients saw a delay of seconds.';
    return [{ cause, evidence }];
  },
};

export const conntrackStrict: Check = {
  code: 'invalid-packets-pass',
  title: 'Packets of no known connection are dropped, or TCP is tracked liberally.',
  severity: 'warning',
  remedy:
    'Have the rule written again (svc2ipt apply, or the agent), or set net.netfilter.nf_conntrack_tcp_be_liberal to 1.',
  needs: 'node',
  find(node, cluster) {
    const value = node.sysctl('net/netfilter/nf_conntrack_tcp_be_liberal');
    if (value === undefined) throw new NotChecked('the kernel has no connection tracking');
    if (value !== '0') return [];
    const setting = `net.netfilter.nf_conntrack_tcp_be_liberal = ${value}`;
    if (cluster?.configuration?.conntrack.tcpBeLiberal === true) {
      const cause = 'TCP is not tracked liberally, as the configuration asks for.';
      return [{ cause, evidence: [setting, 'conntrack.tcpBeLiberal: true'] }];
    }
    return node.families.flatMap((family) => {
      const chain = node.tables(family).get('filter')?.get('KUBE-FORWARD');
      const drops = (line: string) => /--ctstate INVALID\b/.test(line) && line.endsWith(' -j DROP');
      if (chain === undefined || chain.lines.some(drops)) return [];
      const cause =
        'Packets of no known connection pass with the addresses of Pods in them, and clients reset connections for that.';
      return [{ cause, evidence: [setting, `${family}: no rule of KUBE-FORWARD drops INVALID packets`] }];
    });
  },
};
