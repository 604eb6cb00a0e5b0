/** The snapshot of a node on which nothing is wrong: two Pods on a bridge, the rules of a cluster, a way out. */

import { withJumps } from '../../src/chains/jumps.ts';
import { compile } from '../../src/compiler/compile.ts';
import type { CheckedCluster } from '../../src/doctor/cluster.ts';
import { printSaved } from '../../src/iptables/saved.ts';
import { FAMILIES, type Family } from '../../src/net/address.ts';
import {
  type NodeSnapshot,
  SNAPSHOT_FORMAT,
  type SnapshotCommand,
  snapshotSchema,
} from '../../src/snapshot/snapshot.ts';
import { ADDRESSES } from './kernel/lab.ts';

const address = (local: string, prefixlen: number) => ({ local, prefixlen, scope: 'global' });

const link = (ifname: string, more: object = {}) => ({
  ifname,
  flags: ['UP'],
  mtu: 1500,
  addr_info: [],
  ...more,
});

const port = (ifname: string) =>
  link(ifname, {
    master: 'cni0',
    linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { hairpin: true } },
  });

const LINKS = [
  link('lo', { flags: ['LOOPBACK', 'UP'], mtu: 65536 }),
  link('eth0', { addr_info: FAMILIES.map((family) => address(ADDRESSES[family].node, 24)) }),
  link('cni0', {
    linkinfo: { info_kind: 'bridge' },
    addr_info: [address(ADDRESSES.ipv4.gateway, 24), address(ADDRESSES.ipv6.gateway, 64)],
  }),
  port('veth1'),
  port('veth2'),
];

const ROUTES: Readonly<Record<Family, readonly object[]>> = {
  ipv4: [
    { dst: 'default', gateway: '192.168.50.1', dev: 'eth0' },
    { dst: '192.168.50.0/24', dev: 'eth0' },
    { dst: '10.244.1.0/24', dev: 'cni0' },
    { dst: '10.244.2.0/24', gateway: '192.168.50.20', dev: 'eth0' },
    { type: 'local', dst: '192.168.50.10', dev: 'eth0', table: 'local' },
  ],
  ipv6: [
    { dst: 'default', gateway: 'fe80::1', dev: 'eth0' },
    { dst: 'fd00:10:244:1::/64', dev: 'cni0' },
    { dst: 'fd00:10:244:2::/64', gateway: 'fd00:192:168:50::20', dev: 'eth0' },
  ],
};

/** What another program printed, or why nothing, and other values of files: undefined for one that there is not. */
export interface Changes {
  readonly outputs?: Partial<NodeSnapshot['outputs']>;
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly others?: Partial<NodeSnapshot>;
}

/** @param cluster whose rules the node has */
export function soundSnapshot(
  cluster: CheckedCluster,
  { outputs = {}, files = {}, others = {} }: Changes = {},
): NodeSnapshot {
  const rules = (family: Family) =>
    printSaved(withJumps(compile(cluster.cluster, cluster.node, cluster.options(family))));
  const texts: Record<SnapshotCommand, string> = {
    'iptables-nft-save': rules('ipv4'),
    'ip6tables-nft-save': rules('ipv6'),
    'iptables-legacy-save': '',
    'ip6tables-legacy-save': '',
    'iptables-version': 'iptables v1.8.9 (nf_tables)\n',
    'ip6tables-version': 'ip6tables v1.8.9 (nf_tables)\n',
    'nft-tables': 'table ip nat\ntable ip filter\n',
    'ip-address': JSON.stringify(LINKS),
    'ip-route-ipv4': JSON.stringify(ROUTES.ipv4),
    'ip-route-ipv6': JSON.stringify(ROUTES.ipv6),
    'ip-rule-ipv4': '[{"priority":0,"src":"all","table":"local"}]',
    'ip-rule-ipv6': '',
    'conntrack-stats':
      'cpu=0   \tfound=0 invalid=3 insert=0 insert_failed=0 drop=0 early_drop=0 chaintoolong=0 \n',
    'conntrack-udp-ipv4': '',
    'conntrack-udp-ipv6': '',
    ipset: '',
  };
  const settings = {
    'net/ipv4/ip_forward': '1',
    'net/ipv4/ip_local_port_range': '32768\t60999',
    'net/ipv4/ip_local_reserved_ports': '',
    'net/ipv4/conf/all/rp_filter': '0',
    'net/ipv4/conf/eth0/rp_filter': '1',
    'net/ipv4/conf/all/accept_local': '0',
    'net/ipv4/conf/eth0/accept_local': '0',
    'net/ipv4/conf/all/route_localnet': '1',
    'net/ipv6/conf/all/forwarding': '1',
    'net/ipv6/conf/all/disable_ipv6': '0',
    'net/bridge/bridge-nf-call-iptables': '1',
    'net/bridge/bridge-nf-call-ip6tables': '1',
    'net/netfilter/nf_conntrack_count': '100',
    'net/netfilter/nf_conntrack_max': '262144',
    'net/netfilter/nf_conntrack_tcp_be_liberal': '0',
  };
  const known = Object.entries(settings).map(([name, value]) => [`/proc/sys/${name}`, value]);
  const all = { ...Object.fromEntries(known), ...files };
  return snapshotSchema.parse({
    format: SNAPSHOT_FORMAT,
    takenAt: '2026-01-31T12:00:00.000Z',
    hostname: 'node-a',
    versions: { svc2ipt: 'test', kernel: '6.1.0' },
    outputs: {
      ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text }])),
      ...outputs,
    },
    files: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
    processes: [],
    pages: { healthz: { status: 200, text: '{}' }, metrics: { missing: 'nobody answers' } },
    clockSynchronized: true,
    probes: [],
    ...others,
  });
}
