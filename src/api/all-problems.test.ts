/** Whatever is wrong with an object is told at once: as many problems as there are mistakes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseObjects } from './objects.ts';
import { formatProblem } from './problem.ts';

/** A mistake: the field that is told, and what stands there, or in another one, instead. */
interface Mistake {
  readonly told: string;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

const at = (told: string, path: readonly (string | number)[], value: unknown): Mistake => ({
  told,
  path,
  value,
});

/** Of a field that is told as it is written. */
const wrong = (value: unknown, ...path: readonly (string | number)[]): Mistake => {
  const told = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return at(told.slice(1), path, value);
};

/** What a mistake changes is changed by no other one of the same object. */
const CASES: Readonly<Record<string, { object: unknown; mistakes: readonly Mistake[] }>> = {
  Service: {
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.10',
        clusterIPs: ['10.96.0.10', 'fd00::a'],
        ipFamilies: ['IPv4', 'IPv6'],
        ipFamilyPolicy: 'PreferDualStack',
        selector: { app: 'web' },
        externalIPs: ['192.0.2.1', '192.0.2.2'],
        loadBalancerSourceRanges: ['192.0.2.0/24'],
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } },
        ports: [
          { name: 'a', port: 80, nodePort: 30080 },
          { name: 'b', port: 81, nodePort: 30081, targetPort: 'http' },
          { name: 'c', port: 82, protocol: 'UDP' },
          { name: 'd', port: 83 },
        ],
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }, { hostname: 'a' }] } },
    },
    mistakes: [
      wrong('v2', 'apiVersion'),
      wrong('Web', 'metadata', 'name'),
      wrong('a b', 'metadata', 'namespace'),
      wrong(1, 'metadata', 'labels', 'app'),
      wrong({}, 'metadata', 'lables'),
      wrong('nodeport', 'spec', 'type'),
      wrong(['10.96.0.10', '10.96.0.11'], 'spec', 'clusterIPs'),
      wrong(['IPv4', 'IPv4'], 'spec', 'ipFamilies'),
      wrong('SingleStack', 'spec', 'ipFamilyPolicy'),
      wrong('a b', 'spec', 'selector', 'app'),
      wrong({}, 'spec', 'selectors'),
      wrong('x', 'spec', 'externalIPs', 0),
      wrong('127.0.0.1', 'spec', 'externalIPs', 1),
      wrong('x', 'spec', 'loadBalancerSourceRanges', 0),
      wrong(0, 'spec', 'sessionAffinityConfig', 'clientIP', 'timeoutSeconds'),
      wrong('Zone', 'spec', 'trafficDistribution'),
      wrong(70000, 'spec', 'ports', 0, 'port'),
      wrong('', 'spec', 'ports', 0, 'name'),
      wrong(8080, 'spec', 'ports', 0, 'targetport'),
      wrong('8080', 'spec', 'ports', 1, 'targetPort'),
      wrong(30080, 'spec', 'ports', 1, 'nodePort'),
      wrong('udp', 'spec', 'ports', 2, 'protocol'),
      wrong('b', 'spec', 'ports', 3, 'name'),
      at('spec.ports[3]', ['spec', 'ports', 3, 'port'], 81),
      wrong('x', 'status', 'loadBalancer', 'ingress', 0, 'ip'),
      wrong('vip', 'status', 'loadBalancer', 'ingress', 1, 'ipMode'),
    ],
  },
  EndpointSlice: {
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', labels: {} },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['10.0.0.1'] },
        { addresses: ['10.0.0.2', '10.0.0.3'], conditions: { ready: true } },
        { addresses: ['10.0.0.4'], hints: { forZones: [{ name: 'a' }] } },
      ],
      ports: [{ name: 'a', port: 80 }, { name: 'b', port: 81 }, { name: 'c' }],
    },
    mistakes: [
      wrong('discovery.k8s.io/v1beta1', 'apiVersion'),
      wrong('Web', 'metadata', 'name'),
      wrong('a b', 'metadata', 'labels', 'app'),
      wrong('ipv4', 'addressType'),
      wrong([], 'endpoints', 0, 'addresses'),
      wrong('x', 'endpoints', 1, 'addresses', 0),
      wrong(1, 'endpoints', 1, 'addresses', 1),
      wrong('yes', 'endpoints', 1, 'conditions', 'ready'),
      wrong(true, 'endpoints', 1, 'conditions', 'servng'),
      wrong('127.0.0.1', 'endpoints', 2, 'addresses', 0),
      wrong(5, 'endpoints', 2, 'nodeName'),
      wrong('a', 'endpoints', 2, 'hints', 'forZones', 0),
      wrong(0, 'ports', 0, 'port'),
      wrong('a', 'ports', 1, 'name'),
      wrong('tcp', 'ports', 1, 'protocol'),
      wrong('C', 'ports', 2, 'name'),
    ],
  },
  Endpoints: {
    object: {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'web' },
      subsets: [
        { addresses: [{ ip: '10.0.0.1' }], notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [{ port: 80 }] },
      ],
    },
    mistakes: [
      wrong('a.b', 'metadata', 'name'),
      wrong('x', 'subsets', 0, 'addresses', 0, 'ip'),
      wrong(1, 'subsets', 0, 'addresses', 0, 'nodeName'),
      wrong('::1', 'subsets', 0, 'notReadyAddresses', 0, 'ip'),
      wrong([], 'subsets', 0, 'notReadyAdresses'),
      wrong(0, 'subsets', 0, 'ports', 0, 'port'),
      wrong('A', 'subsets', 0, 'ports', 0, 'name'),
    ],
  },
  Pod: {
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: { containers: [{ ports: [{ containerPort: 80 }] }] },
      status: { podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'Ready', status: 'True' }] },
    },
    mistakes: [
      wrong('Web', 'metadata', 'name'),
      wrong(1, 'spec', 'nodeName'),
      wrong('http', 'spec', 'containers', 0, 'ports', 0, 'containerPort'),
      wrong('tcp', 'spec', 'containers', 0, 'ports', 0, 'protocol'),
      wrong('a', 'spec', 'containers', 0, 'img'),
      wrong('x', 'status', 'podIPs', 0, 'ip'),
      wrong('x', 'status', 'podIP'),
      wrong(true, 'status', 'conditions', 0, 'status'),
    ],
  },
  Deployment: {
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', ports: [{ containerPort: 80 }] }] },
        },
      },
    },
    mistakes: [
      wrong('Web', 'metadata', 'name'),
      wrong('2', 'spec', 'replicas'),
      wrong(2, 'spec', 'replica'),
      wrong({}, 'spec', 'selector', 'matchLabel'),
      wrong({}, 'spec', 'template', 'metadata', 'lables'),
      wrong(1, 'spec', 'template', 'metadata', 'labels', 'app'),
      wrong(true, 'spec', 'template', 'spec', 'hostnetwork'),
      wrong('http', 'spec', 'template', 'spec', 'containers', 0, 'ports', 0, 'containerPort'),
      wrong(80, 'spec', 'template', 'spec', 'containers', 0, 'ports', 0, 'hostport'),
    ],
  },
  Node: {
    object: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'a' },
      spec: { podCIDRs: ['10.0.0.0/24'], taints: [{ key: 'a' }] },
      status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
    },
    mistakes: [
      wrong('A', 'metadata', 'name'),
      wrong('x', 'spec', 'podCIDR'),
      wrong('x', 'spec', 'podCIDRs', 0),
      wrong(1, 'spec', 'taints', 0, 'key'),
      wrong('x', 'spec', 'taints', 0, 'vlaue'),
      wrong(1, 'status', 'addresses', 0, 'address'),
    ],
  },
};

/** A copy of a value with another at the end of a path. */
function changed(value: unknown, [part, ...rest]: readonly (string | number)[], end: unknown): unknown {
  if (part === undefined) return end;
  if (Array.isArray(value)) return value.map((item, i) => (i === part ? changed(item, rest, end) : item));
  const fields = new Map(Object.entries(Object(value)));
  fields.set(String(part), changed(fields.get(String(part)), rest, end));
  return Object.fromEntries(fields);
}

/** The fields that are told, sorted. */
function toldOf(object: unknown): string[] {
  const { problems, typos } = parseObjects(object, [], { workloads: true });
  return [...problems, ...typos].map((problem) => problem.at.at(-1) ?? formatProblem(problem)).sort();
}

test.each(Object.entries(CASES))('a %s without a mistake', (_, { object }) => {
  expect(toldOf(object)).toEqual([]);
});

test.each(
  Object.entries(CASES).flatMap(([kind, { object, mistakes }]) =>
    mistakes.map(({ told, path, value }) => ({ kind, object, told, path, value })),
  ),
)('a $kind with a mistake alone: $told', ({ object, told, path, value }) => {
  expect(toldOf(changed(object, path, value))).toEqual([told]);
});

test.each(Object.entries(CASES))('a %s with N mistakes has N problems', (_, { object, mistakes }) => {
  fc.assert(
    fc.property(fc.subarray([...mistakes]), (some) => {
      const spoilt = some.reduce((value, { path, value: end }) => changed(value, path, end), object);
      expect(toldOf(spoilt)).toEqual(some.map(({ told }) => told).sort());
    }),
    { numRuns: 300 },
  );
});
