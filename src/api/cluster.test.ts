import { expect, test } from 'vitest';
import { clusterState, namespacedName } from './cluster.ts';
import { type EndpointSlice, endpointSliceSchema } from './endpoint-slice.ts';
import { type Service, serviceSchema } from './service.ts';

function service(namespace: string, name: string): Service {
  return serviceSchema.parse({ metadata: { namespace, name }, spec: { ports: [{ port: 80 }] } });
}

function slice(namespace: string, name: string, of: string): EndpointSlice {
  const metadata = { namespace, name, labels: { 'kubernetes.io/service-name': of } };
  return endpointSliceSchema.parse({ metadata, addressType: 'IPv4' });
}

test.each<[string, Service[], EndpointSlice[], [string, string[]][]]>([
  ['no Services', [], [slice('a', 'web-1', 'web')], []],
  ['a Service without slices', [service('a', 'web')], [], [['a/web', []]]],
  [
    'slices in the order of their names',
    [service('a', 'web')],
    [slice('a', 'web-2', 'web'), slice('a', 'web-10', 'web'), slice('a', 'web-1', 'web')],
    [['a/web', ['web-1', 'web-10', 'web-2']]],
  ],
  [
    'each Service has its own',
    [service('a', 'web'), service('b', 'web'), service('a', 'api')],
    [slice('b', 'x', 'web'), slice('a', 'y', 'api'), slice('c', 'z', 'web')],
    [
      ['a/web', []],
      ['b/web', ['x']],
      ['a/api', ['y']],
    ],
  ],
])('%s', (_, services, slices, expected) => {
  const state = clusterState(services, slices);
  const found = [...state.services].map(([key, { endpointSlices }]) => [
    key,
    endpointSlices.map(({ name }) => name),
  ]);
  expect(found).toEqual(expected);
  for (const [key, entry] of state.services) expect(namespacedName(entry.service)).toBe(key);
});
