/** Source ranges that do not keep out whom they seem to. */
import { hasClusterIP, type Service } from '../api/service.ts';
import { FAMILIES, FAMILY_NAMES, familyOf, prefixLength } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import type { PlannedEntry } from './context.ts';
import type { Found } from './finding.ts';
import type { RuleCode } from './rules.ts';
import { serviceReference } from './sentences.ts';

const FIELD = 'spec.loadBalancerSourceRanges';

export function checkSourceRanges({ entry: { service } }: PlannedEntry): Found[] {
  const { loadBalancerSourceRanges: ranges, type } = service;
  if (ranges.length === 0 || service.otherProxy) return [];
  const found = (code: RuleCode, cause: string): Found => ({
    code,
    object: serviceReference(service),
    field: FIELD,
    cause,
  });
  if (type !== 'LoadBalancer') {
    return [found('source-ranges-ignored', `Its type is ${type}, so its source ranges guard nothing.`)];
  }
  if (!hasClusterIP(service)) return [];
  const open = openRanges(service);
  const bypasses = bypassesOf(service);
  return [
    ...open.map(({ range, others }) =>
      others.length > 0
        ? found(
            'source-ranges-open',
            `${range} lets everyone in, so ${enumerate(others)} ${others.length === 1 ? 'does' : 'do'} nothing.`,
          )
        : found('source-ranges-everyone', `${range} lets everyone in, as if there were no source ranges.`),
    ),
    ...unguardedFamilies(service).map((family) =>
      found(
        'source-ranges-one-family',
        `No source range is of ${family}, so its ${family} load-balancer IPs are open to everyone.`,
      ),
    ),
    // Where everyone may come anyway, nobody needs a way round.
    ...(open.length === 0 && bypasses.length > 0
      ? [
          found(
            'source-ranges-bypassed',
            `Its source ranges guard only its load-balancer IPs: ${enumerate(bypasses)} can be reached from everywhere.`,
          ),
        ]
      : []),
  ];
}

/** Ranges that hold all addresses of their family, the first of each, and the others of that family. */
function openRanges({ loadBalancerSourceRanges: ranges }: Service) {
  return FAMILIES.flatMap((family) => {
    const own = ranges.filter((range) => familyOf(range) === family);
    const range = own.find((range) => prefixLength(range) === 0);
    return range === undefined ? [] : [{ range, others: own.filter((other) => prefixLength(other) !== 0) }];
  });
}

/** The families that it has load-balancer IPs of, or may be given some of, and no range. */
function unguardedFamilies({ clusterIPs, loadBalancerIPs, loadBalancerSourceRanges }: Service): string[] {
  const guarded = new Set(loadBalancerSourceRanges.map(familyOf));
  const addresses = loadBalancerIPs.length > 0 ? loadBalancerIPs : clusterIPs;
  const served = new Set(clusterIPs.map(familyOf));
  const open = new Set(
    addresses.map(familyOf).filter((family) => served.has(family) && !guarded.has(family)),
  );
  return [...open].map((family) => FAMILY_NAMES[family]);
}

function bypassesOf({ ports, externalIPs }: Service): string[] {
  const nodePorts = ports.flatMap(({ nodePort }) => (nodePort === 0 ? [] : [`node port ${nodePort}`]));
  return [...new Set(nodePorts), ...externalIPs.map((ip) => `external IP ${ip}`)];
}
