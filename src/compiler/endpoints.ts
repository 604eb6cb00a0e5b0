/** Resolve, second half: which endpoints a service port has, and which of them this node may send traffic to. */
import type { ServiceEntry } from '../api/cluster.ts';
import { REGION_LABELS, ZONE_LABELS } from '../api/endpoint-slice.ts';
import type { NodeFacts } from '../api/node.ts';
import { type Family, joinPort } from '../net/address.ts';
import { reachableFromOutside, type ServicePort } from './service-ports.ts';

export interface Endpoint {
  readonly ip: string;
  /** `ip:port`, the IPv6 address in brackets. */
  readonly text: string;
  /** On this node. */
  readonly local: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName: string | undefined;
  readonly zone: string | undefined;
  readonly region: string | undefined;
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
}

/** Where this node may send a service port's traffic. */
export interface UsableEndpoints {
  /** For the Cluster policy; empty where nothing needs them. */
  readonly cluster: readonly Endpoint[];
  /** For the Local policy: those on this node; empty where nothing needs them. */
  readonly local: readonly Endpoint[];
  /** Whether usable endpoints exist anywhere, in either set that is needed. */
  readonly exist: boolean;
}

/** All endpoints of a service port in one family, unique by address and port, sorted as text. */
export function resolveEndpoints(
  entry: ServiceEntry,
  servicePort: ServicePort,
  family: Family,
  node: NodeFacts,
): readonly Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const endpoint of allEndpoints(entry, servicePort, family, node)) {
    const same = found.get(endpoint.text);
    if (!same || (same.terminating && !endpoint.terminating)) found.set(endpoint.text, endpoint);
  }
  return [...found.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

function* allEndpoints(
  { endpointSlices }: ServiceEntry,
  { portName, protocol }: ServicePort,
  family: Family,
  node: NodeFacts,
): Generator<Endpoint> {
  for (const slice of endpointSlices) {
    if (slice.family !== family) continue;
    for (const port of slice.ports) {
      if (port.name !== portName || port.port === undefined || port.protocol.toLowerCase() !== protocol)
        continue;
      for (const endpoint of slice.endpoints) {
        const {
          address: ip,
          ready,
          serving,
          terminating,
          nodeName,
          zone,
          region,
          forZones,
          forNodes,
        } = endpoint;
        const text = joinPort(ip, port.port);
        const local = nodeName === node.name && nodeName !== '';
        yield { ip, text, local, ready, serving, terminating, nodeName, zone, region, forZones, forNodes };
      }
    }
  }
}

/** Chooses among a service port's endpoints, as kube-proxy v1.36 does on this node. */
export function usableEndpoints(
  servicePort: ServicePort,
  endpoints: readonly Endpoint[],
  node: NodeFacts,
): UsableEndpoints {
  const external = reachableFromOutside(servicePort);
  const needsCluster = servicePort.internalPolicy === 'Cluster' || external;
  const needsLocal =
    servicePort.internalPolicy === 'Local' || (external && servicePort.externalPolicy === 'Local');

  const cluster = needsCluster ? nearest(servicePort, endpoints, node) : [];
  const local = needsLocal ? readyOrServing(endpoints.filter((endpoint) => endpoint.local)) : [];
  const exist = cluster.length > 0 || (needsLocal && readyOrServing(endpoints).length > 0);
  return { cluster, local, exist };
}

/** The ready ones; if there is none, those that still serve while they terminate (KEP-1672). */
function readyOrServing(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  if (ready.length > 0) return ready;
  return endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

/** The usable endpoints of the whole cluster, narrowed to those meant for this node. */
function nearest(
  { topologyKeys }: ServicePort,
  endpoints: readonly Endpoint[],
  node: NodeFacts,
): readonly Endpoint[] {
  const usable = readyOrServing(endpoints);
  if (topologyKeys.length > 0) return byTopologyKeys(topologyKeys, usable, node);
  return usable[0]?.ready ? byHints(usable, node) : usable;
}

/** Topology hints count only if every ready endpoint has them and one is for us (KEP-2433, KEP-4444). */
function byHints(ready: readonly Endpoint[], node: NodeFacts): readonly Endpoint[] {
  if (ready.every(({ forNodes }) => forNodes.length > 0)) {
    const forThisNode = ready.filter(({ forNodes }) => forNodes.includes(node.name));
    if (forThisNode.length > 0) return forThisNode;
  }
  const { zone } = node;
  if (zone !== undefined && ready.every(({ forZones }) => forZones.length > 0)) {
    const forThisZone = ready.filter(({ forZones }) => forZones.includes(zone));
    if (forThisZone.length > 0) return forThisZone;
  }
  return ready;
}

/** The older `spec.topologyKeys` (KEP-536): the first key under which an endpoint is where this node is. */
function byTopologyKeys(
  keys: readonly string[],
  usable: readonly Endpoint[],
  node: NodeFacts,
): readonly Endpoint[] {
  for (const key of keys) {
    if (key === '*') return usable;
    const here = usable.filter((endpoint) => {
      const value = topologyValue(key, { ...endpoint, name: endpoint.nodeName });
      return value !== undefined && value === topologyValue(key, node);
    });
    if (here.length > 0) return here;
  }
  return [];
}

function topologyValue(
  key: string,
  place: { name: string | undefined; zone: string | undefined; region: string | undefined },
): string | undefined {
  if (key === 'kubernetes.io/hostname') return place.name || undefined;
  if (ZONE_LABELS.some((label) => label === key)) return place.zone;
  if (REGION_LABELS.some((label) => label === key)) return place.region;
  return undefined;
}
