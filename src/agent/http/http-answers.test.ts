/** Our answers over real connections, against those that kube-proxy v1.36 gave. */
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { ProxyHealth } from '../health/health.ts';
import { healthCheckAnswer } from '../health/health-check-servers.ts';
import { HealthMemory } from '../health/health-memory.ts';
import { SILENT } from '../log.ts';
import { Metrics } from '../metrics/metrics.ts';
import { healthPages } from './health-pages.ts';
import { HttpServer } from './http-server.ts';
import { metricsPages } from './metrics-pages.ts';
import { ANY_PATH, type Routes } from './routes.ts';

interface HttpAnswer {
  readonly status: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `## GET address/path (note)`, then the answer as it came. */
const RECORDED = new Map(
  readFileSync('fixtures/kube-proxy-1.36/http-answers.txt', 'utf8')
    .split(/^## GET /m)
    .slice(1)
    .map((recording): [string, HttpAnswer] => {
      const [request = '', status = '', ...rest] = recording.trimEnd().split('\n');
      const end = rest.indexOf('');
      const headers = rest.slice(0, end).map((line) => line.split(': ') as [string, string]);
      return [
        request,
        {
          status: status.replace('HTTP/1.1 ', ''),
          headers: Object.fromEntries(headers),
          body: rest.slice(end + 1).join('\n'),
        },
      ];
    }),
);

let server: HttpServer | undefined;
afterEach(async () => await server?.stop());

async function answerOf(routes: Routes, path: string): Promise<HttpAnswer> {
  server = new HttpServer({ name: 'test', listen: { host: '127.0.0.1', port: 0 }, routes, log: SILENT });
  await server.start({ hardFail: true });
  const { port } = server;
  return await new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1' }, async (response) => {
      const { statusCode, statusMessage, rawHeaders } = response;
      const headers = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? '']] : []));
      const body = await text(response);
      resolve({ status: `${statusCode} ${statusMessage}`, headers: Object.fromEntries(headers), body });
    }).on('error', reject);
  });
}

/** Times differ, and the digits of a second; with them the length. */
function comparable({ status, headers, body }: HttpAnswer): HttpAnswer {
  const timeless = body.replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"/g, '"TIME"');
  const { 'Content-Length': length = '', ...others } = headers;
  const shown = timeless === body ? { 'Content-Length': length } : {};
  return { status, headers: { ...others, ...shown, Date: 'DATE' }, body: timeless };
}

const health = new ProxyHealth({ syncPeriod: 30_000, families: ['ipv4', 'ipv6'] });
health.synced('ipv4');
health.synced('ipv6');
const metrics = new Metrics({ version: '1.0.0', families: ['ipv4', 'ipv6'], log: SILENT });
const checkOf = (localEndpoints: number): Routes => {
  const check = { service: { namespace: 'default', name: 'lb' }, localEndpoints };
  return new Map([[ANY_PATH, { answer: () => healthCheckAnswer(check, true) }]]);
};
const ofMetrics = metricsPages({
  metrics,
  configz: () => ({}),
  rules: async () => '',
  state: async () => '',
  drift: async () => '',
  enableProfiling: false,
  log: SILENT,
});

test.each<[string, Routes]>([
  ['127.0.0.1:10256/healthz', healthPages(health, new HealthMemory())],
  ['127.0.0.1:10256/livez', healthPages(health, new HealthMemory())],
  ['127.0.0.1:10249/proxyMode', ofMetrics],
  ['192.168.77.1:30088/ (health check node port, no ready local endpoint)', checkOf(0)],
  ['192.168.77.1:30088/ (one ready local endpoint)', checkOf(1)],
])('%s', async (request, routes) => {
  const recorded = RECORDED.get(request);
  if (!recorded) throw new Error('not recorded');
  const [, path = ''] = /^[^/]*(\/\S*)/.exec(request) ?? [];
  const answer = await answerOf(routes, path);
  expect(comparable(answer)).toEqual(comparable(recorded));
  expect(Object.keys(answer.headers).sort()).toEqual(Object.keys(recorded.headers).sort());
});

test('every recorded answer is compared', () => {
  expect(RECORDED.size).toBe(5);
});
