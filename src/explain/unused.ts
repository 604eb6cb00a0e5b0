/** Why endpoints get no traffic from this node. */
import type { NodeFacts } from '../api/node.ts';
import type { Endpoint } from '../compiler/endpoints.ts';
import type { ServicePortPlan } from '../compiler/plan.ts';

/** In words, as kube-proxy v1.36 chooses; undefined for an endpoint that does get some. */
export function whyUnused(
  endpoint: Endpoint,
  { servicePort, cluster, local }: ServicePortPlan,
  node: NodeFacts,
): string | undefined {
  if (cluster.includes(endpoint) || local.includes(endpoint)) return undefined;
  const { ready, serving, terminating, forZones, forNodes } = endpoint.object;
  if (!ready) return serving && terminating ? 'terminating, and others are ready' : 'not ready';
  if (servicePort.topologyKeys.length > 0)
    return `not where spec.topologyKeys lead (${servicePort.topologyKeys.join(', ')})`;
  if (cluster.length === 0) return endpoint.local ? 'not used' : 'not on this node';
  // Hints for nodes count where they name this one; then those for zones do not.
  const byNode = cluster.every(({ object }) => object.forNodes.includes(node.name));
  const hints = byNode ? forNodes : forZones;
  return `meant for ${byNode ? 'node' : 'zone'} ${hints.join(', ')} by its topology hints`;
}
