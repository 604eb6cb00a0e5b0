import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiObject, FakeApiServer } from '../../../test/support/api-server/fake-api-server.ts';
import type { SourceChange } from '../source.ts';
import { connect } from './connection.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import type { ListWatchTimes } from './list-watch.ts';

const TIMES: ListWatchTimes = {
  pageSize: 2,
  watchSeconds: 60,
  silence: 400,
  backOff: { first: 5, longest: 40 },
};

let server: FakeApiServer;
let source: KubernetesSource;
let stop: AbortController;
let running: Promise<void>;
let told: { changes: SourceChange[]; invalid: string[]; failures: string[] };

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  told = { changes: [], invalid: [], failures: [] };
});

afterEach(async () => {
  stop.abort();
  await running;
  await server.stop();
});

async function follow(): Promise<void> {
  const connection = await connect({ kubeconfig: undefined, master: server.url });
  stop = new AbortController();
  source = new KubernetesSource(
    connection,
    'node1',
    {
      changed: (change) => told.changes.push(change),
      invalid: (message) => told.invalid.push(message),
      warned: () => {},
      failed: (_, error) => told.failures.push(error.message),
    },
    TIMES,
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

describe('what a server does, and what is known afterwards', () => {
  beforeEach(async () => {
    server.put(node);
    for (const name of ['a', 'b', 'c']) server.put(service(name));
    server.put(slice('a', '10.244.0.1'));
    await follow();
    await eventually(() => source.synced && server.watchCount, 3);
  });

  test('lists come in pages, and objects that belong together are joined', () => {
    expect(state()).toEqual({ 'default/a': '80 10.244.0.1', 'default/b': '80', 'default/c': '80' });
    expect(server.requests.filter((request) => request === 'LIST /api/v1/services')).toHaveLength(2);
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

test('changes are counted by kind, and tell what they come from', async () => {
  server.put(node);
  server.put(service('a'));
  await follow();
  await eventually(() => server.watchCount, 3);
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

test('what a later version may say of a Service, and what decides no rule, does not take its rules away', async () => {
  const { spec, ...rest } = service('a');
  server.put({ ...rest, spec: { ...(spec as object), trafficDistribution: 'PreferSameRack' } });
  await follow();
  await eventually(state, { 'default/a': '80' });
  expect(told.invalid).toEqual([]);
});

test('nothing is told before everything has been listed', async () => {
  server.put(service('a'));
  server.misbehave({ kind: 'status', status: 500 }, { path: '/api/v1/nodes', times: 5 });
  await follow();
  await eventually(() => source.cluster.services.size, 1);
  expect([told.changes.length, source.synced]).toEqual([0, false]);
  await eventually(() => [told.changes.length, source.synced], [1, true]);
});
