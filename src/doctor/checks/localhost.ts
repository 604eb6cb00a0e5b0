/** 127.0.0.0/8: node ports on it, and that it stays closed to the network. */
import { KUBELET_CHAIN, KUBELET_SIGNS } from '../../chains/names.ts';
import { planNode } from '../../compiler/node-plan.ts';
import { simulate } from '../../iptables/simulator/simulate.ts';
import { FAMILIES } from '../../net/address.ts';
import { saveOutput } from '../../snapshot/snapshot.ts';
import type { Check, Trouble } from '../check.ts';
import { shownPorts } from '../cluster.ts';

const ROUTE_LOCALNET = /^\/proc\/sys\/net\/ipv4\/conf\/(.+)\/route_localnet$/;

export const routeLocalnet: Check = {
  code: 'route-localnet-off',
  title: 'Node ports answer on 127.0.0.1 where they should.',
  severity: 'warning',
  remedy:
    'Set it to 1 with sysctl -w, which the agent does; or turn localhostNodePorts off, which nobody should depend on.',
  needs: 'cluster',
  find(node, cluster) {
    const { localhostNodePorts } = planNode(cluster.node, cluster.options('ipv4'));
    const value = node.sysctl('net/ipv4/conf/all/route_localnet');
    const used = shownPorts(cluster).find(
      ({ family, plan }) => family === 'ipv4' && plan.servicePort.nodePort !== 0,
    );
    if (!localhostNodePorts || value === '1' || value === undefined || used === undefined) return [];
    return [
      {
        cause: `Node ports do not answer on 127.0.0.1, as that of ${used.plan.servicePort.name} should by the configuration.`,
        evidence: [`net.ipv4.conf.all.route_localnet = ${value}`, 'localhostNodePorts: true'],
      },
    ];
  },
};

/** A neighbour, and a port of 127.0.0.1 that a kubelet has. */
const PACKET = {
  source: '192.0.2.77',
  sourcePort: 45_678,
  destination: '127.0.0.1',
  destinationPort: 10_248,
  protocol: 'tcp',
  arrives: true,
} as const;

export const localhostOpen: Check = {
  code: 'localhost-open',
  title: '127.0.0.0/8 is closed to the network.',
  severity: 'error',
  remedy: `Have the rule written that closes it, by svc2ipt or a kubelet (${KUBELET_CHAIN}), or set route_localnet to 0.`,
  needs: 'node',
  find(node) {
    const on = Object.entries(node.snapshot.files).flatMap(([path, value]) => {
      const [, device] = ROUTE_LOCALNET.exec(path) ?? [];
      return device !== undefined && device !== 'lo' && value === '1' ? [device] : [];
    });
    if (on.length === 0 || !node.families.includes('ipv4')) return [];
    const [inInterface] = node.uplinks;
    const fate = simulate(
      node.rules('ipv4'),
      { ...PACKET, inInterface },
      { isLocal: (address) => address === PACKET.destination },
    );
    if (fate.outcomes.every(({ verdict }) => verdict !== 'ACCEPT')) return [];
    return [
      {
        cause:
          'Neighbours can send packets to 127.0.0.1 of this node, where services wait that trust it (CVE-2020-8558).',
        evidence: [
          ...on.map((device) => `net.ipv4.conf.${device}.route_localnet = 1`),
          `no rule of ${KUBELET_CHAIN} drops them`,
        ],
      },
    ];
  },
};

export const kubeletBackend: Check = {
  code: 'kubelet-other-backend',
  title: 'The kubelet uses the same iptables backend.',
  severity: 'warning',
  remedy:
    'Have all use one backend: --backend of svc2ipt, or update-alternatives --config iptables for the kubelet.',
  needs: 'node',
  find({ snapshot, backend, otherBackend, tables }) {
    const signs = [...KUBELET_SIGNS, KUBELET_CHAIN];
    const inBackend = (of: typeof backend) =>
      FAMILIES.flatMap((family) => {
        const name = saveOutput(of, family);
        if ('missing' in snapshot.outputs[name]) return [];
        const chains = [...tables(family, of)].flatMap(([table, found]) =>
          signs.filter((chain) => found.has(chain)).map((chain) => `${name}: ${table} ${chain}`),
        );
        return chains;
      });
    const there = inBackend(otherBackend);
    // A chain that both have was left when somebody changed the kubelet's backend.
    const isHere = inBackend(backend).some((line) => KUBELET_SIGNS.some((sign) => line.endsWith(sign)));
    if (there.length === 0 || isHere) return [];
    const cause = `The chains of a kubelet are in iptables-${otherBackend}, and those of Services in iptables-${backend}: packets meet both.`;
    return [{ cause, evidence: there } satisfies Trouble];
  },
};
