import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, other, told } from '../../test/support/lint.ts';
import { DUAL_STACK, service, slice } from '../../test/support/rules.ts';

const ports = (...ports: Manifest[]) => ({ ports });
const HTTP = { name: 'http', port: 8080 };
const labelled = (name: string, namespace = 'shop') => ({
  metadata: { name: 'stray', namespace, labels: { 'kubernetes.io/service-name': name } },
});
const skippedBy = (label: string, value: string) => ({
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    labels: { 'kubernetes.io/service-name': 'web', [label]: value },
  },
});
const endpointsOf = (address: string, port: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'web', namespace: 'shop' },
  subsets: [{ addresses: [{ ip: address }], ports: [{ name: port, port: 8080 }] }],
});
const IPV6 = { name: 'web-2', addressType: 'IPv6' };

test.each<[string, Manifest[], string[]]>([
  ['a port of the Service', [service(), slice(['10.244.1.5'])], []],
  [
    'a port with a mistake in its name',
    [service(), slice(['10.244.1.5'], ports({ name: 'htpp', port: 8080 }))],
    ['no-endpoints spec.ports[0]', 'slice-port-without-service-port EndpointSlice shop/web-1 ports[0].name'],
  ],
  [
    'a port too many',
    [service(), slice(['10.244.1.5'], ports(HTTP, { name: 'metrics', port: 9090 }))],
    ['slice-port-without-service-port EndpointSlice shop/web-1 ports[1].name'],
  ],
  [
    'a port of another protocol',
    [service(), slice(['10.244.1.5'], ports({ ...HTTP, protocol: 'UDP' }))],
    [
      'no-endpoints spec.ports[0]',
      'slice-port-without-service-port EndpointSlice shop/web-1 ports[0].protocol',
    ],
  ],
  [
    'a named port for an unnamed one',
    [service({ ports: [{ port: 80 }] }), slice(['10.244.1.5'])],
    ['no-endpoints spec.ports[0]', 'slice-port-without-service-port EndpointSlice shop/web-1 ports[0].name'],
  ],
  ['an unnamed port', [service({ ports: [{ port: 80 }] }), slice(['10.244.1.5'], ports({ name: '', port: 8080 }))], []], // biome-ignore format: a row
  ['a port without a name, which is an unnamed one', [service(), slice(['10.244.1.5'], ports(HTTP, { port: 80 }))], ['slice-port-without-service-port EndpointSlice shop/web-1 ports[1].name']], // biome-ignore format: a row
  ['a port without a name, for an unnamed one', [service({ ports: [{ port: 80 }] }), slice(['10.244.1.5'], ports({ port: 8080 }))], []], // biome-ignore format: a row
  ['several addresses in one endpoint', [service(), slice([{ addresses: ['10.244.1.5', '10.244.1.6'] }])], ['endpoint-addresses-ignored EndpointSlice shop/web-1 endpoints[0].addresses']], // biome-ignore format: a row
  ['an address twice', [service(), slice(['10.244.1.5', '10.244.1.5'])], ['duplicate-endpoint spec.ports']],
  ['an address in two slices', [service(), slice(['10.244.1.5']), slice(['10.244.1.5'], { name: 'web-2' })], ['duplicate-endpoint spec.ports']], // biome-ignore format: a row
  ['an address with two ports', [service({ ports: [{ name: 'http', port: 80 }, { name: 'admin', port: 81 }] }), slice(['10.244.1.5'], ports(HTTP, { name: 'admin', port: 8081 }))], []], // biome-ignore format: a row
  ['for a headless Service, of one that is not', [service(), slice(['10.244.1.5'], skippedBy('service.kubernetes.io/headless', ''))], ['no-endpoints spec.selector', 'slice-skipped EndpointSlice shop/web-1 metadata.labels']], // biome-ignore format: a row
  ['for another proxy', [service(), slice(['10.244.1.5'], skippedBy('service.kubernetes.io/service-proxy-name', 'x'))], ['no-endpoints spec.selector', 'slice-skipped EndpointSlice shop/web-1 metadata.labels']], // biome-ignore format: a row
  ['of names', [service(), slice([{ addresses: ['example.com'] }], { addressType: 'FQDN' })], ['no-endpoints spec.selector', 'slice-skipped EndpointSlice shop/web-1 addressType']], // biome-ignore format: a row
  ['for a headless Service that is one', [service({ clusterIP: 'None' }), slice(['10.244.1.5'], skippedBy('service.kubernetes.io/headless', ''))], []], // biome-ignore format: a row
  ['a port without a number', [service(), slice(['10.244.1.5'], ports(HTTP, { name: 'all' }))], ['slice-port-ignored EndpointSlice shop/web-1 ports[1]']], // biome-ignore format: a row
  ['of a headless Service', [service({ clusterIP: 'None' }), slice(['10.244.1.5'], ports({ name: 'htpp', port: 1 }))], []], // biome-ignore format: a row
  ['of no Service', [service(), slice(['10.244.1.5']), slice(['10.244.1.6'], labelled('wbe'))], ['slice-without-service EndpointSlice shop/stray metadata.labels']], // biome-ignore format: a row
  ['of a Service elsewhere', [service(), slice(['10.244.1.5']), slice(['10.244.1.6'], labelled('web', 'shoq'))], ['slice-without-service EndpointSlice shoq/stray metadata.labels']], // biome-ignore format: a row
  ['of nothing that it names', [service(), slice(['10.244.1.5']), slice(['10.244.1.6'], { metadata: { name: 'stray', namespace: 'shop' } })], ['slice-without-service-name EndpointSlice shop/stray metadata.labels']], // biome-ignore format: a row
  ['of the other family', [service(), slice(['10.244.1.5']), slice(['fd00::5'], IPV6)], ['slice-of-other-family EndpointSlice shop/web-2 addressType']], // biome-ignore format: a row
  ['of the other family, of nothing', [service(), slice(['10.244.1.5']), slice([], IPV6)], []],
  ['of both families', [service(DUAL_STACK), slice(['10.244.1.5']), slice(['fd00::5'], IPV6)], []],
  ['a cluster IP', [service(), slice(['10.96.0.20', '10.244.1.5']), other('zoo', { clusterIP: '10.96.0.20', type: 'ClusterIP' })], ['no-endpoints Service shop/zoo spec.selector', 'endpoint-is-cluster-ip EndpointSlice shop/web-1 endpoints[0].addresses[0]']], // biome-ignore format: a row
  ['Endpoints that fit', [service(), endpointsOf('10.244.1.5', 'http')], []],
  ['Endpoints, which are told of in their Service', [service(), endpointsOf('10.96.0.10', 'htpp')], ['endpoint-is-cluster-ip spec.ports', 'slice-port-without-service-port spec.ports', 'no-endpoints spec.ports[0]']], // biome-ignore format: a row
])('%s', (_, objects, expected) => {
  expect(told(findingsOf({ objects }))).toEqual(expected);
});

test.each<[string, Manifest[], string]>([
  [
    'the names that there are',
    [service(), slice(['10.244.1.5'], ports(HTTP, { name: 'metrics', port: 9090 }))],
    'No port of Service shop/web is named "metrics", only "http": ports are matched by name.',
  ],
  [
    'which label an EndpointSlice is passed over for',
    [service(), slice(['10.244.1.5'], skippedBy('service.kubernetes.io/headless', ''))],
    'kube-proxy ignores EndpointSlice shop/web-1 for its label service.kubernetes.io/headless, so traffic is refused.',
  ],
  [
    'which label is missing',
    [service(), slice(['10.244.1.5'], { metadata: { name: 'web-1', namespace: 'shop' } })],
    'It has no label kubernetes.io/service-name, so no Service uses its 1 endpoint.',
  ],
  [
    'which address is used',
    [service(), slice([{ addresses: ['203.0.113.9', '203.0.113.10'] }])],
    'Of the addresses of an endpoint only the first is used, 203.0.113.9, and not 203.0.113.10.',
  ],
  [
    'in which EndpointSlices an address is',
    [service(), slice(['10.244.1.5']), slice(['10.244.1.5'], { name: 'web-2' })],
    '2 endpoints have the address 10.244.1.5:8080 (EndpointSlices web-1 and web-2) and count as one.',
  ],
  [
    'where a Service of that name is',
    [service(), slice(['10.244.1.5']), slice(['10.244.1.6'], labelled('web', 'shoq'))],
    'There is no Service shoq/web, only shop/web, so nothing uses its 1 endpoint.',
  ],
  [
    'how many endpoints are cluster IPs',
    [service(), slice(['10.96.0.10', '10.96.0.20']), other('zoo')],
    '10.96.0.10 is the cluster IP of Service shop/web: a packet is translated once, so it never reaches the endpoints behind it. (And 1 more of its endpoints.)',
  ],
])('tells %s', (_, objects, cause) => {
  expect(findingsOf({ objects }).map((finding) => finding.cause)).toContain(cause);
});
