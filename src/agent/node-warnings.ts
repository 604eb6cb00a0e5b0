/** What a configuration leaves to surprise on a node: plain sentences for the log. */
import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import type { NodeFacts } from '../api/node.ts';
import { type Family, familyOf, overlaps } from '../net/address.ts';
import { IP_FAMILY } from './ip-family.ts';

export interface WarnedOf {
  readonly configuration: KubeProxyConfiguration;
  /** Those that this node has iptables for. */
  readonly families: readonly Family[];
  /** Undefined while nothing is known of the node. */
  readonly facts: NodeFacts | undefined;
}

/** What follows where nothing, or not what should, tells Pods from others. */
const NO_LOCAL_TRAFFIC =
  'Traffic from outside to a cluster IP is not masqueraded, so replies may be lost; and what Pods send to an ' +
  'external IP, load-balancer IP or node port under externalTrafficPolicy Local reaches only endpoints on this node.';

/**
 * What holds of a node and its configuration now, a sentence or more each; whoever tells it does so once for as long as
 * it holds. kube-proxy v1.36 warns of the same at its start, but for ranges that are not the node's.
 */
export function nodeWarnings(given: WarnedOf): string[] {
  return [...nodePortWarnings(given), ...clusterCIDRWarnings(given)];
}

function nodePortWarnings({ configuration: { nodePortAddresses }, families, facts }: WarnedOf): string[] {
  if (nodePortAddresses.length === 0) {
    return [
      'nodePortAddresses is unset: node ports are served on all addresses of this node. ' +
        'To serve them on its primary address alone, set it to primary (--nodeport-addresses primary).',
    ];
  }
  const ranges = nodePortAddresses.filter((range) => range.includes('/'));
  // A keyword is for both families.
  if (ranges.length < nodePortAddresses.length) return [];
  return families
    .filter((family) => isOn(family, facts) && !ranges.some((range) => familyOf(range) === family))
    .map(
      (family) =>
        `nodePortAddresses has no ${IP_FAMILY[family]} range: node ports are served on all ${IP_FAMILY[family]} addresses of ` +
        `this node. Add a range, or use primary (--nodeport-addresses primary).`,
    );
}

/** What of it is about which traffic counts as that of Pods. */
export function clusterCIDRWarnings({ configuration, families, facts }: WarnedOf): string[] {
  const { detectLocalMode, clusterCIDR } = configuration;
  if (detectLocalMode !== 'ClusterCIDR') return [];
  if (clusterCIDR.length === 0) {
    return [
      `clusterCIDR is unset: no traffic counts as a Pod's. ${NO_LOCAL_TRAFFIC} ` +
        'Set it to the ranges of all Pods (--cluster-cidr), or choose another detectLocalMode.',
    ];
  }
  return families.flatMap((family) => {
    const range = clusterCIDR.find((range) => familyOf(range) === family);
    if (range === undefined) {
      if (!isOn(family, facts)) return [];
      return [
        `clusterCIDR has no ${IP_FAMILY[family]} range, and this node has ${IP_FAMILY[family]}: no ${IP_FAMILY[family]} traffic counts as a Pod's. ` +
          `${NO_LOCAL_TRAFFIC} Add the ${IP_FAMILY[family]} range of all Pods (--cluster-cidr).`,
      ];
    }
    const ofNode = (facts?.podCIDRs ?? []).filter((podCIDR) => familyOf(podCIDR) === family);
    if (ofNode.length === 0 || ofNode.some((podCIDR) => overlaps(range, podCIDR))) return [];
    return [
      `clusterCIDR ${range} has none of this node's Pod addresses (${ofNode.join(', ')}): its Pods count as clients outside. ` +
        'What they send to a cluster IP is masqueraded, so endpoints do not see who sent it; what they send to an external IP, ' +
        'load-balancer IP or node port under externalTrafficPolicy Local reaches only endpoints on this node. ' +
        'Set it to the ranges of all Pods (--cluster-cidr).',
    ];
  });
}

/** Whether the node has addresses or Pods of a family, by all that is known of it. */
function isOn(family: Family, facts: NodeFacts | undefined): boolean {
  return [...(facts?.ips ?? []), ...(facts?.podCIDRs ?? [])].some((range) => familyOf(range) === family);
}
