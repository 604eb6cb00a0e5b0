import { describe, expect, test } from 'vitest';
import { type Node, nodeSchema } from '../../api/node.ts';
import { type Pod, podSchema } from '../../api/pod.ts';
import { type Service, serviceSchema } from '../../api/service.ts';
import { slicesFromPods } from './from-pods.ts';

type Fields = Readonly<Record<string, unknown>>;

function service(spec: Fields = {}): Service {
  return serviceSchema.parse({
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.10', selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
  });
}

const DUAL_STACK = { clusterIPs: ['10.96.0.10', 'fd00::10'], ipFamilyPolicy: 'RequireDualStack' };

const READY = [{ type: 'Ready', status: 'True' }];

interface PodFields {
  readonly metadata?: Fields;
  readonly spec?: Fields;
  readonly status?: Fields;
}

/** A Pod that is ready, at 10.244.1.5 on node-a, but for what a case says. */
function pod({ metadata, spec, status }: PodFields = {}): Pod {
  return podSchema.parse({
    metadata: { name: 'web-1', namespace: 'shop', labels: { app: 'web' }, ...metadata },
    spec: { nodeName: 'node-a', containers: [], ...spec },
    status: { phase: 'Running', podIP: '10.244.1.5', conditions: READY, ...status },
  });
}

const ports = (...ports: Fields[]) => ({ spec: { nodeName: 'node-a', containers: [{ ports }] } });
const named = (name: string) => ({ metadata: { name, namespace: 'shop', labels: { app: 'web' } } });

const NODES = new Map<string, Node>(
  [
    ['node-a', 'zone-1'],
    ['node-b', 'zone-2'],
  ].map(([name = '', zone]) => [
    name,
    nodeSchema.parse({ metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } } }),
  ]),
);

/** The endpoints, each as its address and the numbers of its ports by name. */
function endpointsOf(service: Service, pods: readonly Pod[], nodes = NODES): string[] {
  return slicesFromPods(service, pods, nodes).flatMap(({ endpoints, ports }) =>
    endpoints.map(({ address }) => [address, ...ports.map(({ name, port }) => `${name}:${port}`)].join(' ')),
  );
}

describe('which Pods are endpoints', () => {
  test.each<[string, Service, Pod[], string[]]>([
    ['one whose labels match', service(), [pod()], ['10.244.1.5 :80']],
    [
      'one with more labels',
      service(),
      [pod({ metadata: { name: 'x', namespace: 'shop', labels: { app: 'web', v: '2' } } })],
      ['10.244.1.5 :80'],
    ],
    [
      'not one with another label',
      service(),
      [pod({ metadata: { name: 'x', namespace: 'shop', labels: { app: 'api' } } })],
      [],
    ],
    [
      'not one without labels',
      service(),
      [pod({ metadata: { name: 'x', namespace: 'shop', labels: null } })],
      [],
    ],
    ['not one with some of the labels', service({ selector: { app: 'web', v: '2' } }), [pod()], []],
    [
      'not one whose labels only JavaScript would find',
      service({ selector: { constructor: 'x' } }),
      [pod()],
      [],
    ],
    [
      'not one of another namespace',
      service(),
      [pod({ metadata: { name: 'x', namespace: 'other', labels: { app: 'web' } } })],
      [],
    ],
    ['not one that has succeeded', service(), [pod({ status: { phase: 'Succeeded' } })], []],
    ['not one that has failed', service(), [pod({ status: { phase: 'Failed' } })], []],
    ['not one without an address', service(), [pod({ status: { podIP: '' } })], []],
    [
      'one that is pending but has an address',
      service(),
      [pod({ status: { phase: 'Pending' } })],
      ['10.244.1.5 :80'],
    ],
  ])('%s', (_, service, pods, expected) => {
    expect(endpointsOf(service, pods)).toEqual(expected);
  });

  test('no Pod, no slice: then there is nothing to tell from a Service that nobody wrote Pods for', () => {
    expect(slicesFromPods(service(), [pod({ status: { podIP: null } })], NODES)).toEqual([]);
  });
});

describe('addresses and families', () => {
  const BOTH = { status: { podIP: '10.244.1.5', podIPs: [{ ip: '10.244.1.5' }, { ip: 'fd00:244::5' }] } };

  test.each<[string, Service, Pod[], string[]]>([
    ['the address of the family', service(), [pod(BOTH)], ['10.244.1.5 :80']],
    ['the address of the other family', service({ clusterIP: 'fd00::10' }), [pod(BOTH)], ['fd00:244::5 :80']],
    ['both', service(DUAL_STACK), [pod(BOTH)], ['10.244.1.5 :80', 'fd00:244::5 :80']],
    ['none of a family that the Pod has not', service({ clusterIP: 'fd00::10' }), [pod()], []],
    ['one, of a Pod with one', service(DUAL_STACK), [pod()], ['10.244.1.5 :80']],
  ])('%s', (_, service, pods, expected) => {
    expect(endpointsOf(service, pods)).toEqual(expected);
  });

  test('slices are of one family each, and belong to the Service', () => {
    const slices = slicesFromPods(service(DUAL_STACK), [pod(BOTH)], NODES);
    expect(slices).toMatchObject([
      { kind: 'EndpointSlice', namespace: 'shop', serviceName: 'web', family: 'ipv4' },
      { kind: 'EndpointSlice', namespace: 'shop', serviceName: 'web', family: 'ipv6' },
    ]);
    expect(new Set(slices.map(({ name }) => name)).size).toBe(2);
  });
});

describe('ports', () => {
  const byName = (more: Fields = {}) =>
    service({ ports: [{ name: 'http', port: 80, targetPort: 'web', ...more }] });

  test.each<[string, Service, Pod[], string[]]>([
    ['the port itself', service(), [pod()], ['10.244.1.5 :80']],
    ['the target port', service({ ports: [{ port: 80, targetPort: 8080 }] }), [pod()], ['10.244.1.5 :8080']],
    [
      'a named target port',
      byName(),
      [pod(ports({ name: 'web', containerPort: 8080 }))],
      ['10.244.1.5 http:8080'],
    ],
    [
      'the first of that name',
      byName(),
      [pod(ports({ name: 'web', containerPort: 1 }, { name: 'web', containerPort: 2 }))],
      ['10.244.1.5 http:1'],
    ],
    [
      'not one of another protocol',
      byName(),
      [pod(ports({ name: 'web', containerPort: 1, protocol: 'UDP' }, { name: 'web', containerPort: 2 }))],
      ['10.244.1.5 http:2'],
    ],
    [
      'a sidecar has it',
      byName(),
      [
        pod({
          spec: {
            containers: [],
            initContainers: [{ restartPolicy: 'Always', ports: [{ name: 'web', containerPort: 9 }] }],
          },
        }),
      ],
      ['10.244.1.5 http:9'],
    ],
    ['nobody has it', byName(), [pod(ports({ name: 'other', containerPort: 8080 }))], ['10.244.1.5']],
    [
      'some have it, and some have another',
      byName(),
      [
        pod({
          ...ports({ name: 'web', containerPort: 8080 }),
          ...named('a'),
          status: { podIP: '10.244.1.1' },
        }),
        pod({
          ...ports({ name: 'web', containerPort: 9090 }),
          ...named('b'),
          status: { podIP: '10.244.1.2' },
        }),
        pod({ ...ports(), ...named('c'), status: { podIP: '10.244.1.3' } }),
        pod({
          ...ports({ name: 'web', containerPort: 8080 }),
          ...named('d'),
          status: { podIP: '10.244.1.4' },
        }),
      ],
      ['10.244.1.1 http:8080', '10.244.1.4 http:8080', '10.244.1.2 http:9090', '10.244.1.3'],
    ],
    [
      'several, of which the Pod has one',
      service({
        ports: [
          { name: 'a', port: 80, targetPort: 'web' },
          { name: 'b', port: 81, targetPort: 'no' },
          { name: 'c', port: 82 },
        ],
      }),
      [pod(ports({ name: 'web', containerPort: 8080 }))],
      ['10.244.1.5 a:8080 c:82'],
    ],
  ])('%s', (_, service, pods, expected) => {
    expect(endpointsOf(service, pods)).toEqual(expected);
  });
});

describe('conditions', () => {
  const NOT_READY = { status: { conditions: [] } };
  const LEAVING = { metadata: { ...named('web-1').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  const ALL = { publishNotReadyAddresses: true };

  test.each<[string, Fields, PodFields, { ready: boolean; serving: boolean; terminating: boolean }]>([
    ['ready', {}, {}, { ready: true, serving: true, terminating: false }],
    ['not ready', {}, NOT_READY, { ready: false, serving: false, terminating: false }],
    ['leaving', {}, LEAVING, { ready: false, serving: true, terminating: true }],
    [
      'leaving and not ready',
      {},
      { ...LEAVING, ...NOT_READY },
      { ready: false, serving: false, terminating: true },
    ],
    ['not ready, but published', ALL, NOT_READY, { ready: true, serving: false, terminating: false }],
    ['leaving, but published', ALL, LEAVING, { ready: true, serving: true, terminating: true }],
  ])('%s', (_, spec, fields, expected) => {
    const [slice] = slicesFromPods(service(spec), [pod(fields)], NODES);
    expect(slice?.endpoints).toMatchObject([expected]);
  });
});

describe('places and hints', () => {
  test.each<[string, Fields, PodFields, Fields]>([
    ['a node and its zone', {}, {}, { nodeName: 'node-a', zone: 'zone-1', forZones: [], forNodes: [] }],
    [
      'a node that is not in the input',
      {},
      { spec: { nodeName: 'node-z', containers: [] } },
      { nodeName: 'node-z', zone: undefined },
    ],
    ['no node', {}, { spec: { nodeName: '', containers: [] } }, { nodeName: undefined, zone: undefined }],
    ['its own zone', { trafficDistribution: 'PreferSameZone' }, {}, { forZones: ['zone-1'], forNodes: [] }],
    [
      'its own zone, in the older word',
      { trafficDistribution: 'PreferClose' },
      {},
      { forZones: ['zone-1'], forNodes: [] },
    ],
    [
      'its own node, too',
      { trafficDistribution: 'PreferSameNode' },
      {},
      { forZones: ['zone-1'], forNodes: ['node-a'] },
    ],
    [
      'no zone that is not known',
      { trafficDistribution: 'PreferSameZone' },
      { spec: { nodeName: 'node-z', containers: [] } },
      { forZones: [], forNodes: [] },
    ],
    [
      'none while it is not ready',
      { trafficDistribution: 'PreferSameNode' },
      { status: { conditions: [] } },
      { forZones: [], forNodes: [] },
    ],
  ])('%s', (_, spec, fields, expected) => {
    const [slice] = slicesFromPods(service(spec), [pod(fields)], NODES);
    expect(slice?.endpoints).toMatchObject([expected]);
  });
});

test('the order of the Pods does not matter', () => {
  const pods = [
    pod({ ...ports({ name: 'web', containerPort: 1 }), ...named('a') }),
    pod({ ...ports({ name: 'web', containerPort: 2 }), ...named('b') }),
    pod({ ...ports({ name: 'web', containerPort: 1 }), ...named('c'), status: { podIP: '10.244.1.6' } }),
  ];
  const to = service({ ports: [{ port: 80, targetPort: 'web' }] });
  expect(slicesFromPods(to, pods.toReversed(), NODES)).toEqual(slicesFromPods(to, pods, NODES));
});
