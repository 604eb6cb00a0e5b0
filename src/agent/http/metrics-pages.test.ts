import { describe, expect, test } from 'vitest';
import { Log } from '../log.ts';
import { metricsPages } from './metrics-pages.ts';
import { answerRequest } from './routes.ts';

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

function pages({ enableProfiling = false } = {}) {
  const writer = { write: () => true };
  const log = new Log({ format: 'text', verbosity: 2, streams: { error: writer, info: writer } });
  const routes = metricsPages({
    metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
    configz: () => ({ 'kubeproxy.config.k8s.io': { mode: 'iptables' } }),
    rules: async (family) => `rules of ${family}\n`,
    drift: async (family) => `drift of ${family}\n`,
    state: async (family) => `state of ${family ?? 'both'}\n`,
    enableProfiling,
    log,
  });
  return {
    log,
    ask: (target: string, method = 'GET', body = '', trusted = true) =>
      answerRequest(routes, { method, target, body, trusted, over: new AbortController().signal }),
  };
}

describe('pages', () => {
  test.each<[string, string, string]>([
    ['/metrics', 'text/plain; version=0.0.4', 'up 1\n'],
    ['/healthz', TEXT, 'ok'],
    ['/proxyMode', TEXT, 'iptables'],
    ['/configz', JSON_TYPE, '{"kubeproxy.config.k8s.io":{"mode":"iptables"}}'],
    ['/debug/rules', TEXT, 'rules of undefined\n'],
    ['/debug/rules?family=ipv4', TEXT, 'rules of ipv4\n'],
    ['/debug/drift?family=ipv6', TEXT, 'drift of ipv6\n'],
    ['/debug/state', JSON_TYPE, 'state of both\n'],
    ['/debug/state?family=ipv6', JSON_TYPE, 'state of ipv6\n'],
  ])('%s', async (target, type, body) => {
    const answer = await pages().ask(target);
    expect(answer).toMatchObject({ headers: { 'Content-Type': type } });
    expect(String(answer.body)).toBe(body);
    expect(answer.status ?? 200).toBe(200);
  });

  test.each(['IPv4', 'ipv5', ''])('of no family there is: %j', async (family) => {
    expect(await pages().ask(`/debug/rules?family=${family}`)).toMatchObject({
      status: 400,
      body: `family: expected ipv4 or ipv6, got "${family}"\n`,
    });
  });

  test.each(['/metrics', '/configz', '/debug/rules', '/debug/state', '/debug/drift'])(
    '%s can only be read',
    async (target) => {
      expect(await pages().ask(target, 'PUT', '1')).toMatchObject({
        status: 405,
        headers: { Allow: 'GET, HEAD' },
      });
    },
  );
});

describe('the verbosity of the log', () => {
  test.each<[string, number, number, string]>([
    ['4', 200, 4, 'successfully set klog.logging.verbosity to 4\n'],
    ['0', 200, 0, 'successfully set klog.logging.verbosity to 0\n'],
    ['', 400, 2, 'failed set klog.logging.verbosity: expected a whole number, got ""\n'],
    ['-1', 400, 2, 'failed set klog.logging.verbosity: expected a whole number, got "-1"\n'],
    ['1.5', 400, 2, 'failed set klog.logging.verbosity: expected a whole number, got "1.5"\n'],
    [
      '9'.repeat(30),
      400,
      2,
      `failed set klog.logging.verbosity: expected a whole number, got "${'9'.repeat(30)}"\n`,
    ],
  ])('PUT %j', async (body, status, verbosity, expected) => {
    const { ask, log } = pages({ enableProfiling: true });
    expect(await ask('/debug/flags/v', 'PUT', body)).toMatchObject({ status, body: expected });
    expect(log.verbosity).toBe(verbosity);
  });

  test('is not to be had with GET', async () => {
    const { ask } = pages({ enableProfiling: true });
    expect(await ask('/debug/flags/v')).toMatchObject({ status: 405, headers: { Allow: 'PUT' } });
  });

  test('is not there unless profiling is enabled', async () => {
    const { ask, log } = pages();
    expect(await ask('/debug/flags/v', 'PUT', '9')).toMatchObject({ status: 404 });
    expect(log.verbosity).toBe(2);
  });
});
