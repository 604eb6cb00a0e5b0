import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withCounters } from '../../../test/support/counters.ts';
import { PROJECT } from '../../../test/support/project.ts';
import { inputOf, service } from '../../../test/support/rules.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { SILENT } from '../log.ts';
import { ServiceMetrics, SHORTEST_AGE } from './service-metrics.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'], now: 100_000 }));
afterEach(() => void vi.useRealTimers());

const RULES = readFileSync(join(PROJECT, 'golden/fast-layout/small/ipv4.rules'), 'utf8');

/** Metrics of a kernel whose rules have each counted the same, as often as the test says. */
function metricsOf({
  maxSeries,
  inputs = [],
}: {
  maxSeries?: number;
  inputs?: ReturnType<typeof inputOf>[];
} = {}) {
  const registry = new Registry();
  const kernel = { packets: 0, reads: 0, broken: false };
  const warnings: string[] = [];
  const metrics = new ServiceMetrics({
    registry,
    kernel: {
      texts: async () => {
        kernel.reads++;
        if (kernel.broken) throw new OperationalError('iptables-save: no');
        return [{ family: 'ipv4', name: 'iptables-save', text: withCounters(RULES, () => kernel.packets) }];
      },
      packets: () => undefined,
    },
    inputs: () => inputs.map(({ cluster, node, options }) => ({ cluster, node, options: options('ipv4') })),
    maxSeries,
    log: Object.assign(Object.create(SILENT), { warning: (text: string) => void warnings.push(text) }),
  });
  const scrape = async () => {
    await metrics.refresh();
    const text = await registry.metrics();
    return text.split('\n').filter((line) => line.startsWith('svc2ipt_'));
  };
  return { kernel, warnings, scrape, later: () => vi.advanceTimersByTime(SHORTEST_AGE) };
}

const WEB = 'namespace="shop",service="web",port="http"';

describe('counters', () => {
  test('begin at 0, and grow by what came since', async () => {
    const { kernel, scrape, later } = metricsOf();
    kernel.packets = 1000;
    expect(await scrape()).toContain(`svc2ipt_service_connections_total{${WEB},way="cluster-ip"} 0`);
    kernel.packets = 1007;
    later();
    const lines = await scrape();
    expect(lines).toContain(`svc2ipt_service_connections_total{${WEB},way="cluster-ip"} 7`);
    // As many entered as were dropped.
    expect(lines).toContain(`svc2ipt_service_connections_total{${WEB},way="load-balancer-ip"} 0`);
    expect(lines).toContain(`svc2ipt_service_dropped_packets_total{${WEB},way="load-balancer-ip"} 7`);
    // The port has no name.
    const nobody = 'namespace="shop",service="nobody",port="80",way="cluster-ip"';
    expect(lines).toContain(`svc2ipt_service_refused_packets_total{${nobody}} 7`);
  });

  test('never fall, also where the kernel begins anew', async () => {
    const { kernel, scrape, later } = metricsOf();
    kernel.packets = 10;
    await scrape();
    for (const packets of [30, 4]) {
      kernel.packets = packets;
      later();
      await scrape();
    }
    expect(await scrape()).toContain(`svc2ipt_service_connections_total{${WEB},way="cluster-ip"} 24`);
  });

  test('are read no more often than every 15 s, and once for all who ask at once', async () => {
    const { kernel, scrape, later } = metricsOf();
    await Promise.all([scrape(), scrape()]);
    await scrape();
    expect(kernel.reads).toBe(1);
    later();
    await scrape();
    expect(kernel.reads).toBe(2);
  });

  test('stay as they were while the kernel cannot be read, which is said once', async () => {
    const { kernel, warnings, scrape, later } = metricsOf();
    const before = await scrape();
    kernel.broken = true;
    later();
    expect(await scrape()).toEqual(before);
    await scrape();
    expect(warnings).toEqual(['Cannot count for Services']);
  });
});

describe('series', () => {
  test('as many as are allowed, Service by Service, and a word about the others', async () => {
    // shop/nobody has 6, shop/sessions 6 and shop/web 9.
    const { warnings, scrape, later } = metricsOf({ maxSeries: 14 });
    const lines = await scrape();
    expect(lines.filter((line) => line.includes('service="web"'))).toEqual([]);
    expect(lines.filter((line) => line.includes('service='))).toHaveLength(12);
    expect(lines).toContain('svc2ipt_service_ports_left_out 1');
    later();
    await scrape();
    expect(warnings).toEqual([
      'Too many series: Services are left out of the metrics; raise svc2ipt.serviceMetrics.maxSeries',
    ]);
  });

  test('usable endpoints, and those on this node', async () => {
    const { scrape } = metricsOf({ inputs: [inputOf({ objects: [service()] })] });
    const lines = await scrape();
    const [usable] = lines.filter((line) => line.startsWith('svc2ipt_service_endpoints_usable{'));
    expect(usable).toMatch(/namespace="[^"]+",service="[^"]+",port="[^"]+",ip_family="IPv4"\} 0$/);
  });
});
