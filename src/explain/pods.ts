/** The Pods behind a Service: which endpoint is whose, and why a Pod that the selector fits is none. */
import type { Pod } from '../api/pod.ts';
import type { Service } from '../api/service.ts';
import type { Endpoint } from '../compiler/endpoints.ts';
import type { ServicePort } from '../compiler/service-ports.ts';
import { FAMILY_NAMES, type Family, familyOf } from '../net/address.ts';

/** A Pod that is no endpoint of a service port, though the selector fits it. */
export interface PodWithoutEndpoint {
  /** `namespace/name` */
  readonly pod: string;
  readonly nodeName: string | undefined;
  readonly because: string;
}

/** What is known of Pods, in one family and for one service port. */
export interface PodsOfPort {
  /** The name of the Pod that has an address and, where several do, the port. */
  nameAt(address: string, port: number): string | undefined;
  readonly withoutEndpoint: readonly PodWithoutEndpoint[];
}

/**
 * @param selected the Pods that the selector of the Service fits, whatever state they are in
 * @param endpoints all that its EndpointSlices name for the port
 */
export function podsOfPort(
  selected: readonly Pod[],
  service: Service,
  servicePort: ServicePort,
  endpoints: readonly Endpoint[],
): PodsOfPort {
  const family = familyOf(servicePort.clusterIP);
  const spec = service.ports.find(({ name }) => name === servicePort.portName);
  const targetOf = (pod: Pod) => {
    const { targetPort = servicePort.port, protocol = 'TCP' } = spec ?? {};
    if (typeof targetPort === 'number') return targetPort;
    return pod.containerPorts.find((port) => port.name === targetPort && port.protocol === protocol)?.port;
  };
  const byAddress = Map.groupBy(endpoints, ({ object }) => object.address);
  /** In the host network several Pods have one address: then the port tells them apart. */
  const isShared = (address: string) => selected.filter(({ ips }) => ips.includes(address)).length > 1;
  const isEndpoint = (pod: Pod) =>
    pod.ips.some((address) => {
      const there = byAddress.get(address) ?? [];
      return isShared(address) ? there.some(({ port }) => port === targetOf(pod)) : there.length > 0;
    });
  return {
    nameAt(address, port) {
      const there = selected.filter(({ ips }) => ips.includes(address));
      return (there.find((pod) => targetOf(pod) === port) ?? there[0])?.name;
    },
    withoutEndpoint: selected.flatMap((pod) => {
      if (isEndpoint(pod)) return [];
      const because = whyNone(pod, family, targetOf(pod) === undefined ? spec : undefined);
      return [{ pod: `${pod.namespace}/${pod.name}`, nodeName: pod.nodeName, because }];
    }),
  };
}

/** @param lacking the service port whose target port it does not have */
function whyNone(
  { finished, ips }: Pod,
  family: Family,
  lacking: Service['ports'][number] | undefined,
): string {
  if (finished) return 'has ended';
  if (ips.length === 0) return 'has no address yet';
  if (!ips.some((ip) => familyOf(ip) === family)) return `has no ${FAMILY_NAMES[family]} address`;
  if (lacking) return `has no container port named "${lacking.targetPort}" for ${lacking.protocol}`;
  return 'is in no EndpointSlice';
}
