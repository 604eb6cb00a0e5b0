/** What the EndpointSlice controller (v1.36) does: a Service's endpoints from the Pods that its selector matches. */
import type { EndpointSlice, SliceEndpoint, SlicePort } from '../../api/endpoint-slice.ts';
import type { Node } from '../../api/node.ts';
import type { Pod } from '../../api/pod.ts';
import type { Service } from '../../api/service.ts';
import { type Family, familyOf } from '../../net/address.ts';

/**
 * The slices of a Service with a selector: for each of its families, one for each set of port numbers, since pods
 * may resolve a named target port differently.
 */
export function slicesFromPods(
  service: Service,
  pods: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
): EndpointSlice[] {
  const chosen = pods
    .filter((pod) => isEndpoint(service, pod))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return service.clusterIPs.map(familyOf).flatMap((family) => {
    const byPorts = Map.groupBy(chosen, (pod) => JSON.stringify(portsOf(service, pod)));
    return [...byPorts].map(([ports, pods], i) => ({
      kind: 'EndpointSlice' as const,
      namespace: service.namespace,
      name: `${service.name}-${family}-${i}`,
      serviceName: service.name,
      family,
      endpoints: pods.flatMap((pod) => toEndpoint(service, pod, family, nodes)),
      ports: JSON.parse(ports) as SlicePort[],
    }));
  });
}

/**
 * Finds the Pods among which those that a Service selects are: the ones that have the rarest of its labels. Without
 * this, every Service would look at every Pod. The same goes for whatever else has labels.
 */
export function podFinder<Labelled extends Pick<Pod, 'namespace' | 'labels'>>(
  pods: Iterable<Labelled>,
): (service: Service) => readonly Labelled[] {
  const labelKey = (namespace: string, [key, value]: readonly [string, string]) =>
    `${namespace}\0${key}\0${value}`;
  const labelled = new Map<string, Labelled[]>();
  for (const pod of pods) {
    for (const label of Object.entries(pod.labels)) {
      const key = labelKey(pod.namespace, label);
      const others = labelled.get(key);
      if (others) others.push(pod);
      else labelled.set(key, [pod]);
    }
  }
  return ({ namespace, selector }) =>
    Object.entries(selector)
      .map((label) => labelled.get(labelKey(namespace, label)) ?? [])
      .reduce((rarest, pods) => (pods.length < rarest.length ? pods : rarest));
}

/** Whether a Pod is an endpoint of a Service, ready or not: it is selected, has an address, and is not done for ever. */
export function isEndpoint(service: Service, pod: Pod): boolean {
  return selects(service, pod) && !pod.finished && pod.ips.length > 0;
}

/** Whether a Service selects Pods of these labels in this namespace. */
export function selects(
  { namespace, selector }: Pick<Service, 'namespace' | 'selector'>,
  pod: Pick<Pod, 'namespace' | 'labels'>,
): boolean {
  return (
    pod.namespace === namespace &&
    Object.entries(selector).every(
      ([key, value]) => Object.hasOwn(pod.labels, key) && pod.labels[key] === value,
    )
  );
}

/** The service's ports as this pod has them; a named target port that the pod does not have is left out. */
function portsOf({ ports }: Service, pod: Pod): SlicePort[] {
  return ports.flatMap(({ name, protocol, targetPort }) => {
    const port =
      typeof targetPort === 'number'
        ? targetPort
        : pod.containerPorts.find((port) => port.name === targetPort && port.protocol === protocol)?.port;
    return port === undefined ? [] : [{ name, port, protocol }];
  });
}

function toEndpoint(
  service: Service,
  pod: Pod,
  family: Family,
  nodes: ReadonlyMap<string, Node>,
): SliceEndpoint[] {
  const address = pod.ips.find((ip) => familyOf(ip) === family);
  if (address === undefined) return [];
  const node = nodes.get(pod.nodeName ?? '');
  const ready = service.publishNotReadyAddresses || (pod.ready && !pod.terminating);
  const endpoint = {
    address,
    ready,
    serving: pod.ready,
    terminating: pod.terminating,
    nodeName: pod.nodeName,
    zone: node?.zone,
    region: node?.region,
    ...hints(service, ready ? pod.nodeName : undefined, ready ? node?.zone : undefined),
  };
  return [endpoint];
}

/** Hints as `spec.trafficDistribution` asks for them (KEP-3015): each endpoint serves its own zone, or its own node. */
function hints(
  { trafficDistribution }: Service,
  nodeName: string | undefined,
  zone: string | undefined,
): { forZones: string[]; forNodes: string[] } {
  const sameNode = trafficDistribution === 'PreferSameNode';
  const sameZone = sameNode || ['PreferSameZone', 'PreferClose'].includes(trafficDistribution ?? '');
  return {
    forZones: sameZone && zone !== undefined ? [zone] : [],
    forNodes: sameNode && nodeName !== undefined ? [nodeName] : [],
  };
}
