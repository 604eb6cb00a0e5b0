/** The setting that refuses what no Service serves, where it cannot. */
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import { takenRanges } from '../compiler/unassigned.ts';
import type { Context } from './context.ts';
import type { Found } from './finding.ts';

export function checkUnassigned({ unassigned, configuration, node }: Context): Found[] {
  const found = (code: Found['code'], cause: string): Found => ({
    code,
    object: { kind: 'KubeProxyConfiguration' },
    field: 'svc2ipt.rejectUnassigned',
    cause,
  });
  if (!unassigned.rejectUnassigned) return [];
  if (unassigned.serviceRanges.length === 0) {
    return [
      found('service-range-unknown', 'Nothing is refused, as no ServiceCIDR tells where cluster IPs are.'),
    ];
  }
  return takenRanges(unassigned, { configuration: configuration ?? DEFAULT_CONFIGURATION, node }).map(
    ({ range, by }) =>
      found(
        'service-range-taken',
        `In ${range}, nothing is refused, as Pods or this node have addresses of it (${by}).`,
      ),
  );
}
