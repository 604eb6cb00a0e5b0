/** Sizes of packets. */
import type { Check, Trouble } from '../check.ts';
import { devicesOfOtherPods, podDevices } from '../pods.ts';

export const mtu: Check = {
  code: 'pod-mtu-too-large',
  title: 'Packets of Pods fit through the way out.',
  severity: 'warning',
  remedy: 'Set mtu in the configuration of the CNI plugin to that of the way out, and make the Pods anew.',
  needs: 'node',
  find(node, cluster) {
    const devices = podDevices(node, cluster);
    const towardsOthers = devicesOfOtherPods(node, cluster);
    const ways = node.links.filter(({ name }) => node.uplinks.has(name) || towardsOthers.has(name));
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
