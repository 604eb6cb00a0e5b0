/** What every server of the agent answers to requests that nobody means well, byte by byte. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProxyHealth } from '../health/health.ts';
import { HealthCheckServers } from '../health/health-check-servers.ts';
import { SILENT } from '../log.ts';
import { HealthServer } from './health-server.ts';
import { HttpServer, type HttpServerTimes } from './http-server.ts';
import { metricsPages } from './metrics-pages.ts';

const TIMES: HttpServerTimes = {
  headers: 300,
  request: 300,
  check: 20,
  idle: 5000,
  send: 5000,
  retry: 10,
  drain: 100,
};
const LOCALHOST = { host: '127.0.0.1', port: 0 };

const health = new ProxyHealth({ syncPeriod: 30_000, families: ['ipv4'] });
const healthServer = new HealthServer({
  listen: LOCALHOST,
  syncPeriod: 30_000,
  families: ['ipv4'],
  health,
  log: SILENT,
  times: TIMES,
});
const metricsServer = new HttpServer({
  name: 'metrics',
  listen: LOCALHOST,
  routes: metricsPages({
    metrics: { contentType: 'text/plain', text: async () => 'up 1\n' },
    configz: () => ({}),
    rules: async () => 'rules\n',
    state: async () => '{}\n',
    drift: async () => 'drift\n',
    enableProfiling: true,
    log: SILENT,
  }),
  names: () => ['node-a'],
  log: SILENT,
  times: TIMES,
});
const healthChecks = new HealthCheckServers({ healthy: () => true, log: SILENT, times: TIMES });

/** The servers, each with a page that it answers. */
const ports = new Map<string, number | undefined>();
const PAGES = { health: '/livez', metrics: '/metrics', 'health check': '/' } as const;
type Name = keyof typeof PAGES;
const NAMES = Object.keys(PAGES) as Name[];

beforeAll(async () => {
  await healthServer.start({ hardFail: true });
  await metricsServer.start({ hardFail: true });
  ports.set('health', healthServer.port);
  ports.set('metrics', metricsServer.port);
  // Health checks are told their port; this one was free a moment ago.
  const free = new HttpServer({ name: 'free', listen: LOCALHOST, routes: new Map(), log: SILENT });
  await free.start({ hardFail: true });
  const port = free.port ?? 0;
  await free.stop();
  await healthChecks.update([
    {
      service: { namespace: 'shop', name: 'web' },
      family: 'ipv4',
      port,
      addresses: ['127.0.0.1'],
      localEndpoints: 1,
    },
  ]);
  ports.set('health check', port);
});

afterAll(async () => {
  await Promise.all([healthServer.stop(), metricsServer.stop(), healthChecks.stop()]);
});

async function open(name: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: ports.get(name) ?? 0 });
  await once(socket, 'connect');
  return socket.on('error', () => {});
}

/** However it comes to it. */
const closeOf = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

/** Sends text and reads until the server closes the connection; the statuses that came. */
async function statusesOf(name: string, sent: string): Promise<number[]> {
  const socket = await open(name);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  socket.write(sent);
  await closeOf(socket);
  return [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
}

/** A request for the page that a server answers; further header lines. */
const asking = (name: Name, headers = '', { method = 'GET', version = '1.1' } = {}) =>
  `${method} ${PAGES[name]} HTTP/${version}\r\n${headers}\r\n`;
const CLOSE = 'Connection: close\r\n';

describe.each(NAMES)('the %s server', (name) => {
  test.each<[string, string, readonly number[]]>([
    ['a request', asking(name, `Host: a\r\n${CLOSE}`), [200]],
    ['HTTP/1.0 without a Host', asking(name, '', { version: '1.0' }), [200]],
    ['HTTP/1.1 without a Host', asking(name, CLOSE), [400]],
    ['two Hosts', asking(name, `Host: a\r\nHost: b\r\n${CLOSE}`), [400]],
    ['a Host of somebody else', asking(name, `Host: evil.example\r\n${CLOSE}`), [200]],
    ['HTTP/2 in clear text', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400]],
    // Answered as if it were HTTP/1.0: the parser knows it.
    ['HTTP/0.9', `GET ${PAGES[name]}\r\n\r\n`, [200]],
    ['a version that there is not', asking(name, 'Host: a\r\n', { version: '9.9' }), [400]],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    ['a method in no list', asking(name, `Host: a\r\n${CLOSE}`, { method: 'STEAL' }), [400]],
    ['a method of other servers', asking(name, `Host: a\r\n${CLOSE}`, { method: 'PROPFIND' }), [405]],
    ['DELETE', asking(name, `Host: a\r\n${CLOSE}`, { method: 'DELETE' }), [405]],
    [
      'OPTIONS, as browsers ask before they send',
      asking(name, `Host: a\r\n${CLOSE}`, { method: 'OPTIONS' }),
      [405],
    ],
    ['TRACE', asking(name, `Host: a\r\n${CLOSE}`, { method: 'TRACE' }), [405]],
    ['CONNECT', 'CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: a\r\n\r\n', []],
    [
      'an upgrade',
      asking(name, `Host: a\r\n${CLOSE.replace('close', 'close, Upgrade')}Upgrade: websocket\r\n`),
      [200],
    ],
    ['too long a URL', `GET /${'x'.repeat(10_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, [431]],
    ['too long a header', asking(name, `Host: a\r\nX-Long: ${'x'.repeat(10_000)}\r\n`), [431]],
    ['too many headers', asking(name, `Host: a\r\n${'X: y\r\n'.repeat(3000)}`), [431]],
    ['a header without an end of its name', asking(name, 'Host: a\r\nX Y: z\r\n'), [400]],
    ['a header with a NUL', asking(name, 'Host: a\r\nX: \0\r\n'), [400]],
    ['headers folded as they once were', asking(name, 'Host: a\r\nX: y\r\n z\r\n'), [400]],
    ['two lengths', asking(name, 'Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n'), [400]],
    [
      'a length and chunks',
      asking(name, 'Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
      [400],
    ],
    ['a negative length', asking(name, 'Host: a\r\nContent-Length: -1\r\n'), [400]],
    ['a body too long', `${asking(name, 'Host: a\r\nContent-Length: 2000\r\n')}${'x'.repeat(2000)}`, [413]],
    [
      'a body too long, that does not come',
      `${asking(name, 'Host: a\r\nContent-Length: 99999999\r\n')}${'x'.repeat(2000)}`,
      [413],
    ],
    [
      'a body too long, in chunks',
      `${asking(name, 'Host: a\r\nTransfer-Encoding: chunked\r\n')}7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`,
      [413],
    ],
    ['chunks that are none', `${asking(name, 'Host: a\r\nTransfer-Encoding: chunked\r\n')}zz\r\n`, [400]],
    ['headers that never end', `GET ${PAGES[name]} HTTP/1.1\r\nHost: a\r\n`, [408]],
    ['nothing of a body', asking(name, 'Host: a\r\nContent-Length: 5\r\n'), [408]],
    [
      'three at once',
      `${asking(name, 'Host: a\r\n').repeat(2)}${asking(name, `Host: a\r\n${CLOSE}`)}`,
      [200, 200, 200],
    ],
    ['far more at once than anybody asks', asking(name, 'Host: a\r\n').repeat(1000), []],
  ])('%s', async (_, sent, expected) => {
    expect(await statusesOf(name, sent)).toEqual(expected);
    // And it goes on.
    expect(await statusesOf(name, asking(name, `Host: a\r\n${CLOSE}`))).toEqual([200]);
  });

  test('headers that come one byte at a time', async () => {
    const socket = await open(name);
    const closed = closeOf(socket.resume());
    let sent = 0;
    const drip = setInterval(
      () => socket.write('GET / HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'[sent++] ?? 'y'),
      10,
    );
    await closed;
    clearInterval(drip);
    expect(await statusesOf(name, asking(name, `Host: a\r\n${CLOSE}`))).toEqual([200]);
  });

  test('more idle, slow and silent connections than there may be', async () => {
    const others = await Promise.all(
      [
        '',
        'GET / HTTP/1.1\r\n',
        asking(name, 'Host: a\r\n'),
        asking(name, 'Host: a\r\nContent-Length: 5\r\n'),
      ].flatMap((sent) =>
        Array.from({ length: 80 }, async () => {
          const socket = await open(name);
          socket.write(sent);
          return socket;
        }),
      ),
    );
    for (let i = 0; i < 5; i++)
      expect(await statusesOf(name, asking(name, `Host: a\r\n${CLOSE}`))).toEqual([200]);
    for (const socket of others) socket.destroy();
  });
});

describe('what a web site could have a browser ask, with its own name for this node', () => {
  const GUARDED = ['/debug/rules', '/debug/state', '/debug/drift', '/configz'];
  test.each<[string, string, number]>([
    ...GUARDED.flatMap((path): [string, string, number][] => [
      [path, 'evil.example:10249', 421],
      [path, 'localhost.evil.example', 421],
      [path, '127.0.0.1:10249', 200],
      [path, '[::1]:10249', 200],
      [path, 'localhost:10249', 200],
      [path, 'node-a', 200],
    ]),
    ['/metrics', 'prometheus.example', 200],
    ['/healthz', 'evil.example', 200],
    ['/proxyMode', 'evil.example', 200],
  ])('%s of %s: %d', async (path, host, status) => {
    expect(await statusesOf('metrics', `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}\r\n`)).toEqual([
      status,
    ]);
  });

  test('nor can it set how much is logged', async () => {
    const put = (host: string) =>
      statusesOf(
        'metrics',
        `PUT /debug/flags/v HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}Content-Length: 1\r\n\r\n0`,
      );
    expect(await put('evil.example')).toEqual([421]);
    expect(await put('localhost')).toEqual([200]);
  });
});
