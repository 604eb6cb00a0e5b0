/** Ways to Pods. */

import type { Check, Trouble } from '../check.ts';
import type { CheckedNode, Route } from '../checked-node.ts';
import type { CheckedCluster } from '../cluster.ts';

export const podRoutes: Check = {
  code: 'pod-route-missing',
  title: 'The node has routes to Pods.',
  severity: 'error',
  remedy:
    'Look at the CNI plugin on this node: it makes the routes. ip route get ADDRESS shows where packets go.',
  needs: 'cluster',
  find: (node, cluster) => [...localRoutes(node, cluster), ...rangeRoutes(node, cluster)],
};

/** To Pods on this node that are endpoints. */
function localRoutes(node: CheckedNode, cluster: CheckedCluster): Trouble[] {
  const own = new Set(node.links.flatMap(({ addresses }) => addresses.map((one) => one.split('/')[0] ?? '')));
  const pods = new Map(
    [...cluster.cluster.services].flatMap(([service, { endpointSlices }]) =>
      endpointSlices.flatMap(({ endpoints }) =>
        endpoints.flatMap(({ address, nodeName }) =>
          cluster.isShown(service) && nodeName === cluster.node.name && !own.has(address)
            ? [[address, service] as const]
            : [],
        ),
      ),
    ),
  );
  return [...pods].flatMap(([address, service]): Trouble[] => {
    const route = node.routeTo(address);
    if (route !== undefined && leads(route) && !route.isDefault) return [];
    const cause = `The node has no route to ${address}, an endpoint of ${service} on this node.`;
    return [{ cause, evidence: [inWords(address, route)] }];
  });
}

/**
 * To the ranges of other nodes. Where none of them has a route of its own, the network behind the default route may know
 * them, as in many clouds; where some have, the others are missing.
 */
function rangeRoutes(node: CheckedNode, cluster: CheckedCluster): Trouble[] {
  const ranges = [...cluster.nodes.values()]
    .filter(({ name }) => name !== cluster.node.name)
    .flatMap(({ name, podCIDRs }) =>
      podCIDRs.map((range) => {
        const [address = ''] = range.split('/');
        return { name, range, route: node.routeTo(address) };
      }),
    );
  const someHave = ranges.some(({ route }) => route !== undefined && leads(route) && !route.isDefault);
  return ranges.flatMap(({ name, range, route }): Trouble[] => {
    if (route !== undefined && leads(route) && !(route.isDefault && someHave)) return [];
    const cause = `The node has no route to ${range}, the Pods of node ${name}.`;
    return [{ cause, evidence: [inWords(range, route)] }];
  });
}

/** Whether packets go on by it: others drop or refuse them (ip-route(8)). */
function leads({ type }: Route): boolean {
  return type === 'unicast' || type === 'local';
}

function inWords(to: string, route: Route | undefined): string {
  if (route === undefined) return `ip route: nothing for ${to}`;
  const { isDefault, range, type, devices } = route;
  const via = devices.length === 0 ? '' : ` dev ${devices.join(', ')}`;
  return `ip route: for ${to} only ${type === 'unicast' ? '' : `${type} `}${isDefault ? 'default' : range}${via}`;
}
