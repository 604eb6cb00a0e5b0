/** What the API server (v1.36) fills in where a manifest leaves it out, for every kind that is read. */
import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/raw.ts';
import { parseObjects } from './objects.ts';

/** A kind, and the smallest object of it, with the fields of a row in its `spec`, or beside it. */
const KINDS: Readonly<Record<string, (fields: Manifest) => Manifest>> = {
  Service: (spec) => ({ apiVersion: 'v1', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...spec } }), // biome-ignore format: a row
  EndpointSlice: (fields) => ({
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ...fields,
  }),
  Endpoints: (fields) => ({ apiVersion: 'v1', metadata: { name: 'web' }, ...fields }),
  Pod: (spec) => ({ apiVersion: 'v1', metadata: { name: 'a' }, spec }),
  Node: (spec) => ({ apiVersion: 'v1', metadata: { name: 'node-a' }, spec }),
  Deployment: (spec) => ({ apiVersion: 'apps/v1', metadata: { name: 'web' }, spec }),
  StatefulSet: (spec) => ({ apiVersion: 'apps/v1', metadata: { name: 'web' }, spec }),
  DaemonSet: (spec) => ({ apiVersion: 'apps/v1', metadata: { name: 'web' }, spec }),
  ReplicaSet: (spec) => ({ apiVersion: 'apps/v1', metadata: { name: 'web' }, spec }),
  ReplicationController: (spec) => ({ apiVersion: 'v1', metadata: { name: 'web' }, spec }),
  Job: ({ status, ...spec }) => ({ apiVersion: 'batch/v1', metadata: { name: 'web' }, spec, status }),
  CronJob: (spec) => ({
    apiVersion: 'batch/v1',
    metadata: { name: 'web' },
    spec: { jobTemplate: { spec } },
  }),
};

function parsed(kind: string, fields: Manifest) {
  const make = KINDS[kind];
  if (!make) throw new Error(`no object of kind ${kind}`);
  const { objects, problems } = parseObjects({ kind, ...make(fields) }, [], { workloads: true });
  expect(problems).toEqual([]);
  expect(objects).toHaveLength(1);
  return objects[0]?.object;
}

const template = (spec: Manifest = {}): Manifest => ({ template: { spec } });
const containers = (port: Manifest, spec: Manifest = {}): Manifest => ({
  ...spec,
  containers: [{ ports: [port] }],
});
const ingress = (fields: Manifest): Manifest => ({ loadBalancer: { ingress: [fields] } });

/** The kind, what is left out, and the same written out. */
const ROWS: readonly (readonly [string, string, Manifest, Manifest])[] = [
  ['Service', 'type', {}, { type: 'ClusterIP' }],
  ['Service', 'ports[].protocol', { ports: [{ port: 80 }] }, { ports: [{ port: 80, protocol: 'TCP' }] }],
  ['Service', 'ports[].name', { ports: [{ port: 80 }] }, { ports: [{ port: 80, name: '' }] }],
  ['Service', 'ports[].targetPort', { ports: [{ port: 80 }] }, { ports: [{ port: 80, targetPort: 80 }] }],
  ['Service', 'ports[].targetPort, empty', { ports: [{ port: 80, targetPort: '' }] }, { ports: [{ port: 80, targetPort: 80 }] }], // biome-ignore format: a row
  ['Service', 'sessionAffinity', {}, { sessionAffinity: 'None' }],
  [
    'Service',
    'sessionAffinityConfig',
    { sessionAffinity: 'ClientIP' },
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } },
  ],
  ['Service', 'internalTrafficPolicy', {}, { internalTrafficPolicy: 'Cluster' }],
  ['Service', 'externalTrafficPolicy', { type: 'NodePort' }, { type: 'NodePort', externalTrafficPolicy: 'Cluster' }], // biome-ignore format: a row
  ['Service', 'allocateLoadBalancerNodePorts', { type: 'LoadBalancer' }, { type: 'LoadBalancer', allocateLoadBalancerNodePorts: true }], // biome-ignore format: a row
  ['Service', 'publishNotReadyAddresses', {}, { publishNotReadyAddresses: false }],
  ['EndpointSlice', 'ports[].name', { ports: [{ port: 8080, protocol: 'TCP' }] }, { ports: [{ name: '', port: 8080, protocol: 'TCP' }] }], // biome-ignore format: a row
  ['EndpointSlice', 'ports[].protocol', { ports: [{ name: '', port: 8080 }] }, { ports: [{ name: '', port: 8080, protocol: 'TCP' }] }], // biome-ignore format: a row
  ['EndpointSlice', 'both, of a port', { ports: [{ port: 8080 }] }, { ports: [{ name: '', port: 8080, protocol: 'TCP' }] }], // biome-ignore format: a row
  ['EndpointSlice', 'null, of a port', { ports: [{ name: null, port: 8080, protocol: null }] }, { ports: [{ name: '', port: 8080, protocol: 'TCP' }] }], // biome-ignore format: a row
  [
    'Endpoints',
    'subsets[].ports[].protocol and name',
    { subsets: [{ ports: [{ port: 80 }] }] },
    { subsets: [{ ports: [{ name: '', port: 80, protocol: 'TCP' }] }] },
  ],
  ['Pod', 'ports[].protocol', containers({ containerPort: 80 }), containers({ containerPort: 80, protocol: 'TCP' })], // biome-ignore format: a row
  ['Pod', 'ports[].hostPort', containers({ containerPort: 80 }), containers({ containerPort: 80, hostPort: 0 })], // biome-ignore format: a row
  [
    'Pod',
    'ports[].hostPort in the host network',
    containers({ containerPort: 80 }, { hostNetwork: true }),
    containers({ containerPort: 80, hostPort: 80 }, { hostNetwork: true }),
  ],
  ['Pod', 'hostNetwork', containers({ containerPort: 80 }), containers({ containerPort: 80 }, { hostNetwork: false })], // biome-ignore format: a row
  ['Node', 'podCIDRs', { podCIDR: '10.244.1.0/24' }, { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] }], // biome-ignore format: a row
  ['Node', 'unschedulable', {}, { unschedulable: false }],
  ['Deployment', 'replicas', template(), { ...template(), replicas: 1 }],
  ['StatefulSet', 'replicas', template(), { ...template(), replicas: 1 }],
  ['StatefulSet', 'ordinals', template(), { ...template(), ordinals: { start: 0 } }],
  ['ReplicaSet', 'replicas', template(), { ...template(), replicas: 1 }],
  ['ReplicationController', 'replicas', template(), { ...template(), replicas: 1 }],
  ['DaemonSet', 'the ports of its template', template(containers({ containerPort: 80 })), template(containers({ containerPort: 80, protocol: 'TCP' }))], // biome-ignore format: a row
  [
    'DaemonSet',
    'hostPort of its template',
    template(containers({ containerPort: 80 }, { hostNetwork: true })),
    template(containers({ containerPort: 80, hostPort: 80 }, { hostNetwork: true })),
  ],
  ['Job', 'parallelism and completions', template(), { ...template(), parallelism: 1, completions: 1 }],
  [
    'Job',
    'completions, of one that is done',
    { ...template(), status: { succeeded: 1 } },
    { ...template(), completions: 1, status: { succeeded: 1 } },
  ],
  [
    'Job',
    'parallelism',
    { ...template(), completions: 3 },
    { ...template(), completions: 3, parallelism: 1 },
  ],
  ['Job', 'completionMode and suspend', template(), { ...template(), completionMode: 'NonIndexed', suspend: false }], // biome-ignore format: a row
  ['CronJob', 'parallelism and completions', template(), { ...template(), parallelism: 1, completions: 1 }],
];

test.each(ROWS)('%s: %s', (kind, _, left, written) => {
  expect(parsed(kind, left)).toEqual(parsed(kind, written));
});

test('ipMode of the address of a load balancer', () => {
  const at = (fields: Manifest) =>
    parseObjects(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
        status: ingress(fields),
      },
      [],
    ).objects[0]?.object;
  expect(at({ ip: '192.0.2.1' })).toEqual(at({ ip: '192.0.2.1', ipMode: 'VIP' }));
});

test('every kind that is read is in the table', () => {
  expect(new Set(ROWS.map(([kind]) => kind))).toEqual(new Set(Object.keys(KINDS)));
});

test('two ports of an EndpointSlice without a name have the same one', () => {
  const manifest = {
    kind: 'EndpointSlice',
    ...KINDS.EndpointSlice?.({ ports: [{ port: 80 }, { port: 81 }] }),
  };
  expect(parseObjects(manifest, []).problems.map(({ message }) => message)).toEqual([
    'expected a unique name, got "" again',
  ]);
});
