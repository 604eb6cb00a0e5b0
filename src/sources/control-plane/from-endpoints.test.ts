import { expect, test } from 'vitest';
import { endpointsSchema } from '../../api/endpoint-slice.ts';
import { slicesFromEndpoints } from './from-endpoints.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The endpoints, each as its address, its node, whether it is ready and the ports that it has. */
function endpointsOf(subsets: unknown, labels: Fields = {}): string[] {
  const endpoints = endpointsSchema.parse({ metadata: { name: 'web', namespace: 'shop', labels }, subsets });
  return slicesFromEndpoints(endpoints).flatMap(({ endpoints, ports, family, serviceName }) =>
    endpoints.map(({ address, nodeName, ready, serving, terminating }) =>
      [
        `${serviceName} ${family} ${address} on ${nodeName}`,
        `${ready ? 'ready' : 'not ready'}${serving ? ' serving' : ''}${terminating ? ' terminating' : ''}`,
        ...ports.map(({ name, port, protocol }) => `${name}:${port}/${protocol}`),
      ].join(', '),
    ),
  );
}

test.each<[string, unknown, string[], Fields?]>([
  ['no subsets', [], []],
  ['a subset without addresses', [{ ports: [{ port: 80 }] }], []],
  [
    'addresses',
    [{ addresses: [{ ip: '10.0.0.1', nodeName: 'node-a' }, { ip: '10.0.0.2' }], ports: [{ port: 80 }] }],
    [
      'web ipv4 10.0.0.1 on node-a, ready serving, :80/TCP',
      'web ipv4 10.0.0.2 on undefined, ready serving, :80/TCP',
    ],
  ],
  [
    'addresses that are not ready',
    [{ notReadyAddresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
    ['web ipv4 10.0.0.1 on undefined, not ready, :80/TCP'],
  ],
  [
    'addresses of both families',
    [
      {
        addresses: [{ ip: 'fd00::1' }, { ip: '10.0.0.1' }],
        ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
      },
    ],
    [
      'web ipv4 10.0.0.1 on undefined, ready serving, dns:53/UDP',
      'web ipv6 fd00::1 on undefined, ready serving, dns:53/UDP',
    ],
  ],
  [
    'several subsets',
    [
      { addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'a', port: 80 }] },
      { addresses: [{ ip: '10.0.0.2' }], ports: [{ name: 'a', port: 81 }] },
    ],
    [
      'web ipv4 10.0.0.1 on undefined, ready serving, a:80/TCP',
      'web ipv4 10.0.0.2 on undefined, ready serving, a:81/TCP',
    ],
  ],
  [
    'of a headless Service',
    [{ addresses: [{ ip: '10.0.0.1' }] }],
    [],
    { 'service.kubernetes.io/headless': '' },
  ],
  [
    'for another proxy',
    [{ addresses: [{ ip: '10.0.0.1' }] }],
    [],
    { 'service.kubernetes.io/service-proxy-name': 'x' },
  ],
])('%s', (_, subsets, expected, labels) => {
  expect(endpointsOf(subsets, labels)).toEqual(expected);
});

test('every slice has a name of its own', () => {
  const subset = { addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], ports: [{ port: 80 }] };
  const slices = slicesFromEndpoints(
    endpointsSchema.parse({ metadata: { name: 'web' }, subsets: [subset, subset] }),
  );
  expect(new Set(slices.map(({ name }) => name)).size).toBe(slices.length);
});
