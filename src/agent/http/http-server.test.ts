import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { Log } from '../log.ts';
import { HttpServer, type HttpServerTimes, ListenError, listenOptions } from './http-server.ts';
import { ANY_PATH, type Page, type Routes, textAnswer } from './routes.ts';

const TIMES: HttpServerTimes = {
  headers: 50,
  request: 50,
  check: 10,
  idle: 5000,
  send: 5000,
  retry: 10,
  drain: 100,
};
const LOCALHOST: ListenOptions = { host: '127.0.0.1', port: 0 };

const running: HttpServer[] = [];
const others: Server[] = [];
const told: string[] = [];
const writer = { write: (line: string) => told.push(line) };
const log = new Log({ format: 'json', verbosity: 0, streams: { error: writer, info: writer } });

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  for (const other of others.splice(0)) other.close();
  told.length = 0;
});

function serverOf(routes: Record<string, Page>, listen = LOCALHOST, times = TIMES): HttpServer {
  const pages: Routes = new Map(Object.entries(routes));
  const server = new HttpServer({ name: 'test', listen, routes: pages, log, times });
  running.push(server);
  return server;
}

async function started(routes: Record<string, Page>): Promise<HttpServer> {
  const server = serverOf(routes);
  await server.start({ hardFail: true });
  return server;
}

interface Got {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

async function send(
  server: HttpServer,
  path: string,
  {
    method = 'GET',
    body = '',
    headers = {},
  }: { method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Got> {
  const outgoing = httpRequest({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** A connection of which nothing is parsed. */
async function raw(server: HttpServer, sent: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.port ?? 0 });
  await once(socket, 'connect');
  socket.write(sent);
  return socket;
}

const HELLO: Page = { answer: () => textAnswer('hello') };

describe('a request', () => {
  const echo: Page = {
    methods: ['PUT'],
    answer: ({ method, query, body }) => textAnswer(`${method} ${query.get('q')} ${body}`),
  };
  const failing: Page = {
    answer: () => {
      throw new Error('no rules yet');
    },
  };
  const rejecting: Page = { answer: () => Promise.reject(new Error('no rules yet')) };
  const unsendable: Page = { answer: () => ({ headers: { 'X-Name': 'a\nb' }, body: '' }) };
  const pages = {
    '/hello': HELLO,
    '/echo': echo,
    '/failing': failing,
    '/rejecting': rejecting,
    '/unsendable': unsendable,
  };

  test.each<[string, string, Parameters<typeof send>[2], Partial<Got>]>([
    ['is answered by the page of its path', '/hello', {}, { status: 200, body: 'hello' }],
    ['whatever the query', '/hello?a=b?c', {}, { status: 200, body: 'hello' }],
    ['of no page', '/other', {}, { status: 404, body: '404 page not found\n' }],
    ['of a longer path', '/hello/', {}, { status: 404 }],
    ['of a name that every object has', '/constructor', {}, { status: 404 }],
    ['HEAD has no body', '/hello', { method: 'HEAD' }, { status: 200, body: '' }],
    ['with another method', '/hello', { method: 'POST' }, { status: 405, body: '405 method not allowed\n' }],
    ['with the method that a page wants', '/echo?q=1', { method: 'PUT', body: '5' }, { body: 'PUT 1 5' }],
    ['with GET where a page wants another', '/echo', {}, { status: 405 }],
    ['with too long a body', '/echo', { method: 'PUT', body: 'x'.repeat(2000) }, { status: 413 }],
    ['with too long headers', '/hello', { headers: { 'X-Long': 'x'.repeat(10_000) } }, { status: 431 }],
    ['whose page throws', '/failing', {}, { status: 500, body: '500 internal error; see the log\n' }],
    ['whose page fails later', '/rejecting', {}, { status: 500 }],
    ['whose answer cannot be sent', '/unsendable', {}, { status: 500 }],
  ])('%s', async (_, path, how, expected) => {
    const server = await started(pages);
    expect(await send(server, path, how)).toMatchObject(expected);
    // And it goes on.
    expect(await send(server, '/hello')).toMatchObject({ status: 200 });
  });

  test.each([
    ['/hello', 'POST', 'GET, HEAD'],
    ['/echo', 'GET', 'PUT'],
  ])('%s with %s is told what is allowed', async (path, method, allowed) => {
    const { headers } = await send(await started(pages), path, { method });
    expect(headers.allow).toBe(allowed);
  });

  test('HEAD is told the length that GET would have', async () => {
    const { headers } = await send(await started(pages), '/hello', { method: 'HEAD' });
    expect(headers).toMatchObject({ 'content-length': '5', 'x-content-type-options': 'nosniff' });
    expect(headers.date).toBeDefined();
  });

  test('an error of a page is logged, with what was asked for', async () => {
    await send(await started(pages), '/failing');
    expect(told.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ severity: 'error', url: '/failing', error: 'Error: no rules yet' }),
    ]);
  });

  test('of any path, where one page answers for all', async () => {
    const server = await started({ [ANY_PATH]: HELLO });
    expect(await send(server, '/what/ever')).toMatchObject({ status: 200, body: 'hello' });
  });

  test('several come over one connection', async () => {
    const socket = await raw(await started(pages), 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2));
    let received = '';
    for await (const chunk of socket.setEncoding('utf8')) {
      received += chunk;
      if (received.split('hello').length === 3) break;
    }
    expect(received.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
  });

  test('that come together are begun one after the other, and not at all once the client has left', async () => {
    const begun: AbortSignal[] = [];
    const slow: Page = {
      answer: ({ over }) => {
        begun.push(over);
        return new Promise(() => {});
      },
    };
    const server = await started({ '/slow': slow, '/hello': HELLO });
    const socket = await raw(server, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20));
    await expect.poll(() => begun.length).toBe(1);
    socket.destroy();
    await expect.poll(() => begun[0]?.aborted).toBe(true);
    expect(await send(server, '/hello')).toMatchObject({ status: 200 });
    expect(begun).toHaveLength(1);
  });

  test('whose answer nobody takes: the connection is closed', async () => {
    const page: Page = { answer: () => textAnswer('x'.repeat(50_000_000)) };
    const server = serverOf({ '/large': page }, LOCALHOST, { ...TIMES, send: 50 });
    await server.start({ hardFail: true });
    const socket = await raw(server, 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    let received = 0;
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    const closed = new Promise<void>((resolve) =>
      socket.on('error', () => {}).once('close', () => resolve()),
    );
    socket.resume();
    await closed;
    expect(received).toBeLessThan(50_000_000);
  });

  test.each([
    ['whose headers never end', 'GET /hello HTTP/1.1\r\nHost: a\r\n'],
    ['whose body never comes', 'PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12'],
    ['that is none', 'hello\r\n\r\n'],
  ])('%s: the connection is closed', async (_, sent) => {
    const server = await started(pages);
    const socket = await raw(server, sent);
    socket.resume();
    await once(socket, 'close');
    expect(await send(server, '/hello')).toMatchObject({ status: 200 });
  });

  test('whose client goes away in the middle is no error', async () => {
    const server = await started(pages);
    const socket = await raw(server, 'PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12');
    socket.destroy();
    await once(socket, 'close');
    expect(await send(server, '/hello')).toMatchObject({ status: 200 });
    await server.stop();
    expect(told).toEqual([]);
  });
});

describe('an address', () => {
  test.each<[string, ListenOptions]>([
    ['127.0.0.1:10249', { host: '127.0.0.1', port: 10249 }],
    ['[::1]:10249', { host: '::1', port: 10249 }],
    ['0.0.0.0:10256', { port: 10256 }],
    ['[::]:10256', { port: 10256 }],
  ])('%s', (text, expected) => {
    expect(listenOptions(text)).toEqual(expected);
  });

  test('the any-address is that of IPv4, too', async () => {
    const server = serverOf({ '/hello': HELLO }, listenOptions('0.0.0.0:0'));
    await server.start({ hardFail: true });
    expect(await send(server, '/hello')).toMatchObject({ status: 200 });
  });

  test.each<[string, () => Promise<ListenOptions>, string]>([
    ['that another program has', taken, 'EADDRINUSE'],
    ['that no interface has', async () => ({ host: '192.0.2.1', port: 0 }), 'EADDRNOTAVAIL'],
  ])('%s is an error where it must be had', async (_, where, code) => {
    const listen = await where();
    const server = serverOf({}, listen);
    const error: unknown = await server.start({ hardFail: true }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(`cannot listen on ${listen.host}:${listen.port} (test): `);
    expect(server.port).toBeUndefined();
  });

  test('that another program has is tried again until it is free', async () => {
    const [other, listen] = await otherProgram();
    const server = serverOf({ '/hello': HELLO }, listen);
    await server.start({ hardFail: false });
    expect(server.port).toBeUndefined();
    expect(told.join()).toContain('another program listens there');
    other.close();
    await expect.poll(() => server.port).toBe(listen.port);
    expect(await send(server, '/hello')).toMatchObject({ status: 200 });
  });

  test('is not tried again once the server is stopped', async () => {
    const [other, listen] = await otherProgram();
    const server = serverOf({}, listen);
    await server.start({ hardFail: false });
    await server.stop();
    other.close();
    await once(other, 'close');
    await new Promise((resolve) => setTimeout(resolve, 5 * TIMES.retry));
    expect(server.port).toBeUndefined();
  });

  async function otherProgram() {
    const other = createServer().listen(LOCALHOST);
    others.push(other);
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    return [other, { host: '127.0.0.1', port }] as const;
  }

  async function taken(): Promise<ListenOptions> {
    const [, listen] = await otherProgram();
    return listen;
  }
});

describe('stopping', () => {
  /** A page that begins, and is answered when the test says so. */
  function slowPage() {
    const begun = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    const page: Page = {
      answer: async () => {
        begun.resolve();
        return textAnswer(await answer.promise);
      },
    };
    return { page, begun: begun.promise, answer };
  }

  test('ends what is idle, and takes nothing new', async () => {
    const server = await started({ '/hello': HELLO });
    const { port } = server;
    const socket = await raw(server, 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'data');
    await server.stop();
    await once(socket.resume(), 'close');
    const refused = connect({ host: '127.0.0.1', port: port ?? 0 });
    await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('waits for requests in hand, and tells that no other may follow', async () => {
    const slow = slowPage();
    const server = serverOf({ '/slow': slow.page }, LOCALHOST, { ...TIMES, drain: 60_000 });
    await server.start({ hardFail: true });
    const answered = send(server, '/slow', { headers: { Connection: 'keep-alive' } });
    await slow.begun;
    const stopped = server.stop();
    slow.answer.resolve('late');
    expect(await answered).toMatchObject({ status: 200, body: 'late', headers: { connection: 'close' } });
    await stopped;
  });

  test('does not wait for ever', async () => {
    const slow = slowPage();
    const server = await started({ '/slow': slow.page });
    const answered = send(server, '/slow').catch((error: NodeJS.ErrnoException) => error.code);
    await slow.begun;
    await server.stop();
    expect(await answered).toBe('ECONNRESET');
    slow.answer.resolve('to nobody');
  });

  test('while it begins to listen, and twice', async () => {
    const server = serverOf({});
    const starting = server.start({ hardFail: true });
    await Promise.all([server.stop(), server.stop(), starting]);
    expect(server.port).toBeUndefined();
  });

  test('what was never started', async () => {
    await serverOf({}).stop();
  });
});
