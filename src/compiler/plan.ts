/** Plan: what each kind of traffic to a service port comes to on this node. There is no iptables in it. */
import type { NodeFacts } from '../api/node.ts';
import { contains, familyOf } from '../net/address.ts';
import type { UdpDestination } from '../net/flows.ts';
import { type Endpoint, usableEndpoints } from './endpoints.ts';
import type { CompileOptions } from './options.ts';
import { reachableFromOutside, type ServicePort } from './service-ports.ts';

/** What comes of traffic: it goes to a set of endpoints, is refused as nobody serves it, or is dropped. */
export type TrafficFate = 'cluster' | 'local' | 'reject' | 'drop';

export interface ServicePortPlan {
  readonly servicePort: ServicePort;
  /** All that its EndpointSlices name, usable or not. */
  readonly endpoints: readonly Endpoint[];
  /** The endpoints that the Cluster policy may use; empty where no traffic can get to them. */
  readonly cluster: readonly Endpoint[];
  /** The endpoints that the Local policy may use. */
  readonly local: readonly Endpoint[];
  /** Traffic to the cluster IP. */
  readonly internal: {
    readonly fate: TrafficFate;
    readonly masquerade: 'all' | 'not-from-local-pods' | 'none';
  };
  /** Traffic to external IPs, load-balancer IPs and the node port; undefined where it has none of them. */
  readonly external: ExternalPlan | undefined;
}

export interface ExternalPlan {
  readonly fate: TrafficFate;
  /**
   * Under the Local policy, traffic that begins on this node may go to any endpoint: from pods as it is, from the
   * node itself masqueraded. Under the Cluster policy everything may, masqueraded.
   */
  readonly policy: 'Cluster' | 'Local';
  /** Who may use the load-balancer IPs; undefined for everyone. */
  readonly firewall: Firewall | undefined;
}

export interface Firewall {
  readonly sourceRanges: readonly string[];
  /**
   * The node itself is in a range: then packets that loop back with the load balancer's address as their source are
   * let through, as for load balancers whose address is put on the node's own interface.
   */
  readonly admitsNode: boolean;
}

/** Plans the traffic of a service port. */
export function planServicePort(
  servicePort: ServicePort,
  endpoints: readonly Endpoint[],
  node: NodeFacts,
  options: CompileOptions,
): ServicePortPlan {
  const { cluster, local, exist } = usableEndpoints(servicePort, endpoints, node);
  const fate = (policy: 'Cluster' | 'Local'): TrafficFate => {
    if (!exist) return 'reject';
    if (policy === 'Local') return local.length > 0 ? 'local' : 'drop';
    return cluster.length > 0 ? 'cluster' : 'reject';
  };
  return {
    // A rule of what the node does not have would be refused, and with it those of all other Services.
    servicePort: node.recent ? servicePort : { ...servicePort, affinitySeconds: undefined },
    endpoints,
    cluster,
    local,
    internal: {
      fate: fate(servicePort.internalPolicy),
      masquerade: options.masqueradeAll ? 'all' : options.detectLocal ? 'not-from-local-pods' : 'none',
    },
    external: reachableFromOutside(servicePort)
      ? planExternal(servicePort, fate(servicePort.externalPolicy), node)
      : undefined,
  };
}

function planExternal(servicePort: ServicePort, fate: TrafficFate, node: NodeFacts): ExternalPlan {
  // What is refused altogether has no chain that a source range could lead to.
  const guarded = fate !== 'reject';
  return {
    fate,
    policy: servicePort.externalPolicy,
    firewall: guarded ? firewall(servicePort, node) : undefined,
  };
}

/** Where packets to a UDP service port may be sent on from this node; nothing for other protocols. */
export function udpDestinationsOf({ servicePort, cluster, local }: ServicePortPlan): UdpDestination[] {
  const { protocol, clusterIP, externalIPs, loadBalancerIPs, port, nodePort } = servicePort;
  if (protocol !== 'udp') return [];
  const endpoints = new Set([...cluster, ...local].map(({ text }) => text));
  const atAddresses = [clusterIP, ...externalIPs, ...loadBalancerIPs].map((address) => ({
    address,
    port,
    endpoints,
  }));
  return nodePort === 0 ? atAddresses : [...atAddresses, { address: undefined, port: nodePort, endpoints }];
}

function firewall(
  { sourceRanges, loadBalancerIPs, clusterIP }: ServicePort,
  node: NodeFacts,
): Firewall | undefined {
  if (sourceRanges.length === 0 || loadBalancerIPs.length === 0) return undefined;
  const family = familyOf(clusterIP);
  // kube-proxy takes the loopback address for the node's where it knows none of the family.
  const nodeIP = node.ips.find((ip) => familyOf(ip) === family) ?? (family === 'ipv4' ? '127.0.0.1' : '::1');
  return { sourceRanges, admitsNode: sourceRanges.some((range) => contains(range, nodeIP)) };
}
