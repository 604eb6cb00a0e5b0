import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeApiServer } from '../../../test/support/api-server/fake-api-server.ts';
import { findAccess } from './access.ts';
import { NEEDED, WITH_PODS } from './live-kinds.ts';
import { type ClusterReading, readCluster } from './read-cluster.ts';

let server: FakeApiServer;
let missing: string[];
let options: ClusterReading;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  missing = [];
  options = {
    kubeconfig: undefined,
    master: server.url,
    requestTimeout: undefined,
    onMissing: (message) => void missing.push(message),
  };
});
afterEach(() => server.stop());

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', managedFields: [{}], labels: { app: 'web' } },
  spec: { type: 'OfTomorrow', clusterIP: '10.96.0.10' },
};

test('objects come as kubectl would print them, without what no rule needs', async () => {
  server.put(SERVICE);
  const { name, text, origin } = await readCluster(NEEDED, options);
  expect({ name, origin }).toEqual({ name: `cluster ${new URL(server.url).host}`, origin: 'cluster' });
  const { kind, items } = JSON.parse(text);
  expect(kind).toBe('List');
  expect(items).toMatchObject([{ apiVersion: 'v1', kind: 'Service', metadata: { labels: { app: 'web' } } }]);
  expect(items[0].metadata).not.toHaveProperty('managedFields');
  expect(items[0].spec).toEqual({ clusterIP: '10.96.0.10' });
});

test('ServiceCIDRs come where they are asked for', async () => {
  const ranges = {
    kind: 'ServiceCIDR',
    apiVersion: 'networking.k8s.io/v1',
    spec: { cidrs: ['10.96.0.0/16'] },
  };
  server.put({ ...ranges, metadata: { name: 'kubernetes' } });
  const { text } = await readCluster([...NEEDED, 'ServiceCIDR'], options);
  expect(JSON.parse(text).items).toMatchObject([ranges]);
});

describe('what goes wrong', () => {
  test('Services that may not be listed', async () => {
    server.misbehave({ kind: 'status', status: 403 }, { path: '/api/v1/services' });
    await expect(readCluster(NEEDED, options)).rejects.toThrow(
      `${server.url} refuses to list services: HTTP 403: no\nlet this user list services: bind the ClusterRole in deploy/reader`,
    );
  });

  test('Pods that may not be listed are told of, and done without', async () => {
    server.misbehave({ kind: 'status', status: 403 }, { path: '/api/v1/pods' });
    await readCluster(WITH_PODS, options);
    expect(missing).toEqual([expect.stringContaining('refuses to list pods: HTTP 403')]);
  });

  test.each([404, 403])(
    'ServiceCIDRs that are answered with %i are told of, and done without',
    async (status) => {
      server.misbehave({ kind: 'status', status }, { path: '/apis/networking.k8s.io/v1/servicecidrs' });
      await readCluster([...NEEDED, 'ServiceCIDR'], options);
      expect(missing).toEqual([
        expect.stringContaining(`refuses to list servicecidrs.networking.k8s.io: HTTP ${status}`),
      ]);
    },
  );

  test('a token that is none', async () => {
    server.token = 'other';
    await expect(readCluster(NEEDED, options)).rejects.toThrow(
      /HTTP 401: no\nlog in again, or choose another user/,
    );
  });

  test('a server that does not answer in time', async () => {
    server.misbehave({ kind: 'hang' }, { path: '/api/v1/nodes' });
    await expect(readCluster(NEEDED, { ...options, requestTimeout: 50 })).rejects.toThrow(
      `cannot list nodes from ${server.url}: no answer within --request-timeout`,
    );
  });

  test('nobody there', async () => {
    const { url } = server;
    await server.stop();
    await expect(readCluster(NEEDED, options)).rejects.toThrow(`from ${url}: `);
    await server.start();
  });
});

describe('contexts, clusters and users', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
    const config = (name: string, current?: string) => ({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server: `http://${name}.example` } }],
      users: [{ name, user: { token: `token-of-${name}` } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      ...(current === undefined ? {} : { 'current-context': current }),
    });
    await writeFile(join(folder, 'one'), JSON.stringify(config('one', 'one')));
    await writeFile(join(folder, 'two'), JSON.stringify(config('two')));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const access = async (named: object, first = 'one') => {
    const files = { kubeconfig: join(folder, first), others: first === 'one' ? [join(folder, 'two')] : [] };
    const { server, headers } = await findAccess({ master: undefined, ...files, ...named });
    return [server, headers.Authorization];
  };

  test.each<[string, object, string, string]>([
    ['the current context', {}, 'one', 'one'],
    ['another context, of another file', { context: 'two' }, 'two', 'two'],
    ['another cluster', { cluster: 'two' }, 'two', 'one'],
    ['another user', { user: 'two' }, 'one', 'two'],
    ['a context and another user', { context: 'two', user: 'one' }, 'two', 'one'],
  ])('%s', async (_, named, cluster, user) => {
    expect(await access(named)).toEqual([`http://${cluster}.example`, `Bearer token-of-${user}`]);
  });

  test.each<[object, string, string]>([
    [{ context: 'tow' }, 'one', 'no context "tow", it has one, two'],
    [{ cluster: 'three' }, 'one', 'no cluster "three", it has one, two'],
    [{}, 'two', 'no current context: choose one with --context (two)'],
  ])('%j of %s', async (named, first, message) => {
    await expect(access(named, first)).rejects.toThrow(message);
  });
});
