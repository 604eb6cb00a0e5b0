/** Which IP families a node is part of a cluster in. */
import { type Family, familyOf } from '../net/address.ts';
import type { CheckedNode } from './checked-node.ts';
import type { CheckedCluster } from './cluster.ts';

/** Whether a node has anything of a family that Services need it for: a Service, or rules of one. */
export function hasFamily(family: Family, node: CheckedNode, cluster: CheckedCluster | undefined): boolean {
  if (cluster !== undefined) {
    return [...cluster.cluster.services.values()].some(({ service }) =>
      service.clusterIPs.some((ip) => ip !== 'None' && familyOf(ip) === family),
    );
  }
  return hasServiceRules(family, node);
}

/** Whether there are rules for Services in the tables of a family, which also a node of one family may have empty. */
export function hasServiceRules(family: Family, node: CheckedNode): boolean {
  return node.families.includes(family) && node.tables(family).get('nat')?.has('KUBE-SERVICES') === true;
}
