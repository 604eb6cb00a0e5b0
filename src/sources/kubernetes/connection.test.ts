import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeApiServer } from '../../../test/support/api-server/fake-api-server.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { findAccess } from './access.ts';
import { ApiError, type Connection, connect, readAfter, type SentRequest } from './connection.ts';

const PATH = '/api/v1/services';
const BY_HAND = 'run it by hand as the same user to find out why';
const never = new AbortController().signal;

let server: FakeApiServer;
let folder: string;
let kubeconfig: string;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-connection-'));
  kubeconfig = join(folder, 'kubeconfig');
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Writes a kubeconfig for a user. */
async function write(user: object): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: server.url } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
}

const list = async (connection: Connection) => await json(await connection.get(PATH, {}, never));

describe('a token', () => {
  beforeEach(() => {
    server.token = 'first';
  });

  test.each<[string, (token: string) => Promise<void>]>([
    ['in the kubeconfig', (token) => write({ token })],
    [
      'from a program',
      async (token) => {
        const credential = {
          apiVersion: 'client.authentication.k8s.io/v1',
          kind: 'ExecCredential',
          status: { token },
        };
        await writeFile(join(folder, 'credential'), JSON.stringify(credential));
        const apiVersion = 'client.authentication.k8s.io/v1';
        await write({ exec: { apiVersion, command: 'cat', args: [join(folder, 'credential')] } });
      },
    ],
  ])('%s, and another one once that is refused', async (_, give) => {
    await give('first');
    const connection = await connect({ kubeconfig, master: undefined });
    expect(await list(connection)).toMatchObject({ kind: 'ServiceList' });

    server.token = 'second';
    await give('second');
    await expect(list(connection)).rejects.toEqual(new ApiError(401, 'HTTP 401: no'));
    expect(await list(connection)).toMatchObject({ kind: 'ServiceList' });
  });

  test('in a file that the kubeconfig names is read for each request', async () => {
    await writeFile(join(folder, 'token'), 'first\n');
    await write({ tokenFile: 'token' });
    const connection = await connect({ kubeconfig, master: undefined });
    expect(await list(connection)).toMatchObject({ kind: 'ServiceList' });
    server.token = 'second';
    await writeFile(join(folder, 'token'), 'second\n');
    expect(await list(connection)).toMatchObject({ kind: 'ServiceList' });
  });

  test('that stays refused is told of each time', async () => {
    await write({ token: 'wrong' });
    const connection = await connect({ kubeconfig, master: undefined });
    for (let i = 0; i < 2; i++) await expect(list(connection)).rejects.toMatchObject({ status: 401 });
  });

  test('is still used where the kubeconfig is away for a moment', async () => {
    await write({ token: 'first' });
    const connection = await connect({ kubeconfig, master: undefined });
    await rm(kubeconfig);
    server.misbehave({ kind: 'status', status: 401 });
    await expect(list(connection)).rejects.toMatchObject({ status: 401 });
    expect(await list(connection)).toMatchObject({ kind: 'ServiceList' });
  });
});

test('the address that is given counts more than that of the kubeconfig', async () => {
  const { url } = server;
  await server.stop();
  await write({ token: 'one' });
  await server.start();
  server.token = 'one';
  const elsewhere = await connect({ kubeconfig, master: 'http://127.0.0.1:1' });
  await expect(list(elsewhere)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  const there = await connect({ kubeconfig, master: url });
  expect(await list(there)).toMatchObject({ kind: 'ServiceList' });
});

test.each<[string, string | undefined, RegExp]>([
  ['a kubeconfig that is not there', '/nowhere/kubeconfig', /^\/nowhere\/kubeconfig: ENOENT/],
  ['no kubeconfig, and no pod', undefined, /^the Pod's service account: not running in a Pod .*--kubeconfig/],
])('%s', async (_, kubeconfig, message) => {
  await expect(connect({ kubeconfig, master: undefined })).rejects.toThrow(message);
});

/** Programs that give no credentials. Their arguments may be secrets. */
test.each<[string, string, readonly string[], string]>([
  [
    'is not there',
    'svc2ipt-no-such-program',
    [],
    'svc2ipt-no-such-program cannot be run: no such program (ENOENT)\n' +
      'install it, or add its folder to PATH',
  ],
  [
    'fails',
    'sh',
    ['-c', String.raw`printf '\033[31mlog in first\n' >&2; exit 3`],
    `sh failed: \\u001b[31mlog in first\n${BY_HAND}`,
  ],
  ['fails without a word', 'sh', ['-c', 'exit 3'], `sh failed and said nothing\n${BY_HAND}`],
  [
    'says megabytes',
    'sh',
    ['-c', 'head -c 2000000 /dev/zero | tr "\\0" x >&2; exit 3'],
    `sh failed: ${'x'.repeat(700)} ... (2000000 characters)\n${BY_HAND}`,
  ],
  [
    'says something else',
    'printf',
    ['hello'],
    `printf failed: Unexpected token 'h', "hello" is not valid JSON\n${BY_HAND}`,
  ],
  [
    'waits for ever',
    'sleep',
    ['60'],
    'sleep did not end within 1 s, and was stopped\n' +
      'find out what delays it (run it by hand; dmesg, top), then try again',
  ],
])(
  'a program of the kubeconfig that %s',
  async (_, command, args, message) => {
    await write({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args } });
    const error: unknown = await findAccess({ kubeconfig, master: undefined }, 1).catch(
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(OperationalError);
    expect(error).toMatchObject({ name: 'AccessError', message: `${kubeconfig}: ${message}` });
  },
  60_000,
);

test('objects are made, and every request is told of', async () => {
  const told: SentRequest[] = [];
  const connection = await connect({
    kubeconfig: undefined,
    master: server.url,
    onRequest: (request) => told.push(request),
  });
  await connection.post('/apis/events.k8s.io/v1/namespaces/default/events', { kind: 'Event' }, never);
  expect(server.posted).toEqual([{ kind: 'Event' }]);
  await expect(connection.get('/nowhere', {}, never)).rejects.toMatchObject({ status: 404 });
  await server.stop();
  await expect(list(connection)).rejects.toThrow();
  const host = new URL(server.url).host;
  expect(told).toEqual([
    { method: 'POST', host, code: 201 },
    { method: 'GET', host, code: 404 },
    { method: 'GET', host, code: undefined },
  ]);
});

describe('answers that are read after something else', () => {
  const answering = (body: Readable): Connection => ({ get: async () => body, post: async () => {} });

  test('are asked for at once, and wait', async () => {
    const over = Promise.withResolvers<void>();
    const body = Readable.from(['{}']);
    let given = false;
    const getting = readAfter(over.promise, answering(body))
      .get(PATH, {}, never)
      .then((answer) => {
        given = true;
        return answer;
      });
    await new Promise(setImmediate);
    expect(given).toBe(false);
    over.resolve();
    expect(await json(await getting)).toEqual({});
  });

  test('that break meanwhile fail when they are read, and nothing else does', async () => {
    const over = Promise.withResolvers<void>();
    const body = new Readable({ read() {} });
    const getting = readAfter(over.promise, answering(body)).get(PATH, {}, never);
    await new Promise(setImmediate);
    body.destroy(new Error('socket hang up'));
    await new Promise(setImmediate);
    over.resolve();
    await expect(json(await getting)).rejects.toThrow('socket hang up');
  });
});
