import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../test/support/arbitrary/raw.ts';
import {
  DUAL_STACK,
  endpoint,
  inputOf,
  loadBalancer,
  NOT_READY,
  ON_NODE_A,
  ON_NODE_B,
  service,
  slice,
  TERMINATING,
} from '../../../test/support/rules.ts';
import { FAMILIES, type Family } from '../../net/address.ts';
import { LiveCluster } from '../../sources/live-cluster.ts';
import { CheckedServices, type HealthCheck, healthChecks } from './health-check-node-ports.ts';

interface Case {
  readonly objects: readonly Manifest[];
  readonly config?: Manifest;
  readonly host?: Manifest;
  readonly families?: readonly Family[];
}

function checksOf({ objects, config = {}, host = {}, families = FAMILIES }: Case): HealthCheck[] {
  const { cluster, node, options } = inputOf({ objects, config, host });
  return healthChecks(cluster, node, families.map(options));
}

const CHECKED: Manifest = { externalTrafficPolicy: 'Local', healthCheckNodePort: 30088 };
const LB = loadBalancer(CHECKED);
const here = (address: string, fields: Manifest = {}) => endpoint(address, { ...ON_NODE_A, ...fields });

describe('who is checked', () => {
  test.each<[string, Manifest, Family[]]>([
    ['a load balancer that sends to local endpoints', CHECKED, ['ipv4']],
    ['in both families', { ...CHECKED, ...DUAL_STACK }, ['ipv4', 'ipv6']],
    ['in IPv6 alone', { ...CHECKED, clusterIP: 'fd00:10:96::a' }, ['ipv6']],
    ['not one that sends to any', { ...CHECKED, externalTrafficPolicy: 'Cluster' }, []],
    ['not one without a port for it', { externalTrafficPolicy: 'Local' }, []],
    ['not a Service of another type', { ...CHECKED, type: 'NodePort' }, []],
  ])('%s', (_, spec, expected) => {
    const checks = checksOf({ objects: [loadBalancer(spec)] });
    expect(checks.map(({ family }) => family)).toEqual(expected);
    for (const { service, port } of checks) {
      expect({ service, port }).toEqual({ service: { namespace: 'shop', name: 'web' }, port: 30088 });
    }
  });

  test('not what is another proxy’s', () => {
    const metadata = { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } };
    expect(checksOf({ objects: [service({ type: 'LoadBalancer', ...CHECKED }, { metadata })] })).toEqual([]);
  });

  test('not in a family that the node has no rules for', () => {
    const objects = [loadBalancer({ ...CHECKED, ...DUAL_STACK })];
    expect(checksOf({ objects, families: ['ipv6'] }).map(({ family }) => family)).toEqual(['ipv6']);
  });
});

describe('how many endpoints it has here', () => {
  test.each<[string, Manifest[], number]>([
    ['none without endpoints', [], 0],
    ['those on this node', [slice([here('10.0.0.1'), endpoint('10.0.0.2', ON_NODE_B), here('10.0.0.3')])], 2],
    ['not those of which the node is not known', [slice(['10.0.0.1'])], 0],
    ['not those that are not ready', [slice([here('10.0.0.1', NOT_READY), here('10.0.0.2')])], 1],
    ['nor those that only still serve', [slice([here('10.0.0.1', TERMINATING)])], 0],
    [
      'once, though two slices have it',
      [slice([here('10.0.0.1')]), slice([here('10.0.0.1')], { name: 'web-2' })],
      1,
    ],
    [
      'once, though under two ports',
      [
        slice([here('10.0.0.1'), here('10.0.0.2')]),
        slice([here('10.0.0.1')], { name: 'web-2', ports: [{ name: 'http', port: 9090 }] }),
      ],
      2,
    ],
    ['not those of the other family', [slice([here('fd00::1')], { addressType: 'IPv6' })], 0],
    ['not those of another port', [slice([here('10.0.0.1')], { ports: [{ name: 'other', port: 1 }] })], 0],
  ])('%s', (_, slices, expected) => {
    expect(checksOf({ objects: [LB, ...slices] }).map(({ localEndpoints }) => localEndpoints)).toEqual([
      expected,
    ]);
  });

  test('once, though the Service has several ports', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ];
    const of = (fields: Manifest) =>
      slice([here('10.0.0.1'), here('10.0.0.2')], {
        ports: ports.map(({ name }) => ({ name, port: 1 })),
        ...fields,
      });
    const objects = [loadBalancer({ ...CHECKED, ports }), of({})];
    expect(checksOf({ objects }).map(({ localEndpoints }) => localEndpoints)).toEqual([2]);
  });

  test('each family has its own', () => {
    const ipv6 = slice([here('fd00::1'), here('fd00::2')], { name: 'web-2', addressType: 'IPv6' });
    const objects = [loadBalancer({ ...CHECKED, ...DUAL_STACK }), slice([here('10.0.0.1')]), ipv6];
    expect(checksOf({ objects }).map(({ localEndpoints }) => localEndpoints)).toEqual([1, 2]);
  });

  test('none where the node has no name', () => {
    const objects = [LB, slice([here('10.0.0.1', { nodeName: '' })])];
    expect(checksOf({ objects, host: { name: '' } }).map(({ localEndpoints }) => localEndpoints)).toEqual([
      0,
    ]);
  });
});

describe('where it is served', () => {
  const interfaceAddresses = ['192.168.0.2/24', '10.1.0.2/16', '2001:db8::2/64'];
  test.each<[string, string[], HealthCheck['addresses'], HealthCheck['addresses']]>([
    ['on all addresses', [], 'all', 'all but loopback'],
    ['on those of a range', ['10.1.0.0/16'], ['10.1.0.2'], 'all but loopback'],
    [
      'on those of ranges of both families',
      ['192.168.0.0/16', '2001:db8::/32'],
      ['192.168.0.2'],
      ['2001:db8::2'],
    ],
    ['on loopback, where that is chosen', ['127.0.0.0/8'], ['127.0.0.1'], 'all but loopback'],
    ['on all, where a range holds all', ['0.0.0.0/0', '::/0'], 'all', 'all but loopback'],
    ["on the node's own", ['primary'], ['192.168.0.2'], ['2001:db8::2']],
    ['on none, where the node has none of a range', ['172.16.0.0/12'], [], 'all but loopback'],
  ])('%s', (_, nodePortAddresses, ipv4, ipv6) => {
    const objects = [loadBalancer({ ...CHECKED, ...DUAL_STACK })];
    const checks = checksOf({ objects, config: { nodePortAddresses }, host: { interfaceAddresses } });
    expect(checks.map(({ addresses }) => addresses)).toEqual([ipv4, ipv6]);
  });
});

test('those that may have one are followed as the cluster changes', () => {
  const live = new LiveCluster();
  const checked = new CheckedServices();
  const found: Record<string, number[]> = {};
  const look = (what: string, objects: readonly Manifest[]) => {
    const { cluster, node, options } = inputOf({ objects });
    const entries = [...cluster.services.values()];
    live.replaceServices(entries.map(({ service }) => service));
    live.replaceSlices(entries.flatMap(({ endpointSlices }) => endpointSlices));
    const checks = healthChecks(checked.of(live.state), node, [options('ipv4')]);
    expect(checks).toEqual(healthChecks(cluster, node, [options('ipv4')]));
    found[what] = checks.map(({ localEndpoints }) => localEndpoints);
  };
  look('none', [service()]);
  look('one comes', [LB, slice([here('10.0.0.1')])]);
  look('its endpoints change', [LB, slice([here('10.0.0.1'), here('10.0.0.2')])]);
  look('it has one no more', [loadBalancer(), slice([here('10.0.0.1')])]);
  look('it has one again', [LB, slice([here('10.0.0.1')])]);
  look('it goes', []);
  expect(found).toEqual({
    none: [],
    'one comes': [1],
    'its endpoints change': [2],
    'it has one no more': [],
    'it has one again': [1],
    'it goes': [],
  });
});
