import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { type Given, inputOf, rulesOf, service } from '../../test/support/rules.ts';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { withJumps } from '../chains/jumps.ts';
import { prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { compile } from './compile.ts';
import { refusedRanges, unassignedWarnings } from './unassigned.ts';

const ranges = (name: string, ...cidrs: string[]): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name },
  spec: { cidrs },
});

const refusing = (...objects: Manifest[]): Given => ({ objects, rejectUnassigned: true });

const KUBERNETES = ranges('kubernetes', '10.96.0.0/16', 'fd00:10:96::/112');

/** The ranges that rules refuse, in their order. */
function refused(given: Given, family: Family): string[] {
  const rules = rulesOf({ ...given, family })['filter KUBE-SERVICES'] ?? [];
  return rules.flatMap((rule) => /-d (\S+) .*rejectUnassigned.* -j REJECT$/.exec(rule)?.[1] ?? []);
}

describe('the ranges that are refused', () => {
  test.each<[string, Given, readonly string[], readonly string[]]>([
    ['none, as nobody asks for it', { objects: [KUBERNETES] }, [], []],
    ['none, as no range is known', refusing(service()), [], []],
    ['one of each family', refusing(KUBERNETES), ['10.96.0.0/16'], ['fd00:10:96::/112']],
    [
      'those of several objects, by their addresses',
      refusing(ranges('b', '10.100.0.0/24'), KUBERNETES, ranges('a', '10.99.0.0/24')),
      ['10.96.0.0/16', '10.99.0.0/24', '10.100.0.0/24'],
      ['fd00:10:96::/112'],
    ],
    [
      'each once, and none that another one holds',
      refusing(ranges('inside', '10.96.7.0/24'), KUBERNETES, ranges('twin', '10.96.0.0/16')),
      ['10.96.0.0/16'],
      ['fd00:10:96::/112'],
    ],
    [
      'one that is being deleted: Services may still have its addresses',
      refusing({
        ...ranges('old', '10.96.0.0/16'),
        metadata: { name: 'old', deletionTimestamp: '2026-01-01T00:00:00Z' },
      }),
      ['10.96.0.0/16'],
      [],
    ],
    [
      'none where Pods are, by clusterCIDR',
      refusing(ranges('pods', '10.244.128.0/24', 'fd00:10:244::/48'), ranges('all', '10.0.0.0/8')),
      [],
      [],
    ],
    [
      'none where Pods of this node are',
      { ...refusing(ranges('a', '10.96.0.0/16')), host: { podCIDRs: ['10.96.4.0/24'] } },
      [],
      [],
    ],
    ['none where this node is', refusing(ranges('a', '192.168.0.0/16', '2001:db8::/64')), [], []],
  ])('%s', (_, given, ipv4, ipv6) => {
    expect(FAMILIES.map((family) => refused(given, family))).toEqual([ipv4, ipv6]);
  });
});

test.each([
  ['10.96.0.0/16', { clusterCIDR: ['10.96.255.0/24'] }, undefined, '10.96.255.0/24'],
  ['10.96.0.0/16', { clusterCIDR: [] }, { ips: [], podCIDRs: ['10.0.0.0/8'] }, '10.0.0.0/8'],
  ['10.96.0.0/16', { clusterCIDR: [] }, { ips: ['10.96.0.2'], podCIDRs: [] }, '10.96.0.2'],
])('in %s, with %j and %j, nothing is refused, and a warning says why', (range, configuration, node, by) => {
  const given = { rejectUnassigned: true, serviceRanges: [range, '172.30.0.0/16'] };
  const surroundings = { configuration, node };
  expect(refusedRanges(given, surroundings)).toEqual(['172.30.0.0/16']);
  expect(unassignedWarnings(given, surroundings)).toEqual([
    `rejectUnassigned has no effect in ${range}, as Pods or this node have addresses of it (${by}). ` +
      'Correct the ServiceCIDR or --service-cluster-ip-range, or the ranges of the Pods.',
  ]);
});

test.each<[boolean, readonly string[], readonly unknown[]]>([
  [true, [], [expect.stringMatching(/no ServiceCIDR\. .*--service-cluster-ip-range/)]],
  [true, ['10.96.0.0/16'], []],
  [false, [], []],
])('asked for: %s, with the ranges %j', (rejectUnassigned, serviceRanges, warnings) => {
  const surroundings = { configuration: { clusterCIDR: [] }, node: undefined };
  expect(unassignedWarnings({ rejectUnassigned, serviceRanges }, surroundings)).toEqual(warnings);
});

describe.each(LAYOUT_NAMES)('packets, in the %s layout', (layout) => {
  const dropping = [
    service(
      { clusterIP: '10.96.0.30', internalTrafficPolicy: 'Local', ports: [{ name: 'dns', port: 53 }] },
      { metadata: { name: 'dns' } },
    ),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'dns-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'dns' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.2.5'], nodeName: 'node-b' }],
      ports: [{ name: 'dns', port: 53 }],
    },
  ];
  const served = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.1.5'], nodeName: 'node-a' }],
    ports: [{ name: 'http', port: 8080 }],
  };
  const { cluster, node, options } = inputOf(refusing(service(), served, ...dropping, KUBERNETES));
  const ruleset = prepare(withJumps(compile(cluster, node, { ...options('ipv4'), layout })));
  const OWN = new Set(['192.168.0.2', '10.96.0.53']);

  const pod = { source: '10.244.1.9', arrives: true };
  const itself = { source: '192.168.0.2' };
  test.each([
    ['a Service', '10.96.0.10', 'tcp', 80, 'ACCEPT'],
    ['a port that it does not have', '10.96.0.10', 'tcp', 81, 'REJECT'],
    ['a protocol that it does not have', '10.96.0.10', 'udp', 80, 'REJECT'],
    ['a ping', '10.96.0.10', 'icmp', undefined, 'REJECT'],
    ['an address of no Service', '10.96.255.254', 'tcp', 80, 'REJECT'],
    ['what a policy drops', '10.96.0.30', 'tcp', 53, 'DROP'],
    ['an address outside', '10.97.0.0', 'tcp', 80, 'ACCEPT'],
    ['an address that the node has', '10.96.0.53', 'udp', 53, 'ACCEPT'],
  ])('%s', (_, destination, protocol, destinationPort, verdict) => {
    for (const from of [pod, itself]) {
      const packet = { ...from, destination, protocol, destinationPort };
      const { outcomes } = simulate(ruleset, packet, { isLocal: (address) => OWN.has(address) });
      expect(outcomes.map((outcome) => outcome.verdict)).toEqual([verdict]);
    }
  });

  test('what goes on in a known connection, or is not tracked, is let through', () => {
    for (const state of ['ESTABLISHED', 'UNTRACKED'] as const) {
      const packet = { ...pod, destination: '10.96.0.99', protocol: 'tcp', destinationPort: 80 };
      const { outcomes } = simulate(ruleset, { ...packet, states: [state] }, { isLocal: () => false });
      expect(outcomes.map(({ verdict }) => verdict)).toEqual(['ACCEPT']);
    }
  });
});
