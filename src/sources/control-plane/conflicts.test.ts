import { expect, test } from 'vitest';
import { type Service, serviceSchema } from '../../api/service.ts';
import { findConflicts } from './conflicts.ts';

type Fields = Readonly<Record<string, unknown>>;

function service(name: string, spec: Fields = {}): Service {
  return serviceSchema.parse({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
}

const nodePort = (nodePort: number, protocol = 'TCP') => ({
  type: 'NodePort',
  ports: [{ port: 80, nodePort, protocol }],
});
const LOCAL = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };

test.each<[string, Service[], string[]]>([
  ['nothing twice', [service('a', { clusterIP: '10.96.0.1' }), service('b', { clusterIP: '10.96.0.2' })], []],
  ['no cluster IP twice', [service('a'), service('b')], []],
  ['headless twice', [service('a', { clusterIP: 'None' }), service('b', { clusterIP: 'None' })], []],
  [
    'a cluster IP twice',
    [service('b', { clusterIP: '10.96.0.1' }), service('a', { clusterIP: '10.96.0.1' })],
    ['b spec.clusterIP: 10.96.0.1 is already the cluster IP of Service default/a'],
  ],
  [
    'a cluster IP three times, in two spellings',
    [
      service('a', { clusterIP: 'fd00::1' }),
      service('b', { clusterIPs: ['10.96.0.1', 'fd00:0::1'], ipFamilyPolicy: 'RequireDualStack' }),
      service('c', { clusterIP: 'FD00::1' }),
    ],
    [
      'b spec.clusterIP: fd00::1 is already the cluster IP of Service default/a',
      'c spec.clusterIP: fd00::1 is already the cluster IP of Service default/a',
    ],
  ],
  [
    'a node port twice',
    [service('a', nodePort(30080)), service('b', nodePort(30080))],
    ['b spec.ports[0].nodePort: 30080 is already the node port of Service default/a'],
  ],
  [
    'a node port of two protocols, which an API server does not share between Services',
    [service('a', nodePort(30080)), service('b', nodePort(30080, 'UDP'))],
    ['b spec.ports[0].nodePort: 30080 is already the node port of Service default/a'],
  ],
  [
    'a node port of two protocols in one Service',
    [
      service('a', {
        type: 'NodePort',
        ports: [
          { name: 'a', port: 53, nodePort: 30053 },
          { name: 'b', port: 53, nodePort: 30053, protocol: 'UDP' },
        ],
      }),
    ],
    [],
  ],
  [
    'a health check on a node port',
    [service('a', nodePort(30080)), service('b', { ...LOCAL, healthCheckNodePort: 30080 })],
    ['b spec.healthCheckNodePort: 30080 is already the node port of Service default/a'],
  ],
  [
    'a health check that there is not',
    [service('a', nodePort(30080)), service('b', { type: 'LoadBalancer', healthCheckNodePort: 30080 })],
    [],
  ],
  [
    'an alias, which has neither',
    [service('a', nodePort(30080)), service('b', { ...nodePort(30080), type: 'ExternalName' })],
    [],
  ],
])('%s', (_, services, expected) => {
  const conflicts = findConflicts(services).map(
    ({ service, field, message }) => `${service.name} ${field}: ${message}`,
  );
  expect(conflicts).toEqual(expected);
});
