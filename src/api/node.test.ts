import { describe, expect, test } from 'vitest';
import { type HostFacts, hostSchema, type Node, nodeSchema } from './node.ts';
import { check, formatProblem } from './problem.ts';

type Fields = Readonly<Record<string, unknown>>;

const node = (more: Fields, labels: Fields = {}): Fields => ({
  metadata: { name: 'node-a', labels },
  ...more,
});

const addresses = (...addresses: [string, string][]): Fields => ({
  status: { addresses: addresses.map(([type, address]) => ({ type, address })) },
});

describe('what is made of a Node', () => {
  test.each<[string, Fields, Partial<Node>]>([
    [
      'without more than a name',
      { metadata: { name: 'node-a' } },
      { kind: 'Node', name: 'node-a', zone: undefined, region: undefined, podCIDRs: [], ips: [] },
    ],
    ['with null', node({ spec: null, status: null }), { podCIDRs: [], ips: [] }],
    [
      'zone and region',
      node({}, { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1' }),
      { zone: 'z1', region: 'r1' },
    ],
    [
      'zone and region by their older labels',
      node({}, { 'kubernetes.io/zone': 'z2', 'kubernetes.io/region': 'r2' }),
      { zone: 'z2', region: 'r2' },
    ],
    [
      'the newer label counts',
      node({}, { 'kubernetes.io/zone': 'z2', 'topology.kubernetes.io/zone': 'z1' }),
      { zone: 'z1' },
    ],
    ['podCIDR', node({ spec: { podCIDR: '10.244.1.5/24' } }), { podCIDRs: ['10.244.1.0/24'] }],
    ['podCIDR that is empty', node({ spec: { podCIDR: '' } }), { podCIDRs: [] }],
    [
      'podCIDRs',
      node({ spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] } }),
      { podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] },
    ],
    ['an internal IP', node(addresses(['InternalIP', '192.168.0.2'])), { ips: ['192.168.0.2'] }],
    [
      'an internal IP before an external one',
      node(addresses(['ExternalIP', '203.0.113.1'], ['InternalIP', '192.168.0.2'])),
      { ips: ['192.168.0.2'] },
    ],
    [
      'an external IP where there is no other',
      node(addresses(['ExternalIP', '203.0.113.1'])),
      { ips: ['203.0.113.1'] },
    ],
    [
      'one of each family',
      node(addresses(['InternalIP', 'fd00::2'], ['InternalIP', 'fd00::3'], ['InternalIP', '192.168.0.2'])),
      { ips: ['fd00::2', '192.168.0.2'] },
    ],
    [
      'the second family from outside',
      node(addresses(['InternalIP', '192.168.0.2'], ['ExternalIP', '2001:db8::1'])),
      { ips: ['192.168.0.2', '2001:db8::1'] },
    ],
    [
      'names are no IPs',
      node(addresses(['Hostname', 'node-a'], ['InternalDNS', 'node-a.local'], ['InternalIP', 'node-a'])),
      { ips: [] },
    ],
    ['that stays', node({ spec: { taints: null } }), { beingDeleted: false }],
    [
      'that stays, with taints',
      node({
        spec: { taints: [{ key: 'DeletionCandidateOfClusterAutoscaler', effect: 'PreferNoSchedule' }] },
      }),
      { beingDeleted: false },
    ],
    [
      'that the cluster autoscaler will delete',
      node({
        spec: { taints: [{ key: 'other' }, { key: 'ToBeDeletedByClusterAutoscaler', value: '1795222950' }] },
      }),
      { beingDeleted: true },
    ],
    [
      'that is being deleted',
      { metadata: { name: 'node-a', deletionTimestamp: '2026-11-21T01:02:30Z' } },
      { beingDeleted: true },
    ],
  ])('%s', (_, value, expected) => {
    expect(check(nodeSchema, value, [])).toMatchObject({ ok: true, value: expected });
  });

  test.each<[string, Fields, string[]]>([
    [
      'a name',
      { metadata: { name: 'Node_A' } },
      [
        'metadata.name: expected a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends), got "Node_A"',
      ],
    ],
    ['podCIDR', node({ spec: { podCIDR: 'x' } }), ['spec.podCIDR: expected a CIDR range, got "x"']],
    [
      'podCIDRs',
      node({ spec: { podCIDRs: ['10.244.1.0'] } }),
      ['spec.podCIDRs[0]: expected a CIDR range such as 10.0.0.0/8, got "10.244.1.0"'],
    ],
    [
      'an address',
      node({ status: { addresses: [{ type: 'InternalIP' }] } }),
      ['status.addresses[0].address: expected a string, got nothing'],
    ],
  ])('is told: %s', (_, value, expected) => {
    const result = check(nodeSchema, value, []);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
  });
});

describe('facts about the host', () => {
  test.each<[string, Fields, HostFacts]>([
    ['none', {}, {}],
    ['null', { name: null, ips: null }, { name: undefined, ips: undefined }],
    [
      'all',
      {
        name: 'node-a',
        zone: 'z1',
        region: 'r1',
        ips: ['192.168.000.2', 'FD00::2'],
        interfaceAddresses: ['192.168.0.2/24', 'FD00::2/64', '10.0.0.1'],
        podCIDRs: ['10.244.1.7/24'],
        randomFully: false,
        nfacct: true,
        conntrackTCPBeLiberal: true,
      },
      {
        name: 'node-a',
        zone: 'z1',
        region: 'r1',
        ips: ['192.168.0.2', 'fd00::2'],
        interfaceAddresses: ['192.168.0.2/24', 'fd00::2/64', '10.0.0.1'],
        podCIDRs: ['10.244.1.0/24'],
        randomFully: false,
        nfacct: true,
        conntrackTCPBeLiberal: true,
      },
    ],
  ])('%s', (_, value, expected) => {
    expect(check(hostSchema, value, [])).toEqual({ ok: true, value: expected });
  });

  const ADDRESS = 'an address such as 192.168.0.2/24';

  test.each<[string, unknown, string[]]>([
    ['a list', [], ['expected a mapping, got a list of 0']],
    ['unknown', { nodeName: 'x', zones: 1 }, ['nodeName: unknown field', 'zones: unknown field (zone?)']],
    [
      'name',
      { name: 'a b' },
      [
        'name: expected a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends), got "a b"',
      ],
    ],
    ['zone', { zone: 1 }, ['zone: expected a string, got 1']],
    ['ips', { ips: ['x'] }, ['ips[0]: expected an IP address, got "x"']],
    ['ips as text', { ips: '10.0.0.1' }, ['ips: expected a list, got "10.0.0.1"']],
    [
      'ips of a family',
      { ips: ['10.0.0.1', '10.0.0.2'] },
      ['ips: expected at most one address of each family'],
    ],
    [
      'interfaceAddresses',
      { interfaceAddresses: ['x', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/8/8', '/8'] },
      [
        `interfaceAddresses[0]: expected ${ADDRESS}, got "x"`,
        `interfaceAddresses[1]: expected ${ADDRESS}, got "10.0.0.1/33"`,
        `interfaceAddresses[2]: expected ${ADDRESS}, got "10.0.0.1/"`,
        `interfaceAddresses[3]: expected ${ADDRESS}, got "10.0.0.1/8/8"`,
        `interfaceAddresses[4]: expected ${ADDRESS}, got "/8"`,
      ],
    ],
    [
      'podCIDRs',
      { podCIDRs: ['10.244.1.0'] },
      ['podCIDRs[0]: expected a CIDR range such as 10.0.0.0/8, got "10.244.1.0"'],
    ],
    ['randomFully', { randomFully: 'yes' }, ['randomFully: expected true or false, got "yes"']],
  ])('are told: %s', (_, value, expected) => {
    const result = check(hostSchema, value, []);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(expected);
  });
});
