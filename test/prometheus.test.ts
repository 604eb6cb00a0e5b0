/** The agent's metrics, as Prometheus judges them: by its own promtool, or where that is not there by a library's reading. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import parsePrometheusTextFormat from 'parse-prometheus-text-format';
import { expect, test } from 'vitest';
import { SILENT } from '../src/agent/log.ts';
import { Metrics } from '../src/agent/metrics/metrics.ts';
import { ServiceMetrics } from '../src/agent/metrics/service-metrics.ts';
import { withCounters } from './support/counters.ts';
import { PROJECT } from './support/project.ts';
import { inputOf, service } from './support/rules.ts';
import { isInstalled } from './support/terminal.ts';

const RULES = readFileSync(join(PROJECT, 'golden/fast-layout/small/ipv4.rules'), 'utf8');

/** All metrics that there are, those of Services among them. */
async function everything(): Promise<string> {
  const { cluster, node, options } = inputOf({ objects: [service()] });
  const kernel = {
    texts: async () => [
      { family: 'ipv4' as const, name: 'iptables-save', text: withCounters(RULES, () => 1) },
    ],
    packets: () => undefined,
  };
  const metrics = new Metrics({
    version: '1.2.3',
    families: ['ipv4'],
    log: SILENT,
    services: (registry) =>
      new ServiceMetrics({
        registry,
        kernel,
        inputs: () => [{ cluster, node, options: options('ipv4') }],
        maxSeries: undefined,
        log: SILENT,
      }),
  });
  return await metrics.text();
}

const hasPromtool = await isInstalled('promtool');

test(`of Services are clean: ${hasPromtool ? 'promtool check metrics' : 'without promtool, as a library reads them'}`, async () => {
  const text = await everything();
  if (hasPromtool) {
    const { stdout, stderr } = await execa('promtool', ['check', 'metrics'], { input: text, reject: false });
    const about = `${stdout}\n${stderr}`.split('\n').filter((line) => line.includes('svc2ipt_'));
    expect({ about, failed: /error while linting|parse error/i.test(stderr) }).toEqual({
      about: [],
      failed: false,
    });
  }
  const families = new Map(parsePrometheusTextFormat(text).map((family) => [family.name, family]));
  for (const what of ['connections', 'refused_packets', 'dropped_packets']) {
    const family = families.get(`svc2ipt_service_${what}_total`);
    expect(family).toMatchObject({ type: 'COUNTER', help: expect.stringMatching(/^[A-Z].*[^.]$/) });
    expect(family?.metrics).toContainEqual({
      value: '0',
      labels: { namespace: 'shop', service: 'web', port: 'http', way: 'cluster-ip' },
    });
  }
  for (const what of ['endpoints_usable', 'endpoints_local', 'ports_left_out']) {
    expect(families.get(`svc2ipt_service_${what}`)).toMatchObject({ type: 'GAUGE' });
  }
});
