/** Ports of the node that Services have, and who else has them. */
import { serviceOf } from '../../chains/comments.ts';
import { addressesInRules } from '../../chains/service-addresses.ts';
import type { Protocol } from '../../iptables/types.ts';
import type { Check, Trouble } from '../check.ts';
import type { CheckedNode } from '../checked-node.ts';
import { type CheckedCluster, shownPorts } from '../cluster.ts';
import { type Listener, ownerInWords } from '../listeners.ts';
import { hasServiceRules } from '../node-families.ts';
import { NotChecked } from '../not-checked.ts';

interface NodePort {
  /** As rules print it. */
  readonly servicePort: string;
  readonly protocol: string;
  readonly port: number;
}

/** Each once, by the cluster, or else by the rules. */
function nodePortsOf(node: CheckedNode, cluster: CheckedCluster | undefined): NodePort[] {
  const all = cluster
    ? shownPorts(cluster).map(({ plan: { servicePort } }) => ({
        ...servicePort,
        servicePort: servicePort.name,
        port: servicePort.nodePort,
      }))
    : node.families
        .filter((family) => hasServiceRules(family, node))
        .flatMap((family) => addressesInRules(node.rules(family)))
        .filter(({ way }) => way === 'node-port');
  const ports = all
    .filter(({ port }) => port !== 0)
    .map(({ servicePort, protocol, port }): NodePort => ({ servicePort, protocol, port }));
  return [...new Map(ports.map((port) => [`${port.protocol} ${port.port}`, port])).values()];
}

export const nodePortTaken: Check = {
  code: 'node-port-taken',
  title: 'No process of the node waits at a node port.',
  severity: 'error',
  remedy:
    'Give the Service another node port, or the process another port: rules take what is sent there, and the process gets nothing.',
  needs: 'node',
  find(node, cluster) {
    // Without it, no packet to 127.0.0.1 gets to an endpoint.
    const onLoopback = node.sysctl('net/ipv4/conf/all/route_localnet') === '1';
    return nodePortsOf(node, cluster).flatMap(({ servicePort, protocol, port }): Trouble[] => {
      const found = node.listeners.filter(
        (one) =>
          one.protocol === protocol && one.port === port && !isProxy(one) && (!one.isLoopback || onLoopback),
      );
      if (found.length === 0) return [];
      return [
        {
          cause: `A process waits at port ${port} (${protocol}), which is the node port of ${servicePort}.`,
          evidence: [...new Set(found.map((one) => `${protocol} port ${port}: ${ownerInWords(one)}`))],
        },
      ];
    });
  },
};

/** kube-proxy before v1.22 waits at node ports, to keep others away. */
function isProxy({ process }: Listener): boolean {
  return process?.command[0]?.endsWith('kube-proxy') === true;
}

export const nodePortInLocalRange: Check = {
  code: 'node-port-in-local-range',
  title: 'The kernel gives no node port to a connection of the node itself.',
  severity: 'warning',
  remedy:
    'Reserve them (net.ipv4.ip_local_reserved_ports), or move net.ipv4.ip_local_port_range: a connection that has one gets no replies.',
  needs: 'node',
  find(node, cluster) {
    const range = node.sysctl('net/ipv4/ip_local_port_range');
    if (range === undefined) throw new NotChecked('the kernel does not say net.ipv4.ip_local_port_range');
    const [first = 0, last = 0] = range.split(/\s+/).map(Number);
    const reserved = node.sysctl('net/ipv4/ip_local_reserved_ports') ?? '';
    const isReserved = (port: number) =>
      reserved.split(',').some((part) => {
        const [from = Number.NaN, to = from] = part.split('-').map(Number);
        return part !== '' && port >= from && port <= to;
      });
    const found = nodePortsOf(node, cluster).filter(
      ({ port }) => port >= first && port <= last && !isReserved(port),
    );
    const [one] = found;
    if (one === undefined) return [];
    const more = found.length === 1 ? '' : `, and of ${found.length - 1} more service ports`;
    return [
      {
        cause: `The kernel may give a connection of the node itself port ${one.port}, the node port of ${one.servicePort}${more}.`,
        evidence: [
          `net.ipv4.ip_local_port_range = ${first} ${last}`,
          `net.ipv4.ip_local_reserved_ports = ${reserved}`,
        ],
      },
    ];
  },
};

export const healthCheckPort: Check = {
  code: 'health-check-port',
  title: 'The proxy answers at health check node ports.',
  severity: 'error',
  remedy:
    'Free the port of whoever has it, or run an agent (svc2ipt agent, kube-proxy): load balancers take the node out where it does not answer.',
  needs: 'cluster',
  find(node, cluster) {
    const ports = new Map(
      shownPorts(cluster).flatMap(({ plan: { servicePort } }) =>
        servicePort.healthCheckNodePort === 0
          ? []
          : [[servicePort.healthCheckNodePort, serviceOf(servicePort.name)] as const],
      ),
    );
    return [...ports].flatMap(([port, service]): Trouble[] => {
      const found = node.listeners.filter(
        (one) => one.protocol === ('tcp' satisfies Protocol) && one.port === port,
      );
      if (found.length === 0) {
        const cause = `Nobody answers at the health check node port ${port} of ${service}.`;
        return [{ cause, evidence: [`tcp port ${port}: no process waits there`] }];
      }
      const others = found.filter((one) => one.process !== undefined && !isHealthServer(one));
      if (others.length === 0) return [];
      const cause = `The health check node port ${port} of ${service} is taken by another program.`;
      return [{ cause, evidence: others.map((one) => `tcp port ${port}: ${ownerInWords(one)}`) }];
    });
  },
};

function isHealthServer({ process }: Listener): boolean {
  return process?.command.some((word) => /kube-proxy$|svc2ipt|^agent$/.test(word)) === true;
}
