import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { type EndpointSlice, endpointSliceSchema, endpointsSchema, firstLabel } from './endpoint-slice.ts';
import { check, formatProblem } from './problem.ts';

type Fields = Readonly<Record<string, unknown>>;

function problemsOf(schema: z.ZodType, value: unknown): string[] {
  const result = check(schema, value, []);
  return result.ok ? [] : result.problems.map(formatProblem);
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = check(schema, value, []);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.value;
}

const LABELS = { 'kubernetes.io/service-name': 'web' };
const DNS_LABEL = 'a DNS label (1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends)';
const DNS_SUBDOMAIN =
  'a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends)';

function slice(more: Fields): Fields {
  return {
    metadata: { name: 'web-1', labels: LABELS },
    addressType: 'IPv4',
    endpoints: [],
    ports: [],
    ...more,
  };
}

const endpoint = (endpoint: unknown) => slice({ endpoints: [endpoint] });
const ports = (...ports: unknown[]) => slice({ ports });

describe('an EndpointSlice', () => {
  test('with as little as there may be', () => {
    expect(parse(endpointSliceSchema, { metadata: { name: 'web-1' }, addressType: 'IPv4' })).toEqual({
      kind: 'EndpointSlice',
      namespace: 'default',
      name: 'web-1',
      serviceName: undefined,
      family: 'ipv4',
      endpoints: [],
      ports: [],
    });
  });

  test('with fields that are null', () => {
    const value = {
      metadata: { name: 'web-1', labels: null },
      addressType: 'IPv4',
      endpoints: null,
      ports: null,
    };
    expect(parse(endpointSliceSchema, value)).toEqual(
      parse(endpointSliceSchema, { metadata: { name: 'web-1' }, addressType: 'IPv4' }),
    );
  });

  const ENDPOINT = {
    address: '10.244.1.5',
    ready: true,
    serving: true,
    terminating: false,
    nodeName: undefined,
    zone: undefined,
    region: undefined,
    forZones: [],
    forNodes: [],
  };

  test.each<[string, Fields, Partial<EndpointSlice['endpoints'][number]>]>([
    ['an endpoint without conditions', {}, {}],
    ['conditions that are null', { conditions: null }, {}],
    ['conditions with nothing', { conditions: { ready: null } }, {}],
    [
      'conditions',
      { conditions: { ready: false, serving: false, terminating: true } },
      { ready: false, serving: false, terminating: true },
    ],
    [
      'the first of several addresses',
      { addresses: ['10.244.1.5', '10.244.1.6'] },
      { otherAddresses: ['10.244.1.6'] },
    ],
    ['an address with leading zeros', { addresses: ['010.244.001.005'] }, {}],
    ['an IPv4 address as IPv6', { addresses: ['::ffff:10.244.1.5'] }, {}],
    ['a node', { nodeName: 'node-a' }, { nodeName: 'node-a' }],
    ['a zone', { zone: 'zone-1' }, { zone: 'zone-1' }],
    [
      'a zone and a region from the time before zones',
      {
        deprecatedTopology: {
          'kubernetes.io/hostname': 'node-a',
          'topology.kubernetes.io/zone': 'zone-1',
          'topology.kubernetes.io/region': 'region-1',
        },
      },
      { zone: 'zone-1', region: 'region-1' },
    ],
    [
      'hints',
      { hints: { forZones: [{ name: 'zone-1' }, { name: 'zone-2' }], forNodes: [{ name: 'node-a' }] } },
      { forZones: ['zone-1', 'zone-2'], forNodes: ['node-a'] },
    ],
    ['hints that are null', { hints: { forZones: null, forNodes: null } }, {}],
  ])('%s', (_, more, expected) => {
    const value = parse(endpointSliceSchema, endpoint({ addresses: ['10.244.1.5'], ...more }));
    expect(value.endpoints).toEqual([{ ...ENDPOINT, ...expected }]);
  });

  test.each<[string, unknown, EndpointSlice['ports']]>([
    ['nothing', {}, [{ name: '', port: undefined, protocol: 'TCP' }]],
    ['null', { name: null, port: null, protocol: null }, [{ name: '', port: undefined, protocol: 'TCP' }]],
    ['an empty name', { name: '', port: 80 }, [{ name: '', port: 80, protocol: 'TCP' }]],
    ['all', { name: 'dns', port: 53, protocol: 'UDP' }, [{ name: 'dns', port: 53, protocol: 'UDP' }]],
  ])('a port with %s', (_, port, expected) => {
    expect(parse(endpointSliceSchema, ports(port)).ports).toEqual(expected);
  });

  test.each<[string, Fields, string | undefined]>([
    ['of a Service', slice({}), 'web'],
    ['without the label', slice({ metadata: { name: 'web-1' } }), undefined],
    [
      'for a headless Service',
      slice({ metadata: { name: 'web-1', labels: { ...LABELS, 'service.kubernetes.io/headless': '' } } }),
      undefined,
    ],
    [
      'for another proxy',
      slice({
        metadata: { name: 'web-1', labels: { ...LABELS, 'service.kubernetes.io/service-proxy-name': 'x' } },
      }),
      undefined,
    ],
    ['of names', slice({ addressType: 'FQDN', endpoints: [{ addresses: ['example.com'] }] }), undefined],
  ])('%s', (_, value, expected) => {
    expect(parse(endpointSliceSchema, value).serviceName).toBe(expected);
  });

  test.each<[string, Fields, Fields | undefined]>([
    ['used', {}, undefined],
    ['without the label', { metadata: { name: 'web-1' } }, undefined],
    [
      'for a headless Service',
      { metadata: { name: 'web-1', labels: { ...LABELS, 'service.kubernetes.io/headless': '' } } },
      { service: 'web', because: 'label service.kubernetes.io/headless' },
    ],
    ['of names', { addressType: 'FQDN' }, { service: 'web', because: 'addressType FQDN' }],
  ])('why it is passed over: %s', (_, fields, expected) => {
    expect(parse(endpointSliceSchema, slice(fields)).skipped).toEqual(expected);
  });

  test.each<[string, Fields, string[]]>([
    ['a name that is a subdomain', slice({ metadata: { name: 'web.shop-1' } }), []],
    [
      'a bad name',
      slice({ metadata: { name: 'Web' } }),
      [`metadata.name: expected ${DNS_SUBDOMAIN}, got "Web"`],
    ],
    [
      'a name that is too long',
      slice({ metadata: { name: 'a'.repeat(254) } }),
      [`metadata.name: expected ${DNS_SUBDOMAIN}, got "${'a'.repeat(59)}...`],
    ],
    [
      'no type of addresses',
      slice({ addressType: undefined }),
      ['addressType: expected IPv4, IPv6 or FQDN, got nothing'],
    ],
    [
      'another type of addresses',
      slice({ addressType: 'IP' }),
      ['addressType: expected IPv4, IPv6 or FQDN, got "IP"'],
    ],
    ['endpoints as a mapping', slice({ endpoints: {} }), ['endpoints: expected a list, got a mapping']],
    ['no addresses', endpoint({}), ['endpoints[0].addresses: expected a list, got nothing']],
    [
      'an empty list of addresses',
      endpoint({ addresses: [] }),
      ['endpoints[0].addresses: expected at least one address, got a list of 0'],
    ],
    [
      'an address as text',
      endpoint({ addresses: '10.0.0.1' }),
      ['endpoints[0].addresses: expected a list, got "10.0.0.1"'],
    ],
    [
      'a bad address',
      endpoint({ addresses: ['10.0.0'] }),
      ['endpoints[0].addresses[0]: expected an IPv4 address, got "10.0.0"'],
    ],
    [
      'a number for an address',
      endpoint({ addresses: [1] }),
      ['endpoints[0].addresses[0]: expected an address, got 1'],
    ],
    [
      'a second address that is bad',
      endpoint({ addresses: ['10.0.0.1', '10.0.0'] }),
      ['endpoints[0].addresses[1]: expected an IPv4 address, got "10.0.0"'],
    ],
    [
      'an address of the other family',
      endpoint({ addresses: ['fd00::1'] }),
      ['endpoints[0].addresses[0]: expected an IPv4 address, got "fd00::1"'],
    ],
    [
      'an address with a port',
      endpoint({ addresses: ['10.0.0.1:80'] }),
      ['endpoints[0].addresses[0]: expected an IPv4 address, got "10.0.0.1:80"'],
    ],
    [
      'an address with an option',
      endpoint({ addresses: ['10.0.0.1 -j ACCEPT'] }),
      ['endpoints[0].addresses[0]: expected an IPv4 address, got "10.0.0.1 -j ACCEPT"'],
    ],
    [
      'an address on loopback',
      endpoint({ addresses: ['127.0.0.1'] }),
      ['endpoints[0].addresses[0]: expected an IP address that is not loopback, got "127.0.0.1"'],
    ],
    [
      'the metadata service',
      endpoint({ addresses: ['169.254.169.254'] }),
      ['endpoints[0].addresses[0]: expected an IP address that is not link-local, got "169.254.169.254"'],
    ],
    [
      'an IPv4 address as IPv6',
      { ...endpoint({ addresses: ['::ffff:10.0.0.1'] }), addressType: 'IPv6' },
      ['endpoints[0].addresses[0]: expected an IPv6 address, got "::ffff:10.0.0.1"'],
    ],
    [
      'a condition',
      endpoint({ addresses: ['10.0.0.1'], conditions: { ready: 'true' } }),
      ['endpoints[0].conditions.ready: expected true or false, got "true"'],
    ],
    [
      'a node',
      endpoint({ addresses: ['10.0.0.1'], nodeName: 5 }),
      ['endpoints[0].nodeName: expected a string, got 5'],
    ],
    [
      'hints',
      endpoint({ addresses: ['10.0.0.1'], hints: { forZones: ['zone-1'] } }),
      ['endpoints[0].hints.forZones[0]: expected a mapping, got "zone-1"'],
    ],
    [
      'the name of a port',
      ports({ name: 'a b', port: 80 }),
      [`ports[0].name: expected ${DNS_LABEL}, got "a b"`],
    ],
    ['the number of a port', ports({ name: '', port: 0 }), ['ports[0].port: expected 1 to 65535, got 0']],
    [
      'the protocol of a port',
      ports({ name: '', port: 80, protocol: 'ICMP' }),
      ['ports[0].protocol: expected TCP, UDP or SCTP, got "ICMP"'],
    ],
    [
      'a name twice',
      ports({ name: 'a', port: 80 }, { name: 'a', port: 81 }),
      ['ports[1].name: expected a unique name, got "a" again'],
    ],
    [
      'no name twice',
      ports({ port: 80 }, { port: 81 }),
      ['ports[1].name: expected a unique name, got "" again'],
    ],
    [
      'a label',
      slice({ metadata: { name: 'web-1', labels: { a: 1 } } }),
      ['metadata.labels.a: expected a string, got 1'],
    ],
  ])('is told: %s', (_, value, expected) => {
    expect(problemsOf(endpointSliceSchema, value)).toEqual(expected);
  });
});

describe('an Endpoints object', () => {
  const endpoints = (...subsets: unknown[]) => ({ metadata: { name: 'web', namespace: 'shop' }, subsets });

  test('with all it may have', () => {
    const value = endpoints({
      addresses: [{ ip: '10.244.1.5', nodeName: 'node-a', targetRef: { kind: 'Pod' } }],
      notReadyAddresses: [{ ip: 'FD00::1' }],
      ports: [{ port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }],
    });
    expect(parse(endpointsSchema, value)).toEqual({
      kind: 'Endpoints',
      namespace: 'shop',
      name: 'web',
      otherProxy: false,
      subsets: [
        {
          addresses: [{ address: '10.244.1.5', nodeName: 'node-a' }],
          notReadyAddresses: [{ address: 'fd00::1', nodeName: undefined }],
          ports: [
            { name: '', port: 80, protocol: 'TCP' },
            { name: 'dns', port: 53, protocol: 'UDP' },
          ],
        },
      ],
    });
  });

  test.each<[string, unknown]>([
    ['nothing', { metadata: { name: 'web' } }],
    ['null', { metadata: { name: 'web' }, subsets: null }],
  ])('with %s has no subsets', (_, value) => {
    expect(parse(endpointsSchema, value).subsets).toEqual([]);
  });

  test.each<[string, unknown, string[]]>([
    [
      'a bad name',
      { metadata: { name: 'web.shop' } },
      [`metadata.name: expected ${DNS_LABEL}, got "web.shop"`],
    ],
    [
      'a bad address',
      endpoints({ addresses: [{ ip: 'x' }] }),
      ['subsets[0].addresses[0].ip: expected an IP address, got "x"'],
    ],
    [
      'no address',
      endpoints({ notReadyAddresses: [{}] }),
      ['subsets[0].notReadyAddresses[0].ip: expected an IP address, got nothing'],
    ],
    [
      'loopback',
      endpoints({ addresses: [{ ip: '127.0.0.1' }] }),
      ['subsets[0].addresses[0].ip: expected an IP address that is not loopback, got "127.0.0.1"'],
    ],
    [
      'no number of a port',
      endpoints({ ports: [{ name: 'a' }] }),
      ['subsets[0].ports[0].port: expected 1 to 65535, got nothing'],
    ],
    [
      'a bad name of a port',
      endpoints({ ports: [{ name: 'A', port: 1 }] }),
      [`subsets[0].ports[0].name: expected ${DNS_LABEL}, got "A"`],
    ],
  ])('is told: %s', (_, value, expected) => {
    expect(problemsOf(endpointsSchema, value)).toEqual(expected);
  });
});

test.each<[string, Readonly<Record<string, string>>, string | undefined]>([
  ['the first', { a: '1', b: '2' }, '1'],
  ['the second where the first is missing', { b: '2' }, '2'],
  ['the second where the first is empty', { a: '', b: '2' }, '2'],
  ['none', { c: '3' }, undefined],
])('of two labels, %s', (_, labels, expected) => {
  expect(firstLabel(labels, ['a', 'b'])).toBe(expected);
});
