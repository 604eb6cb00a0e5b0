import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { completeFacts } from '../sources/node.ts';
import { nodeWarnings } from './node-warnings.ts';

const RANGES = ['10.244.0.0/16', 'fd00:10:244::/48'];

/** Nothing to warn of, on a node of both families. */
const FINE: Partial<KubeProxyConfiguration> = { nodePortAddresses: ['primary'], clusterCIDR: RANGES };

const DUAL_STACK = completeFacts([
  { ips: ['192.168.0.1', '2001:db8::1'], podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'] },
]);
const IPV4_ONLY = completeFacts([{ ips: ['192.168.0.1'], podCIDRs: ['10.244.1.0/24'] }]);
const NOT_YET = completeFacts([]);

function warnings(
  changes: Partial<KubeProxyConfiguration>,
  facts: ReturnType<typeof completeFacts> | undefined = DUAL_STACK,
  families: readonly Family[] = FAMILIES,
): string[] {
  return nodeWarnings({ configuration: { ...DEFAULT_CONFIGURATION, ...FINE, ...changes }, families, facts });
}

const EVERYWHERE =
  'nodePortAddresses is unset: node ports are served on all addresses of this node. ' +
  'To serve them on its primary address alone, set it to primary (--nodeport-addresses primary).';
const NOT_MASQUERADED =
  'Traffic from outside to a cluster IP is not masqueraded, so replies may be lost; and what Pods send to an ' +
  'external IP, load-balancer IP or node port under externalTrafficPolicy Local reaches only endpoints on this node.';
const UNSET =
  `clusterCIDR is unset: no traffic counts as a Pod's. ${NOT_MASQUERADED} ` +
  'Set it to the ranges of all Pods (--cluster-cidr), or choose another detectLocalMode.';
const noRange = (family: string) =>
  `clusterCIDR has no ${family} range, and this node has ${family}: no ${family} traffic counts as a Pod's. ` +
  `${NOT_MASQUERADED} Add the ${family} range of all Pods (--cluster-cidr).`;
const elsewhere = (range: string, ofNode: string) =>
  `clusterCIDR ${range} has none of this node's Pod addresses (${ofNode}): its Pods count as clients outside. ` +
  'What they send to a cluster IP is masqueraded, so endpoints do not see who sent it; what they send to an external IP, ' +
  'load-balancer IP or node port under externalTrafficPolicy Local reaches only endpoints on this node. ' +
  'Set it to the ranges of all Pods (--cluster-cidr).';

describe('nodePortAddresses', () => {
  test.each<[string, readonly string[], string[]]>([
    ['unset', [], [EVERYWHERE]],
    ['primary', ['primary'], []],
    ['all, which somebody has asked for', ['all'], []],
    ['both families', ['192.168.0.0/24', '2001:db8::/64'], []],
    ['a keyword beside one family', ['192.168.0.0/24', 'localhost'], []],
    [
      'one family',
      ['192.168.0.0/24'],
      [
        'nodePortAddresses has no IPv6 range: node ports are served on all IPv6 addresses of this node. ' +
          'Add a range, or use primary (--nodeport-addresses primary).',
      ],
    ],
  ])('%s', (_, nodePortAddresses, expected) => {
    expect(warnings({ nodePortAddresses })).toEqual(expected);
  });

  test('one family, on a node of that family', () => {
    expect(warnings({ nodePortAddresses: ['192.168.0.0/24'] }, IPV4_ONLY)).toEqual([]);
  });
});

describe('clusterCIDR', () => {
  test.each<[string, readonly string[], typeof DUAL_STACK | undefined, string[]]>([
    ['unset', [], DUAL_STACK, [UNSET]],
    ['unset, before anything is known of the node', [], undefined, [UNSET]],
    ['both families', RANGES, DUAL_STACK, []],
    ['IPv4 alone, on a node of both', ['10.244.0.0/16'], DUAL_STACK, [noRange('IPv6')]],
    ['IPv6 alone, on a node of both', ['fd00:10:244::/48'], DUAL_STACK, [noRange('IPv4')]],
    ['IPv4 alone, on a node of IPv4', ['10.244.0.0/16'], IPV4_ONLY, []],
    ['IPv4 alone, before anything is known of the node', ['10.244.0.0/16'], undefined, []],
    ['IPv4 alone, before the Node has ranges', ['10.244.0.0/16'], NOT_YET, []],
    ["not the node's", ['172.16.0.0/16'], IPV4_ONLY, [elsewhere('172.16.0.0/16', '10.244.1.0/24')]],
    [
      "not the node's in IPv6",
      ['10.244.0.0/16', 'fd00:99::/48'],
      DUAL_STACK,
      [elsewhere('fd00:99::/48', 'fd00:10:244:1::/64')],
    ],
    [
      "not the node's, and one family",
      ['172.16.0.0/16'],
      DUAL_STACK,
      [elsewhere('172.16.0.0/16', '10.244.1.0/24'), noRange('IPv6')],
    ],
    ['within the range of the node', ['10.244.1.0/25'], IPV4_ONLY, []],
    ['the same range', ['10.244.1.0/24'], IPV4_ONLY, []],
    ['before the Node has ranges', ['172.16.0.0/16'], NOT_YET, []],
  ])('%s', (_, clusterCIDR, facts, expected) => {
    const configuration = { ...DEFAULT_CONFIGURATION, ...FINE, clusterCIDR };
    expect(nodeWarnings({ configuration, families: FAMILIES, facts })).toEqual(expected);
  });

  test('of a family that the node has no iptables for', () => {
    expect(warnings({ clusterCIDR: ['10.244.0.0/16'] }, DUAL_STACK, ['ipv4'])).toEqual([]);
  });

  test.each(['NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const)(
    'unset, where %s tells what is local',
    (detectLocalMode) => {
      expect(warnings({ detectLocalMode, clusterCIDR: [] })).toEqual([]);
    },
  );
});
