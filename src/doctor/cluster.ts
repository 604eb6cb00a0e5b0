/** The cluster as checks see it: what the node should do. */
import type { ClusterState } from '../api/cluster.ts';
import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import type { Node, NodeFacts } from '../api/node.ts';
import { type PlannedService, planService } from '../compiler/compile-service.ts';
import type { CompileOptions } from '../compiler/options.ts';
import type { ServicePortPlan } from '../compiler/plan.ts';
import { FAMILIES, type Family } from '../net/address.ts';

export interface CheckedCluster {
  readonly cluster: ClusterState;
  /** This node, by all that is known of it. */
  readonly node: NodeFacts;
  /** The Node objects, by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** kube-proxy's, where one was given. */
  readonly configuration: KubeProxyConfiguration | undefined;
  options(family: Family): CompileOptions;
  /** Whether somebody asks about a Service, by `namespace/name`. */
  isShown(service: string): boolean;
}

/** A service port that somebody asks about, in one family, and what becomes of its traffic on this node. */
export interface CheckedPort {
  /** `namespace/name` */
  readonly service: string;
  readonly family: Family;
  readonly plan: ServicePortPlan;
}

/** The service ports that somebody asks about, as this node plans them. */
export function shownPorts({ cluster, node, options, isShown }: CheckedCluster): CheckedPort[] {
  return FAMILIES.flatMap((family) => {
    const ofFamily = options(family);
    return [...cluster.services].flatMap(([service, entry]) => {
      if (!isShown(service)) return [];
      const { plans }: PlannedService = planService(entry, node, ofFamily);
      return plans.map((plan) => ({ service, family, plan }));
    });
  });
}

/** The endpoints on this node that somebody asks about and that take TCP connections: each address and port once. */
export function localEndpoints(cluster: CheckedCluster): { address: string; port: number; of: string }[] {
  const endpoints = new Map(
    shownPorts(cluster).flatMap(({ plan: { servicePort, endpoints } }) =>
      servicePort.protocol !== 'tcp'
        ? []
        : endpoints.flatMap(({ text, port, local, object }) =>
            local && object.serving
              ? [[text, { address: object.address, port, of: servicePort.name }] as const]
              : [],
          ),
    ),
  );
  return [...endpoints.values()];
}
