/**
 * Which packets are refused because nobody serves them: those to cluster IPs that no Service has, and to ports that a
 * cluster IP does not have.
 *
 * kube-proxy v1.36 does so in nftables mode alone (its chain `cluster-ips-check`, by `ct state new` from the hooks forward
 * and output): ports that a cluster IP does not have are rejected, always; what else is in the range of a ServiceCIDR is
 * dropped. Here both are refused, so that nobody waits, and only where it is asked for. Its range is all that is looked at,
 * so a ping is refused there, too.
 */
import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import type { NodeFacts } from '../api/node.ts';
import { contains, overlaps } from '../net/address.ts';

export interface ServiceRanges {
  /** The setting of that name. */
  readonly rejectUnassigned: boolean;
  /** Of all cluster IPs, of either family; empty where it is unknown. */
  readonly serviceRanges: readonly string[];
}

/** Where Pods and the node are, as far as it is known. */
type Surroundings = {
  readonly configuration: Pick<KubeProxyConfiguration, 'clusterCIDR'>;
  readonly node: Pick<NodeFacts, 'ips' | 'podCIDRs'> | undefined;
};

/**
 * The ranges in which what nobody serves is refused. One that Pods or the node itself have addresses of is none of them:
 * it would cut them off.
 */
export function refusedRanges(ranges: ServiceRanges, surroundings: Surroundings): readonly string[] {
  if (!ranges.rejectUnassigned) return [];
  const taken = new Set(takenRanges(ranges, surroundings).map(({ range }) => range));
  return ranges.serviceRanges.filter((range) => !taken.has(range));
}

/** A range of cluster IPs, and the range of Pods or the address of the node that it has in common with them. */
export interface TakenRange {
  readonly range: string;
  readonly by: string;
}

/** The ranges that somebody else has addresses of, by all that is known. */
export function takenRanges(
  { serviceRanges }: ServiceRanges,
  { configuration, node }: Surroundings,
): readonly TakenRange[] {
  const addresses = node?.ips ?? [];
  const others = [...configuration.clusterCIDR, ...(node?.podCIDRs ?? [])];
  return serviceRanges.flatMap((range) => {
    const by = others.find((other) => overlaps(range, other)) ?? addresses.find((ip) => contains(range, ip));
    return by === undefined ? [] : [{ range, by }];
  });
}

/** Why something is not refused that should be, by the setting: a sentence or two each. */
export function unassignedWarnings(ranges: ServiceRanges, surroundings: Surroundings): string[] {
  if (!ranges.rejectUnassigned) return [];
  if (ranges.serviceRanges.length === 0) {
    return [
      'rejectUnassigned has no effect: the range of cluster IPs is unknown, as there is no ServiceCIDR. ' +
        'Name the range with --service-cluster-ip-range.',
    ];
  }
  return takenRanges(ranges, surroundings).map(
    ({ range, by }) =>
      `rejectUnassigned has no effect in ${range}, as Pods or this node have addresses of it (${by}). ` +
      'Correct the ServiceCIDR or --service-cluster-ip-range, or the ranges of the Pods.',
  );
}
