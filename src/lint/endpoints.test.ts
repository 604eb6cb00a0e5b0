import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, told } from '../../test/support/lint.ts';
import { DUAL_STACK, endpoint, NOT_READY, service, slice, TERMINATING } from '../../test/support/rules.ts';

const SELECTOR = { selector: { app: 'web' } };
const TWO_PORTS = {
  ports: [
    { name: 'http', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
};
const GONE = { conditions: { ready: false, serving: false, terminating: true } };

function pod(labels: Manifest, fields: Manifest = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop', labels },
    spec: { nodeName: 'node-a', containers: [] },
    status: { podIP: '10.244.1.5', conditions: [{ type: 'Ready', status: 'True' }] },
    ...fields,
  };
}

const endpoints: Manifest = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'web', namespace: 'shop' },
  subsets: [{ addresses: [{ ip: '10.244.1.5' }], ports: [{ name: 'http', port: 8080 }] }],
};

test.each<[string, Manifest[], string[]]>([
  ['an endpoint', [service(), slice(['10.244.1.5'])], []],
  ['nothing at all', [service()], ['no-endpoints spec.selector']],
  ['nothing at all, for a headless Service', [service({ clusterIP: 'None' })], []],
  ['nothing at all, for an alias', [service({ type: 'ExternalName', clusterIP: undefined })], []],
  ['nothing at all, for another proxy', [service({}, { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'mine' } } })], []], // biome-ignore format: a row
  ['a selector alone', [service(SELECTOR)], ['no-endpoint-slices spec.selector']],
  ['a selector that fits no Pod', [service(SELECTOR), pod({ app: 'wbe' })], ['no-endpoints spec.selector']],
  ['a selector that fits a Pod', [service(SELECTOR), pod({ app: 'web' })], []],
  ['Endpoints', [service(SELECTOR), endpoints], []],
  ['Endpoints of nothing', [service(), { ...endpoints, subsets: [] }], ['no-endpoints spec.selector']],
  ['a slice of nothing', [service(), slice([])], ['no-endpoints spec.ports']],
  ['a slice of another family', [service(DUAL_STACK), slice(['10.244.1.5'])], ['no-endpoints spec.ports']],
  ['slices of both families', [service(DUAL_STACK), slice(['10.244.1.5']), slice(['fd00:10:244::5'], { name: 'web-2', addressType: 'IPv6' })], []], // biome-ignore format: a row
  ['one port of two', [service(TWO_PORTS), slice(['10.244.1.5'])], ['no-endpoints spec.ports[1]']],
  ['both ports of nothing', [service(TWO_PORTS), slice([])], ['no-endpoints spec.ports']],
  ['one that is not ready', [service(), slice([endpoint('10.244.1.5', NOT_READY)])], ['no-ready-endpoints spec.ports']], // biome-ignore format: a row
  ['one of two that is not ready', [service(), slice(['10.244.1.6', endpoint('10.244.1.5', NOT_READY)])], []],
  [
    'one that has ended',
    [service(), slice([endpoint('10.244.1.5', GONE)])],
    ['no-ready-endpoints spec.ports'],
  ],
  ['all terminating', [service(), slice([endpoint('10.244.1.5', TERMINATING), endpoint('10.244.1.6', TERMINATING)])], ['terminating-endpoints spec.ports']], // biome-ignore format: a row
  ['one of two terminating', [service(), slice(['10.244.1.6', endpoint('10.244.1.5', TERMINATING)])], []],
])('%s', (_, objects, expected) => {
  expect(told(findingsOf({ objects }))).toEqual(expected);
});

test.each<[string, Manifest[], string]>([
  [
    'how many are not ready',
    [service(), slice([endpoint('10.244.1.5', NOT_READY), endpoint('10.244.1.6', NOT_READY)])],
    'None of its 2 endpoints is ready, so its traffic is refused.',
  ],
  [
    'over which family, of two',
    [service(DUAL_STACK), slice(['10.244.1.5'])],
    'Over IPv6, it has no endpoint, so its traffic is refused.',
  ],
  [
    'over both families at once',
    [service(DUAL_STACK), slice([])],
    'It has no endpoint, so its traffic is refused.',
  ],
  [
    'which port is missing',
    [service(TWO_PORTS), slice(['10.244.1.5'])],
    'Its only endpoint has no port named "dns" for UDP, so its traffic is refused.',
  ],
  [
    'that an unnamed port is missing',
    [
      service({ ports: [{ port: 80 }] }),
      slice(['10.244.1.5', '10.244.1.6'], { ports: [{ name: 'http', port: 80 }] }),
    ],
    'None of its 2 endpoints has a port without a name for TCP, so its traffic is refused.',
  ],
])('tells %s', (_, objects, cause) => {
  expect(findingsOf({ objects }).map((finding) => finding.cause)).toContain(cause);
});
