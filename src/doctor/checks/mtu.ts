/** Sizes of packets. */
import type { Check, Trouble } from '../check.ts';
import { podDevices } from '../pods.ts';

/** Interfaces that put packets into others (ip-link(8)). */
const TUNNELS: readonly string[] = ['vxlan', 'geneve', 'gre', 'ipip', 'ip6tnl', 'sit', 'wireguard'];

export const mtu: Check = {
  code: 'pod-mtu-too-large',
  title: 'Packets of Pods fit through the way out.',
  severity: 'warning',
  remedy: 'Set mtu in the configuration of the CNI plugin to that of the way out, and make the Pods anew.',
  needs: 'node',
  find(node, cluster) {
    const devices = podDevices(node, cluster);
    const ways = node.links.filter(
      ({ name, kind, isUp }) =>
        isUp && (node.uplinks.has(name) || (kind !== undefined && TUNNELS.includes(kind))),
    );
    const [narrowest] = ways.sort((a, b) => a.mtu - b.mtu);
    if (narrowest === undefined) return [];
    const large = node.links.filter(
      ({ name, bridge, mtu }) =>
        (devices.has(name) || (bridge !== undefined && devices.has(bridge))) && mtu > narrowest.mtu,
    );
    if (large.length === 0) return [];
    return [
      {
        cause: `Pods send packets of ${Math.max(...large.map((link) => link.mtu))} bytes, which do not fit through ${narrowest.name}: connections begin, and large answers never come.`,
        evidence: [
          ...large.map((link) => `${link.name}: mtu ${link.mtu}`),
          `${narrowest.name}: mtu ${narrowest.mtu}`,
        ],
      } satisfies Trouble,
    ];
  },
};
