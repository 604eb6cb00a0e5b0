import type { AddressInfo } from 'node:net';
import { connect as connectTCP, createServer, type Server, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type ApiObject, FakeApiServer } from '../../../test/support/api-server/fake-api-server.ts';
import { TLS } from '../../../test/support/api-server/tls.ts';
import type { Access } from './access.ts';
import type { Connection } from './connection.ts';
import { ApiError } from './connection.ts';
import { type Follower, listWatch, type Resource } from './list-watch.ts';
import { DEFAULT_LIVENESS, type Liveness, Transport } from './transport.ts';

const PATH = '/api/v1/services';
const PROTOCOLS = [
  ['HTTP/2', { ...TLS, http2: true }],
  ['HTTP/1.1 over TLS', { ...TLS, http2: false }],
  ['HTTP/1.1', undefined],
] as const;
const HTTP2 = PROTOCOLS[0][1];

const service = (name: string): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
});

const stack: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const end of stack.splice(0).reverse()) await end();
});

async function start(tls: (typeof PROTOCOLS)[number][1]): Promise<FakeApiServer> {
  const server = new FakeApiServer(tls ? { tls } : {});
  await server.start();
  stack.push(() => server.stop());
  return server;
}

const accessTo = (server: string): Access => ({ server, tls: { ca: TLS.cert }, headers: {} });

/** What following Services over a transport comes to. */
function follow(server: string, liveness?: Liveness) {
  const known = new Set<string>();
  const failures: string[] = [];
  const transport = new Transport(accessTo(server), liveness);
  const connection: Connection = {
    get: async (path, query, signal) => {
      const url = new URL(path, server);
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      const answer = await transport.send({ method: 'GET', url, headers: {}, body: undefined, signal });
      if (answer.status !== 200) throw new ApiError(answer.status, 'no');
      return answer.body;
    },
    post: async () => {},
  };
  const nameOf = (object: unknown) => (object as ApiObject).metadata.name;
  const resource: Resource<string> = { path: PATH, selectors: {}, keyOf: nameOf, reduce: nameOf };
  const follower: Follower<string> = {
    listed: (names) => {
      known.clear();
      for (const name of names) known.add(name);
    },
    changed: (name) => known.add(name),
    deleted: (name) => known.delete(name),
    failed: (error) => failures.push(error.message),
    recovered: () => {},
  };
  const stop = new AbortController();
  const times = { pageSize: 500, watchSeconds: 300, silence: 60_000, backOff: { first: 5, longest: 20 } };
  const running = listWatch(connection, resource, follower, stop.signal, times);
  stack.push(async () => {
    stop.abort();
    await running;
    await transport.close();
  });
  return { known, failures };
}

/** By the clock, which is real where timers are not. */
async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !condition() && Date.now() < end; ) await turn();
}

async function eventually<T>(actual: () => T, expected: T): Promise<void> {
  await vi.waitFor(() => expect(actual()).toEqual(expected), { timeout: 15_000, interval: 5 });
}

describe.each(PROTOCOLS)('%s', (name, tls) => {
  test('requests are answered, whatever their status, and with what was asked for', async () => {
    const server = await start(tls);
    server.put(service('a'));
    server.misbehave({ kind: 'status', status: 429, headers: { 'Retry-After': '3' } });
    const transport = new Transport(accessTo(server.url));
    stack.push(() => transport.close());
    const send = (method: 'GET' | 'POST', path: string, body?: string) =>
      transport.send({
        method,
        url: new URL(path, server.url),
        headers: {},
        body,
        signal: new AbortController().signal,
      });
    const refused = await send('GET', PATH);
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '3']);
    const listed = await send('GET', `${PATH}?limit=1`);
    expect(await json(listed.body)).toMatchObject({ items: [{ metadata: { name: 'a' } }] });
    const made = await send('POST', '/apis/events.k8s.io/v1/namespaces/default/events', '{"kind":"Event"}');
    expect([made.status, server.posted]).toEqual([201, [{ kind: 'Event' }]]);
  });

  test('a server that is away, or drops connections, fails requests, and is found again', async () => {
    const server = await start(tls);
    const { known, failures } = follow(server.url);
    server.put(service('a'));
    await eventually(() => [...known], ['a']);
    await server.stop();
    await eventually(() => failures.length > 2, true);
    await server.start();
    server.put(service('b'));
    await eventually(() => [...known], ['a', 'b']);
    server.misbehave({ kind: 'drop' }, { times: 2 });
    server.disconnect();
    server.put(service('c'));
    await eventually(() => [...known], ['a', 'b', 'c']);
  });

  test('a quiet cluster: two hours without a word are no failure', async () => {
    const server = await start(tls);
    server.put(service('a'));
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
    });
    const { known, failures } = follow(server.url);
    const settle = async () => {
      for (let i = 0; i < 20; i++) await turn();
    };
    await until(() => server.watchCount > 0);
    const before = server.requests.length;
    for (let seconds = 0; seconds < 7200; seconds += 5) {
      await vi.advanceTimersByTimeAsync(5000);
      await settle();
    }
    expect(failures).toEqual([]);
    // Watches last five to ten minutes, as they were asked to.
    expect(server.requests.length - before).toBeGreaterThanOrEqual(11);
    expect(server.requests.length - before).toBeLessThanOrEqual(24);
    server.put(service('b'));
    await until(() => known.size === 2);
    expect([...known]).toEqual(['a', 'b']);
  }, 120_000);

  test('a server that does not end a watch as it was asked to is left', async () => {
    const server = await start(tls);
    server.put(service('a'));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { failures } = follow(server.url);
    await until(() => server.watchCount > 0);
    server.neverEnd();
    for (let minutes = 0; minutes < 12; minutes++) await vi.advanceTimersByTimeAsync(60_000);
    await until(() => failures.length > 0);
    // The next may have been left as well by now.
    for (const failure of failures) expect(failure).toMatch(/^no data from the server for \d+ s$/);
    expect(failures.length).toBeGreaterThan(0);
  });

  test(`${name} is what is spoken`, async () => {
    const server = await start(tls);
    follow(server.url);
    await eventually(() => server.watchCount, 1);
    expect(server.httpVersions).toEqual(new Set([name === 'HTTP/2' ? '2.0' : '1.1']));
  });
});

/** A way to a server on which nothing comes through any more, though both ends think that it is there. */
class DeadEnd {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  connections = 0;

  constructor(port: number) {
    this.#server = createServer((near) => {
      this.connections++;
      const far = connectTCP(port, '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) this.#sockets.add(socket.on('error', () => {}));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    stack.push(() => {
      for (const socket of this.#sockets) socket.destroy();
      this.#server.close();
    });
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Of the connections that there are. */
  die(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }
}

describe('a connection that is dead', () => {
  test('is found within a minute, on either protocol', () => {
    const { after, patience } = DEFAULT_LIVENESS;
    expect(after + patience).toBeLessThan(60_000);
    // The probes of TCP's keepalive: ten, one a second.
    expect(after + 10_000).toBeLessThan(60_000);
  });

  test('is found by a ping, and everything goes on over another one', async () => {
    const server = await start(HTTP2);
    const way = new DeadEnd(Number(new URL(server.url).port));
    const { known, failures } = follow(await way.listen(), { after: 100, patience: 2000 });
    server.put(service('a'));
    await eventually(() => [...known], ['a']);
    // Pings are answered: nothing happens.
    await sleep(700);
    expect([failures, way.connections]).toEqual([[], 1]);
    way.die();
    server.put(service('b'));
    await eventually(() => [...known], ['a', 'b']);
    expect([failures, way.connections]).toEqual([['the connection is dead: no answer to a ping for 2 s'], 2]);
  });
});

describe('HTTP/2', () => {
  test('all requests share one connection', async () => {
    const server = await start(HTTP2);
    const way = new DeadEnd(Number(new URL(server.url).port));
    const url = await way.listen();
    const transport = new Transport(accessTo(url));
    stack.push(() => transport.close());
    const { signal } = new AbortController();
    const request = { method: 'GET', url: new URL(PATH, url), headers: {}, body: undefined, signal } as const;
    const answers = await Promise.all([1, 2, 3].map(() => transport.send(request)));
    for (const { body } of answers) expect(await json(body)).toMatchObject({ kind: 'ServiceList' });
    expect(way.connections).toBe(1);
  });

  test('a server that goes away politely is asked over a new connection, and what it has begun goes on', async () => {
    const server = await start(HTTP2);
    const { known, failures } = follow(server.url);
    await eventually(() => server.watchCount, 1);
    server.goAway();
    server.put(service('a'));
    await eventually(() => [...known], ['a']);
    expect(failures).toEqual([]);
  });

  test('a request that is given up while there is no connection ends at once', async () => {
    const hole = createServer();
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    stack.push(() => hole.close());
    const url = new URL(`https://127.0.0.1:${(hole.address() as AddressInfo).port}${PATH}`);
    const transport = new Transport(accessTo(url.origin));
    const stop = new AbortController();
    const sent = transport.send({ method: 'GET', url, headers: {}, body: undefined, signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(sent).rejects.toThrow('enough');
  });
});
