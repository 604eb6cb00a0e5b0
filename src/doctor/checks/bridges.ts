/** Bridges that Pods are on. */
import { FAMILIES, FAMILY_NAMES, familyOf } from '../../net/address.ts';
import type { Check, Trouble } from '../check.ts';
import type { CheckedNode, Link } from '../checked-node.ts';
import type { CheckedCluster } from '../cluster.ts';
import { localPods, podDevices } from '../pods.ts';

const SETTINGS = { ipv4: 'bridge-nf-call-iptables', ipv6: 'bridge-nf-call-ip6tables' } as const;

export const bridgeNetfilter: Check = {
  code: 'bridge-netfilter-off',
  title: 'Rules see what a bridge passes between Pods.',
  severity: 'error',
  remedy:
    'Load br_netfilter (modprobe, and a file of /etc/modules-load.d), and set it to 1 with sysctl -w and in a file of /etc/sysctl.d.',
  needs: 'node',
  find(node, cluster) {
    const pods = localPods(node, cluster);
    return podBridges(node, cluster).flatMap((bridge) =>
      FAMILIES.flatMap((family): Trouble[] => {
        const isUsed = pods.some(
          ({ address, device }) => device === bridge.name && familyOf(address) === family,
        );
        const value = node.sysctl(`net/bridge/${SETTINGS[family]}`);
        if (!isUsed || value === '1' || bridge.callsNetfilter[family]) return [];
        const cause = `Replies between Pods on ${bridge.name} pass by the ${FAMILY_NAMES[family]} rules, so connections by way of a Service do not come about.`;
        const name = `net.bridge.${SETTINGS[family]}`;
        const shown = value === undefined ? `no ${name}: br_netfilter is not loaded` : `${name} = ${value}`;
        return [{ cause, evidence: [shown] }];
      }),
    );
  },
};

export const hairpin: Check = {
  code: 'hairpin-off',
  title: 'A Pod on a bridge can reach itself by way of its Service.',
  severity: 'warning',
  remedy:
    'Set hairpinMode in the configuration of the CNI plugin bridge; ip link set dev PORT type bridge_slave hairpin on does so now.',
  needs: 'node',
  find(node, cluster) {
    return podBridges(node, cluster).flatMap((bridge): Trouble[] => {
      const off = node.links.filter((link) => link.bridge === bridge.name && link.hairpin === false);
      if (off.length === 0 || bridge.isPromiscuous) return [];
      return [
        {
          cause: `A Pod on ${bridge.name} that its Service sends to itself gets no connection.`,
          evidence: off.map(({ name }) => `${name}: port of ${bridge.name}, hairpin off`),
        },
      ];
    });
  },
};

function podBridges(node: CheckedNode, cluster: CheckedCluster | undefined): Link[] {
  const devices = podDevices(node, cluster);
  return node.links.filter(({ kind, name }) => kind === 'bridge' && devices.has(name));
}
