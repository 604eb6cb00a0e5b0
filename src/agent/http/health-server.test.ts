/** The health server in its thread, as the kubelet sees it: from another process, while this one's loop stands still. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ProxyHealth } from '../health/health.ts';
import { Log } from '../log.ts';
import { HealthServer, type HealthServerOptions } from './health-server.ts';
import { ListenError } from './http-server.ts';

/** Another process starts in a moment, unless the machine is busy. */
vi.setConfig({ testTimeout: 60_000 });
const POLL = { timeout: 30_000 };

const servers: HealthServer[] = [];
const told: string[] = [];
const writer = { write: (line: string) => told.push(line) };
const log = new Log({ format: 'json', verbosity: 2, streams: { error: writer, info: writer } });

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  told.length = 0;
});

function serverOf(health: ProxyHealth, more: Partial<HealthServerOptions> = {}): HealthServer {
  const listen = { host: '127.0.0.1', port: 0 };
  const server = new HealthServer({ listen, syncPeriod: 30_000, families: ['ipv4'], health, log, ...more });
  servers.push(server);
  return server;
}

async function started(more: Partial<HealthServerOptions> = {}) {
  const health = new ProxyHealth({ syncPeriod: 30_000, families: ['ipv4'] });
  const server = serverOf(health, more);
  await server.start({ hardFail: true });
  return { health, server };
}

const status = async (server: HealthServer, page: string) =>
  (await fetch(`http://127.0.0.1:${server.port}${page}`)).status;

/** Asks from another process until the status is that, while nothing else happens in this one. */
function askWhileBlocked(
  server: HealthServer,
  page: string,
  wanted: number,
): { status: number; body: string } {
  const url = `http://127.0.0.1:${server.port}${page}`;
  const program = `
    for (;;) {
      const answer = await fetch(${JSON.stringify(url)});
      const body = await answer.text();
      if (answer.status !== ${wanted}) continue;
      console.log(JSON.stringify({ status: answer.status, body }));
      break;
    }`;
  const args = ['--input-type=module', '-e', program];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 }));
}

describe('the health server', () => {
  test('answers while the event loop of the agent is kept busy', async () => {
    const { server } = await started();
    expect(askWhileBlocked(server, '/livez', 200).body).toContain('"healthy":true');
  });

  test('tells that the event loop hangs, until it comes round', async () => {
    const { server } = await started({ hangs: 1000 });
    for (const page of ['/livez', '/healthz']) {
      const { body } = askWhileBlocked(server, page, 503);
      expect(JSON.parse(body)).toMatchObject({ healthy: false, status: { IPv4: { healthy: false } } });
    }
    await expect.poll(() => status(server, '/livez'), POLL).toBe(200);
  });

  test('tells what it was told', async () => {
    const { health, server } = await started();
    health.synced('ipv4');
    health.setEligible(false);
    await expect.poll(() => status(server, '/healthz'), POLL).toBe(503);
    expect(await status(server, '/livez')).toBe(200);
    const { body } = askWhileBlocked(server, '/livez', 200);
    const lastUpdated = health.state.syncedAt.get('ipv4')?.toISOString();
    expect(JSON.parse(body)).toMatchObject({ status: { IPv4: { lastUpdated, healthy: true } } });
    health.setEligible(true);
    await expect.poll(() => status(server, '/healthz'), POLL).toBe(200);
  });

  test('tells of a change that waits too long, though nothing more is told', async () => {
    const { health, server } = await started({ syncPeriod: 100 });
    health.queued('ipv4');
    await expect.poll(() => status(server, '/livez'), POLL).toBe(503);
    health.synced('ipv4');
    await expect.poll(() => status(server, '/livez'), POLL).toBe(200);
  });

  test('knows what was told before it began', async () => {
    const health = new ProxyHealth({ syncPeriod: 30_000, families: ['ipv4'] });
    health.setEligible(false);
    const server = serverOf(health);
    await server.start({ hardFail: true });
    expect(await status(server, '/healthz')).toBe(503);
  });

  test('counts its answers', async () => {
    const { health, server } = await started();
    health.setEligible(false);
    await expect.poll(() => status(server, '/healthz'), POLL).toBe(503);
    for (let i = 0; i < 3; i++) await status(server, '/livez');
    const counts: Record<string, number> = {};
    const count =
      (page: string) =>
      (code: number, times = 1) => {
        counts[`${page} ${code}`] = (counts[`${page} ${code}`] ?? 0) + times;
      };
    const metrics = { healthzAnswered: count('healthz'), livezAnswered: count('livez') };
    server.countInto(metrics);
    server.countInto(metrics);
    expect(counts).toMatchObject({ 'livez 200': 3, 'livez 503': 0 });
    expect(counts['healthz 503']).toBeGreaterThan(0);
  });

  test('answers a probe whatever idle connections there are', async () => {
    const { server } = await started();
    const idle = Array.from({ length: 300 }, () => connect({ host: '127.0.0.1', port: server.port ?? 0 }));
    await Promise.all(idle.map((socket) => once(socket.on('error', () => {}).resume(), 'connect')));
    expect(askWhileBlocked(server, '/livez', 200).status).toBe(200);
    for (const socket of idle) socket.destroy();
  });

  test('that cannot have its address is an error where it must', async () => {
    const other = createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const listen = { host: '127.0.0.1', port };
    const health = new ProxyHealth({ syncPeriod: 30_000, families: ['ipv4'] });
    const error: unknown = await serverOf(health, { listen })
      .start({ hardFail: true })
      .catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ListenError);
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
    expect(String(error)).toContain(
      `cannot listen on 127.0.0.1:${port} (health): another program listens there`,
    );
    await serverOf(health, { listen }).start({ hardFail: false });
    await expect.poll(() => told.join(), POLL).toContain('another program listens there');
    other.close();
  });

  test('logs through the agent', async () => {
    await started();
    await expect.poll(() => told.join(), POLL).toContain('Listening');
  });

  test('that was never started stops', async () => {
    const health = new ProxyHealth({ syncPeriod: 30_000, families: ['ipv4'] });
    await serverOf(health).stop();
  });
});
