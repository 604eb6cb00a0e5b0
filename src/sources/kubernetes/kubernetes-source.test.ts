import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiObject, FakeApiServer } from '../../../test/support/api-server/fake-api-server.ts';
import type { ServiceName, SourceChange } from '../source.ts';
import { connect } from './connection.ts';
import { type FollowedObjects, KubernetesSource } from './kubernetes-source.ts';
import type { ListWatchTimes } from './list-watch.ts';

const TIMES: ListWatchTimes = {
  pageSize: 2,
  watchSeconds: 60,
  silence: 1000,
  backOff: { first: 5, longest: 40 },
};

let server: FakeApiServer;
let source: KubernetesSource;
let stop: AbortController;
let running: Promise<void>;
let told: { changes: SourceChange[]; invalid: string[]; failures: string[] };
/** How many Services were known whenever something failed. */
let knownAtFailure: number[];
/** The Services that are named with what was told of objects. */
let concerned: (ServiceName | undefined)[];

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  told = { changes: [], invalid: [], failures: [] };
  knownAtFailure = [];
  concerned = [];
});

afterEach(async () => {
  stop.abort();
  await running;
  await server.stop();
});

async function follow(followed?: FollowedObjects): Promise<void> {
  const connection = await connect({ kubeconfig: undefined, master: server.url });
  stop = new AbortController();
  source = new KubernetesSource(
    connection,
    'node1',
    {
      changed: (change) => told.changes.push(change),
      invalid: (message, service) => {
        told.invalid.push(message);
        concerned.push(service);
      },
      warned: (message, service) => {
        told.invalid.push(message);
        concerned.push(service);
      },
      failed: (_, error) => {
        told.failures.push(error.message);
        knownAtFailure.push(source.cluster.services.size);
      },
      recovered: () => {},
    },
    TIMES,
    followed,
  );
  running = source.run(stop.signal);
}

const service = (name: string, port = 80): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', managedFields: [{ manager: 'kubectl' }] },
  spec: {
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1'],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  },
});

const slice = (name: string, ...addresses: string[]): ApiObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
});

const node: ApiObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node1', labels: { 'topology.kubernetes.io/zone': 'zone-1' } },
  spec: { podCIDRs: ['10.244.1.0/24'] },
};

/** The cluster in short: each Service with its port and endpoints. */
function state(): Record<string, string> {
  return Object.fromEntries(
    [...source.cluster.services].map(([key, { service, endpointSlices }]) => [
      key,
      [
        ...service.ports.map(({ port }) => port),
        ...endpointSlices.flatMap(({ endpoints }) => endpoints.map(({ address }) => address)),
      ].join(' '),
    ]),
  );
}

/** Waits until something holds; what it holds of is shown where it never does. */
async function eventually<T>(actual: () => T, expected: T): Promise<void> {
  const end = Date.now() + 5000;
  while (JSON.stringify(actual()) !== JSON.stringify(expected) && Date.now() < end) await sleep(5);
  expect(actual()).toEqual(expected);
}

const RANGES_PATH = '/apis/networking.k8s.io/v1/servicecidrs';

const ranges = (name: string, ...cidrs: string[]): ApiObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  metadata: { name },
  spec: { cidrs },
});

describe('ServiceCIDRs', () => {
  test('are not asked for, unless somebody needs them', async () => {
    server.put(ranges('kubernetes', '10.96.0.0/16'));
    await follow();
    await eventually(() => source.synced && server.watchCount, 3);
    expect(server.requests.filter((request) => request.endsWith(RANGES_PATH))).toEqual([]);
    expect(source.serviceCIDRs).toEqual([]);
  });

  test('are followed: each change is told', async () => {
    server.put(ranges('kubernetes', '10.96.0.0/16', 'fd00:10:96::/112'));
    await follow({ serviceCIDRs: true });
    await eventually(() => source.synced && server.watchCount, 4);
    expect(source.serviceCIDRs).toEqual(['10.96.0.0/16', 'fd00:10:96::/112']);
    const { length } = told.changes;
    server.put(ranges('more', '10.98.0.0/24'));
    await eventually(() => source.serviceCIDRs, ['10.96.0.0/16', '10.98.0.0/24', 'fd00:10:96::/112']);
    expect(told.changes.length).toBe(length + 1);
    const more = ranges('more', '10.98.0.0/24');
    server.put({ ...more, metadata: { ...more.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    server.put(ranges('last', '10.99.0.0/24'));
    await eventually(() => source.serviceCIDRs.includes('10.99.0.0/24'), true);
    expect(source.serviceCIDRs).toContain('10.98.0.0/24');
    server.delete(more);
    await eventually(() => source.serviceCIDRs.includes('10.98.0.0/24'), false);
    server.disconnect();
    server.compact();
    server.delete(ranges('last'));
    await eventually(() => source.serviceCIDRs, ['10.96.0.0/16', 'fd00:10:96::/112']);
  });

  test.each([404, 403])('of a server that answers with %i are none, until it has some', async (status) => {
    server.refused.set(RANGES_PATH, status);
    server.put(service('a'));
    server.put(ranges('kubernetes', '10.96.0.0/16'));
    await follow({ serviceCIDRs: true });
    await eventually(() => source.synced, true);
    expect(state()).toEqual({ 'default/a': '80' });
    expect(source.serviceCIDRs).toEqual([]);
    expect(told.failures[0]).toContain(`HTTP ${status}`);
    server.refused.clear();
    await eventually(() => source.serviceCIDRs, ['10.96.0.0/16']);
    server.refused.set(RANGES_PATH, status);
    server.disconnect();
    const { length } = told.failures;
    await eventually(() => told.failures.length > length + 3, true);
    expect(source.serviceCIDRs).toEqual(['10.96.0.0/16']);
  });

  test('that are not known yet are waited for', async () => {
    server.refused.set(RANGES_PATH, 500);
    server.put(service('a'));
    await follow({ serviceCIDRs: true });
    await eventually(() => told.failures.length > 2, true);
    expect(source.synced).toBe(false);
    server.refused.clear();
    await eventually(() => source.synced, true);
  });
});

const LISTS = [
  ['as streams', true],
  ['in pages', false],
] as const;

describe.each(LISTS)('lists %s: what a server does, and what is known afterwards', (_, streams) => {
  beforeEach(async () => {
    server.streamsLists = streams;
    server.put(node);
    for (const name of ['a', 'b', 'c']) server.put(service(name));
    server.put(slice('a', '10.244.0.1'));
    await follow();
    await eventually(() => source.synced && server.watchCount, 3);
  });

  test('everything is listed, and objects that belong together are joined', () => {
    expect(state()).toEqual({ 'default/a': '80 10.244.0.1', 'default/b': '80', 'default/c': '80' });
    const requests = server.requests.filter((request) => request.endsWith('/api/v1/services'));
    const [list, watch] = ['LIST /api/v1/services', 'WATCH /api/v1/services'];
    expect(requests).toEqual(streams ? [watch] : [watch, list, list, watch]);
    expect(source.nodes.get('node1')).toMatchObject({
      name: 'node1',
      zone: 'zone-1',
      podCIDRs: ['10.244.1.0/24'],
    });
    expect(told).toEqual({ changes: [expect.anything()], invalid: [], failures: [] });
  });

  test.each<[string, () => void | Promise<void>]>([
    ['nothing amiss', () => {}],
    ['watches are broken', () => server.disconnect()],
    ['watches are broken in the middle of an event', () => server.disconnect({ midEvent: true })],
    [
      'watches end with 410',
      () => {
        server.compact();
        server.endWatches(410);
      },
    ],
    ['watches end with 500', () => server.endWatches(500)],
    [
      'watches are broken, and what they would go on from has expired',
      () => {
        server.disconnect();
        server.compact();
      },
    ],
    [
      'watches are broken, then 429 with Retry-After, 500 and a dropped connection',
      () => {
        server.disconnect();
        server.misbehave({ kind: 'status', status: 429, headers: { 'Retry-After': '0' } }, { times: 3 });
        server.misbehave({ kind: 'status', status: 500 }, { times: 3 });
        server.misbehave({ kind: 'drop' }, { times: 3 });
      },
    ],
    [
      'watches are broken, then nothing is answered for a while',
      () => {
        server.disconnect();
        server.misbehave({ kind: 'hang' }, { times: 3 });
      },
    ],
    [
      'the token is refused for a while',
      () => {
        server.disconnect();
        server.misbehave({ kind: 'status', status: 401 }, { times: 6 });
      },
    ],
    [
      'the server is away for a while',
      async () => {
        await server.stop();
        await sleep(50);
        await server.start();
      },
    ],
  ])('%s: changes before and after are known', async (_, misbehave) => {
    server.put(service('a', 81));
    await misbehave();
    server.put(service('d'));
    server.put(slice('d', '10.244.0.4', '10.244.0.5'));
    server.delete(service('b'));
    server.put(slice('a', '10.244.0.2'));
    await eventually(state, {
      'default/a': '81 10.244.0.2',
      'default/c': '80',
      'default/d': '80 10.244.0.4 10.244.0.5',
    });
  });

  test('a server that is away takes nothing away', async () => {
    await server.stop();
    await eventually(() => told.failures.length > 3, true);
    expect(state()).toEqual({ 'default/a': '80 10.244.0.1', 'default/b': '80', 'default/c': '80' });
  });

  test('a server that starts again empty is believed', async () => {
    await server.restartEmpty();
    server.put(service('new'));
    await eventually(state, { 'default/new': '80' });
  });

  test('an object that cannot be used is told of, and its last good state stays', async () => {
    server.put({ ...service('a'), spec: { clusterIP: '10.96.0.1', ports: [{ port: 70000 }] } });
    await eventually(() => told.invalid.length, 1);
    expect(told.invalid[0]).toContain(
      '/api/v1/services default/a, spec.ports[0].port: expected 1 to 65535, got 70000',
    );
    server.compact();
    server.disconnect();
    server.put(service('b', 90));
    await eventually(state, { 'default/a': '80 10.244.0.1', 'default/b': '90', 'default/c': '80' });
  });

  test('slices that come before their Service, or move to another, are joined', async () => {
    server.put(slice('later', '10.244.9.9'));
    server.put(service('later'));
    await eventually(() => state()['default/later'], '80 10.244.9.9');
    server.put({ ...slice('later', '10.244.9.9'), metadata: { ...slice('b').metadata, name: 'later-1' } });
    await eventually(() => [state()['default/later'], state()['default/b']], ['80', '80 10.244.9.9']);
  });

  test('events that change nothing that matters are not told', async () => {
    const before = told.changes.length;
    server.put({ ...service('a'), metadata: { ...service('a').metadata, annotations: { note: 'changed' } } });
    server.bookmark();
    server.put(service('z'));
    await eventually(() => state()['default/z'], '80');
    expect(told.changes).toHaveLength(before + 1);
  });
});

describe('a list as a stream that is not whole', () => {
  const CUT_BY = ['drop', 'end', 'hang', 410, 500] as const;
  const all = { 'default/a': '80 10.244.0.1', 'default/b': '80', 'default/c': '80' };

  beforeEach(() => {
    server.put(node);
    for (const name of ['a', 'b', 'c']) server.put(service(name));
    server.put(slice('a', '10.244.0.1'));
  });

  test.each(CUT_BY.flatMap((by) => [0, 1, 3].map((after) => [by, after] as const)))(
    'at the beginning, cut by %s after %i events: nothing is told of a part',
    async (by, after) => {
      server.misbehave({ kind: 'cut', by, after }, { path: '/api/v1/services' });
      await follow();
      await eventually(() => knownAtFailure, [0]);
      await eventually(() => source.synced && state(), all);
      expect(server.requests).toContain('LIST /api/v1/services');
    },
  );

  test.each(CUT_BY)('later, cut by %s: what was known stays until the next list', async (by) => {
    await follow();
    await eventually(() => source.synced && server.watchCount, 3);
    server.compact();
    server.misbehave({ kind: 'cut', by, after: 1 }, { path: '/api/v1/services', watch: true });
    server.endWatches(410);
    server.delete(service('b'));
    const seen = new Set<string>();
    await eventually(
      () => {
        seen.add(JSON.stringify(state()));
        return state();
      },
      { 'default/a': '80 10.244.0.1', 'default/c': '80' },
    );
    expect(seen.has(JSON.stringify({ 'default/a': '80 10.244.0.1' }))).toBe(false);
  });

  test('over and over: every other list comes in pages', async () => {
    server.misbehave(
      { kind: 'cut', by: 'end', after: 1 },
      { path: '/api/v1/services', times: 9, watch: true },
    );
    server.misbehave({ kind: 'status', status: 500 }, { path: '/api/v1/services', times: 2, watch: false });
    await follow();
    await eventually(() => source.synced && state(), all);
    const [list, watch] = ['LIST /api/v1/services', 'WATCH /api/v1/services'];
    const requests = server.requests.filter((request) => request.endsWith('/api/v1/services'));
    expect(requests.slice(0, 6)).toEqual([watch, list, watch, list, watch, list]);
  });
});

test('changes are counted by kind, and tell what they come from', async () => {
  server.put(node);
  server.put(service('a'));
  await follow();
  // A stream is watched before its list has come.
  await eventually(() => source.synced && server.watchCount, 3);
  told.changes.length = 0;
  server.put(service('a', 81));
  const { metadata, ...rest } = slice('a', '10.244.0.1');
  const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-21T01:02:30Z' };
  server.put({ ...rest, metadata: { ...metadata, annotations } });
  server.put({ ...node, spec: { podCIDRs: ['10.244.2.0/24'] } });
  const triggered = [Date.UTC(2026, 10, 21, 1, 2, 30)];
  await eventually(
    () => told.changes.toSorted((x, y) => y.services - x.services || y.endpointSlices - x.endpointSlices),
    [
      { services: 1, endpointSlices: 0, triggered: [] },
      { services: 0, endpointSlices: 1, triggered },
      { services: 0, endpointSlices: 0, triggered: [] },
    ],
  );
});

describe('what a later version may say does not take rules away', () => {
  const PORT = { name: 'http', port: 80, protocol: 'TCP' };
  const OTHER = { name: 'quic', port: 81, protocol: 'QUIC' };
  const slicePort = { name: 'http', port: 8080, protocol: 'TCP' };

  test.each<[string, object, object]>([
    ['spec.trafficDistribution', { spec: { trafficDistribution: 'PreferSameRack' } }, {}],
    ['spec.ipFamilyPolicy', { spec: { ipFamilyPolicy: 'PreferIPv8' } }, {}],
    [
      'spec.type',
      { spec: { type: 'Magic', externalTrafficPolicy: 'Local' } },
      { type: 'ClusterIP', externalTrafficPolicy: 'Cluster' },
    ],
    [
      'spec.externalTrafficPolicy',
      { spec: { type: 'NodePort', externalTrafficPolicy: 'Near' } },
      { type: 'NodePort', externalTrafficPolicy: 'Cluster' },
    ],
    [
      'spec.internalTrafficPolicy',
      { spec: { internalTrafficPolicy: 'Near' } },
      { internalTrafficPolicy: 'Cluster' },
    ],
    ['spec.sessionAffinity', { spec: { sessionAffinity: 'Cookie' } }, { sessionAffinitySeconds: undefined }],
    [
      'status.loadBalancer.ingress[].ipMode',
      {
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'Anycast' }, { ip: '192.0.2.2' }] } },
      },
      { loadBalancerIPs: ['192.0.2.2'] },
    ],
  ])('%s of a Service', async (_, { spec, status }: { spec?: object; status?: object }, expected) => {
    const known = service('a');
    server.put({ ...known, spec: { ...(known.spec as object), ...spec }, status });
    await follow();
    await eventually(state, { 'default/a': '80' });
    expect(source.cluster.services.get('default/a')?.service).toMatchObject(expected);
    expect(told.invalid).toEqual([]);
  });

  test('a protocol: that port is left out, and told of once', async () => {
    const known = service('a');
    const spec = { ...(known.spec as object), ports: [PORT, OTHER] };
    server.put({ ...known, spec });
    await follow();
    await eventually(state, { 'default/a': '80' });
    server.compact();
    server.endWatches(410);
    server.put({ ...known, spec: { ...spec, ports: [{ ...PORT, port: 90 }, OTHER] } });
    await eventually(state, { 'default/a': '90' });
    expect(told.invalid).toEqual([
      '/api/v1/services default/a, spec.ports[1].protocol: expected TCP, UDP or SCTP, got "QUIC"; ignoring this port',
    ]);
    expect(concerned).toEqual([{ namespace: 'default', name: 'a' }]);
  });

  test('a protocol of all ports: what was known stays', async () => {
    server.put(service('a'));
    await follow();
    await eventually(state, { 'default/a': '80' });
    server.put({ ...service('a'), spec: { ...(service('a').spec as object), ports: [OTHER] } });
    await eventually(
      () => told.invalid,
      ['/api/v1/services default/a, spec.ports[0].protocol: expected TCP, UDP or SCTP, got "QUIC"'],
    );
    expect(state()).toEqual({ 'default/a': '80' });
  });

  test.each<[string, object, string]>([
    ['an address type', { addressType: 'IPv8', endpoints: [{ addresses: ['1.2.3.4.5'] }] }, '80'],
    ['a protocol', { ports: [slicePort, { ...slicePort, name: 'quic', protocol: 'QUIC' }] }, '80 10.244.0.1'],
  ])('%s of an EndpointSlice', async (_, changes, expected) => {
    server.put(service('a'));
    server.put({ ...slice('a', '10.244.0.1'), ...changes });
    await follow();
    await eventually(() => source.synced && state(), { 'default/a': expected });
    expect([told.invalid, told.failures]).toEqual([[], []]);
  });
});

describe('an object that is giant or broken', () => {
  const port = { name: 'http', port: 80, protocol: 'TCP' };
  const { metadata } = slice('a');
  const bad = (changes: object) => ({ ...slice('a', '10.244.0.1'), ...changes }) as ApiObject;

  test.each<[string, ApiObject, string]>([
    [
      'a port of a Service that is a text',
      { ...service('a'), spec: { clusterIP: '10.96.0.1', ports: [{ ...port, port: '80' }] } },
      '/api/v1/services default/a, spec.ports[0].port: expected 1 to 65535, got "80"',
    ],
    [
      'a name of a port that is a number',
      { ...service('a'), spec: { clusterIP: '10.96.0.1', ports: [{ ...port, name: 7 }] } },
      '/api/v1/services default/a, spec.ports[0].name: expected a DNS label',
    ],
    [
      'labels that are numbers',
      { ...service('a'), metadata: { ...service('a').metadata, labels: { a: 7 } } },
      '/api/v1/services default/a, metadata.labels.a: expected a string, got 7',
    ],
    [
      'a spec that is a list',
      { ...service('a'), spec: [] },
      '/api/v1/services default/a, spec: expected a mapping, got a list of 0',
    ],
    [
      'endpoints that are a text',
      bad({ endpoints: 'none' }),
      '/apis/discovery.k8s.io/v1/endpointslices default/a-1, endpoints: expected a list, got "none"',
    ],
    [
      'annotations that are numbers, and a broken port',
      bad({ metadata: { ...metadata, annotations: { a: 7 } }, ports: [{ port: 0 }] }),
      '/apis/discovery.k8s.io/v1/endpointslices default/a-1, ports[0].port: expected 1 to 65535, got 0',
    ],
    [
      'addresses that are none, of 3,000 endpoints',
      bad({ endpoints: Array.from({ length: 3000 }, () => ({ addresses: ['here'] })) }),
      'expected an IPv4 address, got "here"; and 2995 more problems',
    ],
  ])('%s: told once, and others are served', async (_, object, message) => {
    server.put(object);
    server.put(service('b'));
    server.put(slice('b', '10.244.0.2'));
    await follow();
    await eventually(() => source.synced && state()['default/b'], '80 10.244.0.2');
    // Again by a list, and by an event that changes something else.
    server.compact();
    server.endWatches(410);
    server.put({ ...object, metadata: { ...object.metadata, generation: 2 } });
    server.put(service('b', 81));
    server.put(slice('b', '10.244.0.3'));
    await eventually(() => state()['default/b'], '81 10.244.0.3');
    expect(told.invalid).toEqual([expect.stringContaining(message)]);
    expect(concerned).toEqual([{ namespace: 'default', name: 'a' }]);
    // Mended, and broken again.
    server.put(object.kind === 'Service' ? service('a') : slice('a', '10.244.0.1'));
    server.put(object);
    await eventually(() => told.invalid.length, 2);
  });

  test('deleted while it is broken: it is gone, and nothing more is told of it', async () => {
    const broken = { ...service('a'), spec: { clusterIP: '10.96.0.1', ports: [{ ...port, port: 0 }] } };
    server.put(service('a'));
    await follow();
    await eventually(state, { 'default/a': '80' });
    server.put(broken);
    await eventually(() => told.invalid.length, 1);
    server.delete(broken);
    await eventually(state, {});
    expect(told.invalid).toHaveLength(1);
    server.put(broken);
    await eventually(() => told.invalid.length, 2);
  });

  test('an object without a name, or an event without an object, stops nothing', async () => {
    server.put({ ...service('a'), metadata: { ...service('a').metadata, name: 7 as unknown as string } });
    await follow();
    await eventually(() => server.watchCount, 3);
    server.writeToWatches('{"type":"MODIFIED","object":"what?"}');
    server.writeToWatches('{"type":"HEARTBEAT","object":{}}');
    server.put(service('b'));
    await eventually(() => source.synced && state(), { 'default/b': '80' });
    expect(told.failures).toEqual([]);
  });

  test('50,000 endpoints in a slice, and a megabyte of annotations, are served', async () => {
    const addresses = Array.from(
      { length: 50_000 },
      (_, i) => `10.${(i >> 16) + 1}.${(i >> 8) & 255}.${i & 255}`,
    );
    server.put(service('a'));
    await follow();
    await eventually(() => source.synced && state(), { 'default/a': '80' });
    server.put({
      ...slice('a', ...addresses),
      metadata: { ...metadata, annotations: { note: 'x'.repeat(1 << 20) } },
    });
    const known = () => source.cluster.services.get('default/a')?.endpointSlices[0]?.endpoints.length;
    await expect.poll(known, { timeout: 60_000 }).toBe(50_000);
    expect([told.invalid, told.failures]).toEqual([[], []]);
  });
});

test('nothing is told before everything has been listed', async () => {
  server.put(service('a'));
  server.misbehave({ kind: 'status', status: 500 }, { path: '/api/v1/nodes', times: 5 });
  await follow();
  await eventually(() => source.cluster.services.size, 1);
  expect([told.changes.length, source.synced]).toEqual([0, false]);
  await eventually(() => [told.changes.length, source.synced], [1, true]);
});
