import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { DUAL_STACK, inputOf, loadBalancer, service } from '../../test/support/rules.ts';
import type { Family } from '../net/address.ts';
import { reachableFromOutside, resolveServicePorts, type ServicePort } from './service-ports.ts';

function servicePorts(manifest: Manifest, family: Family = 'ipv4', legacyPortNames = false): ServicePort[] {
  const { cluster } = inputOf({ objects: [manifest] });
  return [...cluster.services.values()].flatMap(({ service }) =>
    resolveServicePorts(service, family, legacyPortNames),
  );
}

const label = (key: string, value: string) => ({ metadata: { labels: { [key]: value } } });

describe('which Services have service ports', () => {
  test.each<[string, Manifest, number]>([
    ['a cluster IP', service(), 1],
    ['several ports', service({ ports: [{ name: 'a', port: 1 }, { name: 'b', port: 2 }] }), 2], // biome-ignore format: a row
    ['headless', service({ clusterIP: 'None' }), 0],
    ['headless, by clusterIPs', service({ clusterIP: undefined, clusterIPs: ['None'] }), 0],
    ['ExternalName', service({ type: 'ExternalName', clusterIP: undefined, externalName: 'example.com' }), 0],
    ['ExternalName that was a ClusterIP', service({ type: 'ExternalName', externalName: 'example.com' }), 0],
    ['of another proxy', service({}, label('service.kubernetes.io/service-proxy-name', 'mine')), 0],
    [
      'of another proxy without a name',
      service({}, label('service.kubernetes.io/service-proxy-name', '')),
      0,
    ],
    [
      'the label for headless is for slices only',
      service({}, label('service.kubernetes.io/headless', '')),
      1,
    ],
    ['an IPv6 cluster IP, seen by IPv4', service({ clusterIP: 'fd00::1' }), 0],
  ])('%s', (_, manifest, count) => {
    expect(servicePorts(manifest)).toHaveLength(count);
  });
});

describe('the cluster IP of a family', () => {
  test.each<[string, Manifest, Family, string[]]>([
    ['single stack', { clusterIP: '10.96.0.10' }, 'ipv4', ['10.96.0.10']],
    ['single stack, the other family', { clusterIP: '10.96.0.10' }, 'ipv6', []],
    ['dual stack', DUAL_STACK, 'ipv4', ['10.96.0.10']],
    ['dual stack', DUAL_STACK, 'ipv6', ['fd00:10:96::a']],
    ['IPv6 first', { ...DUAL_STACK, clusterIPs: ['fd00::a', '10.96.0.10'] }, 'ipv4', ['10.96.0.10']],
    ['leading zeros are decimal', { clusterIP: '172.30.0.041' }, 'ipv4', ['172.30.0.41']],
    ['not in canonical form', { clusterIP: 'FD00:0:0::00A' }, 'ipv6', ['fd00::a']],
  ])('%s, %o in %s', (_, spec, family, expected) => {
    expect(servicePorts(service(spec), family).map(({ clusterIP }) => clusterIP)).toEqual(expected);
  });
});

describe('printed names', () => {
  const unnamed = service({ ports: [{ port: 80 }] });
  test.each<[string, Manifest, boolean, string]>([
    ['a named port', service(), false, 'shop/web:http'],
    ['an unnamed port', unnamed, false, 'shop/web'],
    ['a named port, as it was before 1.13', service(), true, 'shop/web:http'],
    ['an unnamed port, as it was before 1.13', unnamed, true, 'shop/web:'],
    ['no namespace', service({}, { metadata: { namespace: undefined } }), false, 'default/web:http'],
  ])('%s', (_, manifest, legacyPortNames, expected) => {
    expect(servicePorts(manifest, 'ipv4', legacyPortNames).map(({ name }) => name)).toEqual([expected]);
  });
});

test('addresses are filtered to the family', () => {
  const manifest = service(
    {
      type: 'LoadBalancer',
      ...DUAL_STACK,
      externalIPs: ['198.51.100.1', '2001:db8::1', '198.51.100.002'],
      loadBalancerSourceRanges: ['10.0.0.0/8', ' 2001:db8::/32', '\t192.168.9.1/16 '],
    },
    { status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }, { ip: '2001:DB8::0:2' }] } } },
  );
  expect(servicePorts(manifest, 'ipv4')).toMatchObject([
    {
      externalIPs: ['198.51.100.1', '198.51.100.2'],
      loadBalancerIPs: ['203.0.113.1'],
      sourceRanges: ['10.0.0.0/8', '192.168.0.0/16'],
    },
  ]);
  expect(servicePorts(manifest, 'ipv6')).toMatchObject([
    { externalIPs: ['2001:db8::1'], loadBalancerIPs: ['2001:db8::2'], sourceRanges: ['2001:db8::/32'] },
  ]);
});

describe('load-balancer IPs', () => {
  const ingress = (...ingress: Manifest[]) => ({ status: { loadBalancer: { ingress } } });
  test.each<[string, Manifest, string[]]>([
    ['no status', {}, []],
    ['no ingress yet', ingress(), []],
    ['without a mode', ingress({ ip: '203.0.113.1' }), ['203.0.113.1']],
    ['mode VIP', ingress({ ip: '203.0.113.1', ipMode: 'VIP' }), ['203.0.113.1']],
    ['mode Proxy', ingress({ ip: '203.0.113.1', ipMode: 'Proxy' }), []],
    ['a host name', ingress({ hostname: 'lb.example.com' }), []],
    [
      'some of each',
      ingress({ hostname: 'a' }, { ip: '203.0.113.2', ipMode: 'Proxy' }, { ip: '203.0.113.3' }, { ip: '' }),
      ['203.0.113.3'],
    ],
  ])('%s', (_, status, expected) => {
    const [port] = servicePorts(service({ type: 'LoadBalancer' }, status));
    expect(port?.loadBalancerIPs).toEqual(expected);
  });
});

describe('source ranges', () => {
  const ranges = (...loadBalancerSourceRanges: string[]) => loadBalancer({ loadBalancerSourceRanges });
  test.each<[string, Manifest, string[]]>([
    ['none', loadBalancer(), []],
    ['one', ranges('10.0.0.0/8'), ['10.0.0.0/8']],
    ['in their order', ranges('192.168.0.0/16', '10.0.0.0/8'), ['192.168.0.0/16', '10.0.0.0/8']],
    ['everything', ranges('0.0.0.0/0'), []],
    ['everything among others', ranges('10.0.0.0/8', '0.0.0.0/0'), []],
    ['everything of the other family', ranges('10.0.0.0/8', '::/0'), ['10.0.0.0/8']],
    ['of the other family only', ranges('2001:db8::/32'), []],
  ])('%s', (_, manifest, expected) => {
    expect(servicePorts(manifest).map(({ sourceRanges }) => sourceRanges)).toEqual([expected]);
  });
});

describe('policies and what goes with them', () => {
  test.each<[string, Manifest, Partial<ServicePort>]>([
    ['defaults', {}, { internalPolicy: 'Cluster', externalPolicy: 'Cluster', healthCheckNodePort: 0 }],
    ['internal Local', { internalTrafficPolicy: 'Local' }, { internalPolicy: 'Local' }],
    [
      'external Local',
      { type: 'NodePort', externalTrafficPolicy: 'Local' },
      { externalPolicy: 'Local', healthCheckNodePort: 0 },
    ],
    [
      'external Local counts only for what can be reached from outside',
      { externalTrafficPolicy: 'Local' },
      { externalPolicy: 'Cluster' },
    ],
    [
      'external Local with an external IP',
      { externalTrafficPolicy: 'Local', externalIPs: ['198.51.100.1'] },
      { externalPolicy: 'Local' },
    ],
    [
      'an external IP of the other family reaches it just as well',
      { externalTrafficPolicy: 'Local', externalIPs: ['2001:db8::1'] },
      { externalPolicy: 'Local', externalIPs: [] },
    ],
    [
      'health checks for load balancers under Local',
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30999 },
      { healthCheckNodePort: 30999 },
    ],
    [
      'no health checks under Cluster',
      { type: 'LoadBalancer', healthCheckNodePort: 30999 },
      { healthCheckNodePort: 0 },
    ],
    [
      'no health checks for node ports',
      { type: 'NodePort', externalTrafficPolicy: 'Local', healthCheckNodePort: 30999 },
      { healthCheckNodePort: 0 },
    ],
  ])('%s', (_, spec, expected) => {
    expect(servicePorts(service(spec))).toMatchObject([expected]);
  });
});

describe('session affinity, in seconds', () => {
  const clientIP = (sessionAffinityConfig?: Manifest) => ({
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig,
  });
  test.each<[string, Manifest, number | undefined]>([
    ['absent', {}, undefined],
    ['None', { sessionAffinity: 'None' }, undefined],
    ['ClientIP', clientIP(), 10800],
    ['ClientIP with an empty configuration', clientIP({ clientIP: {} }), 10800],
    ['ClientIP with a timeout', clientIP({ clientIP: { timeoutSeconds: 60 } }), 60],
  ])('%s', (_, spec, expected) => {
    expect(servicePorts(service(spec)).map(({ affinitySeconds }) => affinitySeconds)).toEqual([expected]);
  });
});

describe('reachable from outside', () => {
  test.each<[string, Manifest, Family, boolean]>([
    ['a cluster IP alone', service(), 'ipv4', false],
    ['a node port', service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }), 'ipv4', true],
    ['an external IP', service({ externalIPs: ['198.51.100.1'] }), 'ipv4', true],
    ['an external IP of the other family', service({ externalIPs: ['2001:db8::1'] }), 'ipv4', false],
    ['a load-balancer IP', loadBalancer(), 'ipv4', true],
    ['a load balancer that has no IP yet', service({ type: 'LoadBalancer' }), 'ipv4', false],
  ])('%s', (_, manifest, family, expected) => {
    expect(servicePorts(manifest, family).map(reachableFromOutside)).toEqual([expected]);
  });
});
