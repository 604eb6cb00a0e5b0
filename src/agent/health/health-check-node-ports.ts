/** Health check node ports: how load balancers find the nodes that have endpoints of a Service. */
import { ChangedServices, type ClusterState, type ServiceEntry } from '../../api/cluster.ts';
import type { NodeFacts } from '../../api/node.ts';
import { planService } from '../../compiler/compile-service.ts';
import { type NodePortsAt, planNode } from '../../compiler/node-plan.ts';
import type { CompileOptions } from '../../compiler/options.ts';
import type { Family } from '../../net/address.ts';

/** What one health check node port tells, in one family. */
export interface HealthCheck {
  readonly service: { readonly namespace: string; readonly name: string };
  readonly family: Family;
  readonly port: number;
  /** The node's addresses that it is served on. */
  readonly addresses: NodePortsAt;
  /** How many addresses on this node are ready to serve the Service. */
  readonly localEndpoints: number;
}

/** Follows the Services of a cluster that may have health checks. Most have none, and this is asked at every change. */
export class CheckedServices {
  readonly #changed = new ChangedServices();
  readonly #services = new Map<string, ServiceEntry>();

  /** Those Services of the cluster, which is the same one each time as it is now. */
  of(cluster: ClusterState): ClusterState {
    const changed = this.#changed.in(cluster);
    if (!changed) this.#services.clear();
    for (const key of changed ?? cluster.services.keys()) {
      const entry = cluster.services.get(key);
      if (entry && entry.service.healthCheckNodePort !== 0) this.#services.set(key, entry);
      else this.#services.delete(key);
    }
    return { services: this.#services };
  }
}

/**
 * The health checks that this node serves: for each Service of type LoadBalancer with `externalTrafficPolicy: Local`
 * and a `healthCheckNodePort`, in each family that it has. As in kube-proxy v1.36 an endpoint counts once, however
 * many ports it has, and only while it is ready: one that still serves while it terminates gets no new connections.
 * @param options of each family that this node has rules for
 */
export function healthChecks(
  { services }: ClusterState,
  node: NodeFacts,
  options: readonly CompileOptions[],
): HealthCheck[] {
  return options.flatMap((ofFamily) => {
    const addresses = planNode(node, ofFamily).nodePortsAt;
    return [...services.values()].flatMap((entry) => healthCheck(entry, ofFamily, addresses, node));
  });
}

function healthCheck(
  entry: ServiceEntry,
  options: CompileOptions,
  addresses: HealthCheck['addresses'],
  node: NodeFacts,
): HealthCheck[] {
  const { plans } = planService(entry, node, options);
  const [first] = plans;
  if (!first || first.servicePort.healthCheckNodePort === 0) return [];
  const port = first.servicePort.healthCheckNodePort;
  const { family } = options;
  const ready = plans
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ local, object }) => local && object.ready);
  const { namespace, name } = entry.service;
  const localEndpoints = new Set(ready.map(({ object }) => object.address)).size;
  return [{ service: { namespace, name }, family, port, addresses, localEndpoints }];
}
