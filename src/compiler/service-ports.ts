/** Resolve, first half: from Services to service ports, as one family on one node sees them. */
import { type ClusterState, namespacedName } from '../api/cluster.ts';
import type { Service, TrafficPolicy } from '../api/service.ts';
import { servicePortName } from '../chains/comments.ts';
import type { ServiceAddress, Way } from '../chains/service-addresses.ts';
import type { Protocol } from '../iptables/types.ts';
import { type Family, familyOf, prefixLength } from '../net/address.ts';

/** One port of one Service: the unit that rules are made for. Addresses are of one family only. */
export interface ServicePort {
  /** As rules print it: `namespace/name:port`, or `namespace/name` for an unnamed port. */
  readonly name: string;
  /** The name of the port alone, by which endpoints are matched. */
  readonly portName: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  /** 0 for none. */
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  /** Who may use the load-balancer IPs; empty for everyone. */
  readonly sourceRanges: readonly string[];
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  /** 0 for none. */
  readonly healthCheckNodePort: number;
  readonly affinitySeconds: number | undefined;
  readonly topologyKeys: readonly string[];
}

/** The service ports of a Service in one family; none where another program or nobody serves it. */
export function resolveServicePorts(
  service: Service,
  family: Family,
  legacyPortNames: boolean,
): ServicePort[] {
  if (service.type === 'ExternalName' || service.otherProxy || service.clusterIPs[0] === 'None') return [];
  const ofFamily = (addresses: readonly string[]) =>
    addresses.filter((address) => familyOf(address) === family);
  const [clusterIP] = ofFamily(service.clusterIPs);
  if (clusterIP === undefined) return [];

  const ranges = ofFamily(service.loadBalancerSourceRanges);
  const common = {
    clusterIP,
    externalIPs: ofFamily(service.externalIPs),
    loadBalancerIPs: ofFamily(service.loadBalancerIPs),
    sourceRanges: ranges.some((range) => prefixLength(range) === 0) ? [] : ranges,
    internalPolicy: service.internalTrafficPolicy,
    externalPolicy: externalPolicy(service),
    healthCheckNodePort: healthCheckNodePort(service),
    affinitySeconds: service.sessionAffinitySeconds,
    topologyKeys: service.topologyKeys,
  };
  return service.ports.map((port) => ({
    name: servicePortName(namespacedName(service), port.name, legacyPortNames),
    portName: port.name,
    protocol: port.protocol.toLowerCase() as Protocol,
    port: port.port,
    nodePort: port.nodePort,
    ...common,
  }));
}

/** Whether anything outside the cluster can reach it: through a node port, a load-balancer IP or an external IP. */
export function reachableFromOutside(servicePort: ServicePort): boolean {
  return (
    servicePort.nodePort !== 0 || servicePort.loadBalancerIPs.length > 0 || servicePort.externalIPs.length > 0
  );
}

/** The policy counts only for Services that the API lets be reached from outside. */
function externalPolicy(service: Service): TrafficPolicy {
  const external = service.type !== 'ClusterIP' || service.externalIPs.length > 0;
  return external ? service.externalTrafficPolicy : 'Cluster';
}

function healthCheckNodePort(service: Service): number {
  const checked = service.type === 'LoadBalancer' && service.externalTrafficPolicy === 'Local';
  return checked ? service.healthCheckNodePort : 0;
}

/** The addresses of a service port, the cluster IP first. */
export function addressesOfServicePort({
  name,
  protocol,
  clusterIP,
  externalIPs,
  loadBalancerIPs,
  port,
  nodePort,
}: ServicePort): ServiceAddress[] {
  const at = (way: Way, address: string | undefined, number = port): ServiceAddress => ({
    servicePort: name,
    protocol,
    way,
    address,
    port: number,
  });
  return [
    at('cluster-ip', clusterIP),
    ...externalIPs.map((address) => at('external-ip', address)),
    ...loadBalancerIPs.map((address) => at('load-balancer-ip', address)),
    ...(nodePort === 0 ? [] : [at('node-port', undefined, nodePort)]),
  ];
}

/** The addresses of all Services of a cluster, in one family. */
export function addressesOfServices(
  { services }: ClusterState,
  family: Family,
  legacyPortNames: boolean,
): ServiceAddress[] {
  return [...services.values()].flatMap(({ service }) =>
    resolveServicePorts(service, family, legacyPortNames).flatMap(addressesOfServicePort),
  );
}
