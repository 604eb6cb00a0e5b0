/** Configurations that do not know the Pods of this cluster by their addresses. */
import type { KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { contains, FAMILIES, FAMILY_NAMES, familyOf } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import type { Context } from './context.ts';
import type { Found } from './finding.ts';
import type { RuleCode } from './rules.ts';

export function checkPodRanges(context: Context): Found[] {
  const { configuration, node, entries } = context;
  const field = configuration && fieldOf(configuration);
  if (!configuration || field === undefined) return [];
  // Which Node it is that has ranges, or none, is not known.
  if (field === 'detectLocalMode' && node.name === '') return [];
  const ranges = field === 'clusterCIDR' ? configuration.clusterCIDR : node.podCIDRs;
  const found = (code: RuleCode, cause: string): Found => ({
    code,
    object: { kind: 'KubeProxyConfiguration' },
    field,
    cause,
  });
  const served = FAMILIES.filter((family) =>
    entries.some(({ ports }) => ports.some((port) => port.family === family)),
  );
  if (served.length === 0) return [];
  if (ranges.length === 0) {
    const whose = field === 'clusterCIDR' ? 'It has no clusterCIDR' : `Node ${node.name} has no podCIDRs`;
    return [
      found(
        'cluster-cidr-missing',
        `${whose}, so Pods count as clients outside: nobody's traffic to cluster IPs is masqueraded${droppedPods(context)}.`,
      ),
    ];
  }
  const without = served.filter((family) => !ranges.some((range) => familyOf(range) === family));
  return [
    ...without.map((family) =>
      found(
        'cluster-cidr-one-family',
        `${enumerate(ranges)} ${ranges.length === 1 ? 'is' : 'are'} not of ${FAMILY_NAMES[family]}, which Services have, too: over ${FAMILY_NAMES[family]}, Pods count as clients outside.`,
      ),
    ),
    ...(field === 'clusterCIDR' ? ranges.flatMap((range) => foreign(range, context, found)) : []),
  ];
}

/** The field that says by which ranges Pods are known; undefined where they are known by interfaces. */
function fieldOf({ detectLocalMode }: KubeProxyConfiguration) {
  switch (detectLocalMode) {
    case 'ClusterCIDR':
      return 'clusterCIDR';
    case 'NodeCIDR':
      return 'detectLocalMode';
    case 'BridgeInterface':
    case 'InterfaceNamePrefix':
      return undefined;
  }
}

/** Pods are let through to external addresses under the Local policy, as far as they are known. */
function droppedPods({ entries }: Context): string {
  const dropped = entries.filter(({ ports }) => ports.some(({ plan }) => plan.external?.policy === 'Local'));
  if (dropped.length === 0) return '';
  return `, and without an endpoint on their node they are dropped at the external addresses of ${enumerate(dropped.map(({ key }) => key))}`;
}

function foreign(
  range: string,
  { nodes, node, entries }: Context,
  found: (code: RuleCode, cause: string) => Found,
): Found[] {
  const ofFamily = (text: string) => familyOf(text) === familyOf(range);
  const ofNodes = [...nodes.values(), node].flatMap(({ podCIDRs }) => podCIDRs).filter(ofFamily);
  const nodeIPs = new Set([...nodes.values(), node].flatMap(({ ips }) => ips));
  // Who is on no Node is no Pod, and who has a Node's address needs no range.
  const endpoints = entries
    .flatMap(({ entry }) => entry.endpointSlices.flatMap(({ endpoints }) => endpoints))
    .filter(({ address, nodeName }) => nodeName !== undefined && ofFamily(address) && !nodeIPs.has(address));
  const addresses = [...new Set(endpoints.map(({ address }) => address))];
  const holds = (text: string) =>
    contains(range, text.replace(/\/.*/, '')) ||
    (text.includes('/') && contains(text, range.replace(/\/.*/, '')));
  const all = [...new Set(ofNodes), ...addresses];
  if (all.length === 0 || all.some(holds)) return [];
  return [
    found(
      'cluster-cidr-foreign',
      `${range} holds neither a Pod range of a Node nor an endpoint, such as ${all[0]}, so Pods count as clients outside.`,
    ),
  ];
}
