/** The service ports and endpoints that the agent believes in, for people who ask why a Service behaves as it does. */
import { namespacedName, type ServiceEntry } from '../../api/cluster.ts';
import { planService } from '../../compiler/compile-service.ts';
import type { ServicePortPlan, TrafficFate } from '../../compiler/plan.ts';
import type { ServicePort } from '../../compiler/service-ports.ts';
import type { RulesInput } from '../sync/family-rules.ts';

export interface ServicePortState extends Omit<ServicePort, 'name' | 'portName' | 'topologyKeys'> {
  /** `namespace/name` */
  readonly service: string;
  readonly portName: string;
  /** What becomes of traffic to the cluster IP, and to what is reachable from outside. */
  readonly internalTraffic: TrafficFate;
  readonly externalTraffic: TrafficFate | undefined;
  readonly endpoints: readonly EndpointState[];
}

export interface EndpointState {
  /** `ip:port` */
  readonly endpoint: string;
  readonly node: string | undefined;
  readonly zone: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On this node. */
  readonly local: boolean;
  /** By which policies this node sends traffic to it. */
  readonly usedBy: readonly ('Cluster' | 'Local')[];
}

/** Every service port of one family as this node sees it, in the order of their names. */
export function describeState({ cluster, node, options }: RulesInput): ServicePortState[] {
  const describePort = (entry: ServiceEntry, { servicePort, ...plan }: ServicePortPlan): ServicePortState => {
    const { name: _, topologyKeys: __, ...port } = servicePort;
    return {
      service: namespacedName(entry.service),
      ...port,
      internalTraffic: plan.internal.fate,
      externalTraffic: plan.external?.fate,
      endpoints: plan.endpoints.map((endpoint) => {
        const { nodeName, zone, ready, serving, terminating } = endpoint.object;
        const uses = (['Cluster', 'Local'] as const).filter((policy) =>
          (policy === 'Cluster' ? plan.cluster : plan.local).includes(endpoint),
        );
        const { text, local } = endpoint;
        return { endpoint: text, node: nodeName, zone, ready, serving, terminating, local, usedBy: uses };
      }),
    };
  };
  return [...cluster.services]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, entry]) => planService(entry, node, options).plans.map((plan) => describePort(entry, plan)));
}
