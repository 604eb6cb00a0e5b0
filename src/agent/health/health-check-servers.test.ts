import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { Log } from '../log.ts';
import type { HealthCheck } from './health-check-node-ports.ts';
import { HealthCheckServers } from './health-check-servers.ts';

const told: string[] = [];
const writer = { write: (line: string) => told.push(line) };
const log = new Log({ format: 'json', verbosity: 0, streams: { error: writer, info: writer } });

let healthy = true;
let servers = new HealthCheckServers({ healthy: () => healthy, log });
const others: Server[] = [];

afterEach(async () => {
  await servers.stop();
  for (const other of others.splice(0)) other.close();
  servers = new HealthCheckServers({ healthy: () => healthy, log });
  healthy = true;
  told.length = 0;
});

/** Another program that listens, and where. */
async function otherProgram(): Promise<[Server, number]> {
  const other = createServer().listen({ host: '127.0.0.1', port: 0 });
  others.push(other);
  await once(other, 'listening');
  const address = other.address();
  return [other, typeof address === 'object' ? (address?.port ?? 0) : 0];
}

async function leave(other: Server): Promise<void> {
  other.close();
  await once(other, 'close');
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const [other, port] = await otherProgram();
  await leave(other);
  return port;
}

const checkOf = (name: string, port: number, localEndpoints = 1): HealthCheck => ({
  service: { namespace: 'shop', name },
  family: 'ipv4',
  port,
  addresses: ['127.0.0.1'],
  localEndpoints,
});

async function get(port: number, { host = '127.0.0.1', path = '/' } = {}) {
  const response = await fetch(`http://${host}:${port}${path}`).catch(() => undefined);
  if (!response) return undefined;
  const weight = response.headers.get('X-Load-Balancing-Endpoint-Weight');
  return { status: response.status, weight, body: await response.json() };
}

const answer = (name: string, localEndpoints: number, serviceProxyHealthy = true) => ({
  status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503,
  weight: String(localEndpoints),
  body: { service: { namespace: 'shop', name }, localEndpoints, serviceProxyHealthy },
});

test('a server is opened, has the new numbers at once, and is closed', async () => {
  const port = await freePort();
  await servers.update([checkOf('web', port, 0)]);
  expect(await get(port)).toEqual(answer('web', 0));
  await servers.update([checkOf('web', port, 3)]);
  expect(await get(port)).toEqual(answer('web', 3));
  healthy = false;
  expect(await get(port)).toEqual(answer('web', 3, false));
  await servers.update([]);
  expect(await get(port)).toBeUndefined();
});

test('every path answers', async () => {
  const port = await freePort();
  await servers.update([checkOf('web', port)]);
  expect(await get(port, { path: '/healthz?a=b' })).toEqual(answer('web', 1));
});

test('connections last through an update', async () => {
  const [port, another] = [await freePort(), await freePort()];
  await servers.update([checkOf('web', port)]);
  await get(port);
  await servers.update([checkOf('web', port, 2), checkOf('api', another)]);
  expect(await get(port)).toEqual(answer('web', 2));
  expect(await get(another)).toEqual(answer('api', 1));
});

test('a port goes from one Service to another, and a Service to another port', async () => {
  const [port, another] = [await freePort(), await freePort()];
  await servers.update([checkOf('web', port)]);
  await servers.update([checkOf('api', port), checkOf('web', another)]);
  expect(await get(port)).toEqual(answer('api', 1));
  expect(await get(another)).toEqual(answer('web', 1));
  expect(told).toEqual([]);
});

test('a port that somebody else has is told of once, and served when it is free', async () => {
  const [other, port] = await otherProgram();
  const checks = [checkOf('web', port), checkOf('api', await freePort())];
  await servers.update(checks);
  await servers.update(checks);
  expect(told.map((line) => JSON.parse(line).error)).toEqual([
    `cannot listen on 127.0.0.1:${port} (health check of shop/web on 127.0.0.1:${port}): ` +
      'another program listens there (EADDRINUSE); ss -ltnp shows which',
  ]);
  expect(await get(checks[1]?.port ?? 0)).toEqual(answer('api', 1));
  await leave(other);
  await servers.update(checks);
  expect(await get(port)).toEqual(answer('web', 1));
});

test('of two Services with one port, one is served and the other told of', async () => {
  const port = await freePort();
  await servers.update([checkOf('web', port), checkOf('api', port)]);
  expect(await get(port)).toMatchObject({ status: 200 });
  expect(told).toHaveLength(1);
});

test('only on the addresses that are chosen', async () => {
  const port = await freePort();
  await servers.update([{ ...checkOf('web', port), addresses: ['127.0.0.1', '127.0.0.2'] }]);
  expect(await get(port)).toEqual(answer('web', 1));
  expect(await get(port, { host: '127.0.0.2' })).toEqual(answer('web', 1));
  expect(await get(port, { host: '127.0.0.3' })).toBeUndefined();
});

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ family }) => family === 'IPv6'),
);

test.runIf(hasIPv6)('on any address, each family tells its own', async () => {
  const port = await freePort();
  const check = { ...checkOf('web', port), addresses: 'all' as const };
  await servers.update([check, { ...check, family: 'ipv6', localEndpoints: 2 }]);
  expect(told).toEqual([]);
  expect(await get(port)).toEqual(answer('web', 1));
  expect(await get(port, { host: '[::1]' })).toEqual(answer('web', 2));
});

test('updates that come faster than servers open: the last one counts', async () => {
  const ports = [await freePort(), await freePort()] as const;
  const updates = [
    servers.update([checkOf('web', ports[0])]),
    servers.update([]),
    servers.update([checkOf('web', ports[1], 1)]),
    servers.update([checkOf('web', ports[1], 2)]),
  ];
  await Promise.all(updates);
  expect(await get(ports[0])).toBeUndefined();
  expect(await get(ports[1])).toEqual(answer('web', 2));
});
