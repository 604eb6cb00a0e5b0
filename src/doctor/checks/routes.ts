/** Ways to Pods. */

import { contains, familyOf } from '../../net/address.ts';
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
  find: (node, cluster) => [...localRoutes(node, cluster), ...otherRoutes(node, cluster)],
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
 * To Pods on other nodes. Where none of them has a route of its own, the network behind the default route may know them,
 * as in many clouds; where some have, the others are missing.
 */
function otherRoutes(node: CheckedNode, cluster: CheckedCluster): Trouble[] {
  const ways = [...targetsElsewhere(cluster)].map(([to, of]) => {
    const [address = ''] = to.split('/');
    return { to, of, route: node.routeTo(address) };
  });
  const someHave = ways.some(({ route }) => route !== undefined && leads(route) && !route.isDefault);
  return ways.flatMap(({ to, of, route }): Trouble[] => {
    if (route !== undefined && leads(route) && !(route.isDefault && someHave)) return [];
    return [{ cause: `The node has no route to ${to}, ${of}.`, evidence: [inWords(to, route)] }];
  });
}

/** The Pod ranges of other nodes where Pods have addresses of these; else the endpoints there. With whose they are. */
function targetsElsewhere({ cluster, node, nodes, isShown }: CheckedCluster): ReadonlyMap<string, string> {
  const endpoints = new Map<string, string>();
  const ranges = new Map<string, string>();
  let areInRanges = true;
  for (const [service, { endpointSlices }] of cluster.services) {
    for (const { address, nodeName } of endpointSlices.flatMap((slice) => slice.endpoints)) {
      const other = nodes.get(nodeName ?? '');
      if (other === undefined || other.name === node.name || other.ips.includes(address)) continue;
      areInRanges &&= other.podCIDRs.some(
        (range) => familyOf(range) === familyOf(address) && contains(range, address),
      );
      if (isShown(service)) endpoints.set(address, `an endpoint of ${service} on node ${other.name}`);
    }
  }
  for (const { name, podCIDRs } of nodes.values()) {
    if (name === node.name) continue;
    for (const range of podCIDRs) ranges.set(range, `the Pods of node ${name}`);
  }
  return areInRanges ? ranges : endpoints;
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
