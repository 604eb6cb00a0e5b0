/** Resolve, second half: which endpoints a service port has, and which of them this node may send traffic to. */
import type { ServiceEntry } from '../api/cluster.ts';
import type { SliceEndpoint } from '../api/endpoint-slice.ts';
import { REGION_LABELS, ZONE_LABELS } from '../api/endpoint-slice.ts';
import type { NodeFacts } from '../api/node.ts';
import { type Family, joinPort } from '../net/address.ts';
import { reachableFromOutside, type ServicePort } from './service-ports.ts';

export interface Endpoint {
  /** `ip:port`, the IPv6 address in brackets. */
  readonly text: string;
  readonly port: number;
  /** On this node. */
  readonly local: boolean;
  /** What its EndpointSlice says of it. */
  readonly object: SliceEndpoint;
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
  { endpointSlices }: ServiceEntry,
  { portName, protocol }: ServicePort,
  family: Family,
  node: NodeFacts,
): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const slice of endpointSlices) {
    if (slice.family !== family) continue;
    for (const { name, port, protocol: ofSlice } of slice.ports) {
      if (name !== portName || port === undefined || ofSlice.toLowerCase() !== protocol) continue;
      for (const object of slice.endpoints) {
        const local = object.nodeName === node.name && node.name !== '';
        endpoints.push({ text: joinPort(object.address, port), port, local, object });
      }
    }
  }
  return unique(endpoints.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)));
}

/** Of neighbours with the same address and port, the first that is not terminating, or else the first. */
function unique(sorted: readonly Endpoint[]): readonly Endpoint[] {
  const result: Endpoint[] = [];
  for (const endpoint of sorted) {
    const last = result.at(-1);
    if (last?.text !== endpoint.text) result.push(endpoint);
    else if (last.object.terminating && !endpoint.object.terminating) result[result.length - 1] = endpoint;
  }
  return result;
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
  const ready = endpoints.filter(({ object }) => object.ready);
  if (ready.length > 0) return ready;
  return endpoints.filter(({ object }) => object.serving && object.terminating);
}

/** The usable endpoints of the whole cluster, narrowed to those meant for this node. */
function nearest(
  { topologyKeys }: ServicePort,
  endpoints: readonly Endpoint[],
  node: NodeFacts,
): readonly Endpoint[] {
  const usable = readyOrServing(endpoints);
  if (topologyKeys.length > 0) return byTopologyKeys(topologyKeys, usable, node);
  return usable[0]?.object.ready ? byHints(usable, node) : usable;
}

/** Topology hints count only if every ready endpoint has them and one is for us (KEP-2433, KEP-4444). */
function byHints(ready: readonly Endpoint[], node: NodeFacts): readonly Endpoint[] {
  if (ready.every(({ object }) => object.forNodes.length > 0)) {
    const forThisNode = ready.filter(({ object }) => object.forNodes.includes(node.name));
    if (forThisNode.length > 0) return forThisNode;
  }
  const { zone } = node;
  if (zone !== undefined && ready.every(({ object }) => object.forZones.length > 0)) {
    const forThisZone = ready.filter(({ object }) => object.forZones.includes(zone));
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
    const here = usable.filter(({ object }) => {
      const value = topologyValue(key, { ...object, name: object.nodeName });
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
