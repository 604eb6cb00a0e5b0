import { describe, expect, test } from 'vitest';
import {
  ChangedServices,
  type ClusterState,
  clusterState,
  namespacedName,
  type ServiceChange,
} from './cluster.ts';
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

describe('the changes of a cluster', () => {
  const services: ClusterState['services'] = new Map();
  const then = (service: string | undefined, next?: ServiceChange): ServiceChange => ({ service, next });
  const c = then('c');
  const b = then('b', c);
  const a = then('a', b);
  const start = then(undefined, a);
  const other = then(undefined, then('a'));

  test.each<[string, readonly (ServiceChange | undefined)[], readonly string[] | undefined]>([
    ['the first time, all may have changed', [c], undefined],
    ['nothing', [c, c], []],
    ['what came since', [start, c], ['a', 'b', 'c']],
    ['each once', [start, c, c], []],
    ['what came later than the cluster that is given, too', [start, b], ['a', 'b', 'c']],
    ['of an older cluster, all may have changed', [c, a], undefined],
    ['of another cluster', [c, other], undefined],
    ['of one that does not tell', [c, undefined], undefined],
    ['of one that tells after one that does not', [undefined, c], undefined],
    ['after that, what came since', [undefined, start, a], ['a', 'b', 'c']],
  ])('%s', (_, states, expected) => {
    const changed = new ChangedServices();
    const found = states.map((lastChange) => changed.in({ services, ...(lastChange && { lastChange }) }));
    expect(found.at(-1)).toEqual(expected && new Set(expected));
  });
});
