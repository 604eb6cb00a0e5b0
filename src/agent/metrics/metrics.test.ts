import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RestoreInput } from '../../applier/restore-input.ts';
import { FAMILIES } from '../../net/address.ts';
import { NO_CHANGE } from '../../sources/source.ts';
import { SILENT } from '../log.ts';
import { Metrics, type MetricsOptions, type SuccessfulSync } from './metrics.ts';

const NOON = Date.parse('2026-11-21T12:00:00Z');

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOON }));
afterEach(() => void vi.useRealTimers());

const metricsOf = (options: Partial<MetricsOptions> = {}) =>
  new Metrics({ version: '1.2.3', families: FAMILIES, log: SILENT, ...options });

const SYNC: SuccessfulSync = {
  family: 'ipv4',
  seconds: 0.05,
  full: true,
  result: {
    input: { lineCount: 9, rulesOf: (table) => (table === 'nat' ? 2 : 1) },
    tables: [
      {
        table: 'filter',
        added: ['A'],
        changed: [],
        removed: [],
        jumpsAdded: 0,
        jumpsRemoved: 0,
        jumpsMoved: 0,
      },
      {
        table: 'nat',
        added: ['B'],
        changed: ['C', 'D'],
        removed: ['E'],
        jumpsAdded: 0,
        jumpsRemoved: 0,
        jumpsMoved: 0,
      },
    ],
  },
  flows: { flowsDeleted: 3, flowsMilliseconds: 20 },
  rules: { filter: 7, nat: 26 },
  withoutLocalEndpoints: { internal: 2, external: 3 },
};

const ABOUT_NAT = { ip_family: 'IPv4', table: 'nat' };

/** Everything that can happen, once for each family where it is a family's. */
function everything(metrics: Metrics): void {
  metrics.changed({ services: 1, endpointSlices: 1, triggered: [Date.now() + 1] });
  metrics.sourceFailed('services');
  metrics.invalidObject();
  metrics.healthzAnswered(200);
  metrics.livezAnswered(503);
  metrics.apiAnswered({ code: 200, host: '127.0.0.1:6443', method: 'GET' });
  for (const family of FAMILIES) {
    metrics.queued(family);
    metrics.syncing(family);
    metrics.synced({ ...SYNC, family });
    metrics.synced({ ...SYNC, family, full: false });
    metrics.syncFailed({ family, seconds: 1, full: false, refused: true });
    metrics.driftFound(family);
  }
}

interface Shape {
  readonly type: string | undefined;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
}

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function samplesOf(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', inBraces = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (value === undefined) return [];
    const labels = [...inBraces.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, of]) => [label, of]);
    return [{ name, labels: Object.fromEntries(labels), value: Number(value) }];
  });
}

/** What dashboards depend on, by metric. */
function shapesOf(text: string): Map<string, Shape> {
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => [name, type]),
  );
  const metricOf = (name: string) => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    return types.get(base) === 'histogram' ? base : name;
  };
  const ofMetric = Map.groupBy(samplesOf(text), ({ name }) => metricOf(name));
  return new Map(
    [...ofMetric].map(([name, samples]) => {
      const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
      const buckets = new Set(
        samples.flatMap(({ labels: { le } }) =>
          le === undefined ? [] : [Number(le.replace('+Inf', 'Infinity'))],
        ),
      );
      return [name, { type: types.get(name), labels: [...labels].sort(), buckets: [...buckets] }];
    }),
  );
}

/** The value of one sample; undefined where there is none. */
async function sampleOf(
  metrics: Metrics,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const samples = samplesOf(await metrics.text());
  return samples.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}

describe('against what kube-proxy v1.36 gave', () => {
  const recorded = shapesOf(readFileSync('fixtures/kube-proxy-1.36/metrics.txt', 'utf8'));
  const readPackets = async () =>
    new Map([
      ['ct_state_invalid_dropped_pkts', 0],
      ['localhost_nps_accepted_pkts', 0],
    ]);

  const ours = async () => {
    const metrics = metricsOf({ readPackets });
    everything(metrics);
    return shapesOf(await metrics.text());
  };

  test.each([...recorded])('%s', async (name, shape) => {
    const our = (await ours()).get(name);
    // The recording has no TYPE of what is not kube-proxy's own.
    expect(our).toEqual({ ...shape, type: shape.type ?? 'counter' });
  });

  test('beyond it only what kube-proxy shows when it happens, what is ours, and the process', async () => {
    const added = [...(await ours()).keys()].filter((name) => !recorded.has(name));
    expect(added.filter((name) => !/^(svc2ipt|process|nodejs)_/.test(name)).sort()).toEqual([
      'kubeproxy_conntrack_reconciler_deleted_entries_total',
      'kubeproxy_conntrack_reconciler_sync_duration_seconds',
      'kubeproxy_network_programming_duration_seconds',
      'kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total',
      'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
    ]);
    expect(added.filter((name) => name.startsWith('svc2ipt_')).sort()).toEqual([
      'svc2ipt_build_info',
      'svc2ipt_chains_written_total',
      'svc2ipt_drift_found_total',
      'svc2ipt_invalid_objects_total',
      'svc2ipt_restore_lines_total',
      'svc2ipt_source_failing',
      'svc2ipt_source_failures_total',
      'svc2ipt_sync_failures_total',
    ]);
    expect(added).toEqual(
      expect.arrayContaining([
        'process_cpu_seconds_total',
        'process_open_fds',
        'process_resident_memory_bytes',
        'process_start_time_seconds',
        'nodejs_eventloop_lag_p99_seconds',
        'nodejs_heap_size_used_bytes',
      ]),
    );
    expect(added.filter((name) => /^nodejs_(?!eventloop_lag|heap_size|external_memory)/.test(name))).toEqual(
      [],
    );
  });

  test('the buckets of network programming', async () => {
    const { buckets } = (await ours()).get('kubeproxy_network_programming_duration_seconds') ?? {};
    expect(buckets).toHaveLength(1 + 2 + 59 + 12 + 7 + 1);
    expect(buckets?.slice(0, 5)).toEqual([0, 0.25, 0.5, 1, 2]);
    expect(buckets?.slice(60, 64)).toEqual([58, 59, 60, 65]);
    expect(buckets?.slice(-9)).toEqual([115, 120, 150, 180, 210, 240, 270, 300, Number.POSITIVE_INFINITY]);
  });
});

const KUBE_PROXY = 'kubeproxy_sync_proxy_rules';
const IPV4 = { ip_family: 'IPv4' };

test.each<[string, Record<string, string>, (metrics: Metrics) => void, number | undefined]>([
  ['svc2ipt_build_info', { version: '1.2.3' }, () => {}, 1],
  [`${KUBE_PROXY}_duration_seconds_count`, IPV4, (metrics) => metrics.synced(SYNC), 1],
  [`${KUBE_PROXY}_duration_seconds_sum`, IPV4, (metrics) => metrics.synced(SYNC), 0.05],
  ['kubeproxy_sync_full_proxy_rules_duration_seconds_count', IPV4, (metrics) => metrics.synced(SYNC), 1],
  ['kubeproxy_conntrack_reconciler_sync_duration_seconds_sum', IPV4, (metrics) => metrics.synced(SYNC), 0.02],
  ['kubeproxy_conntrack_reconciler_sync_duration_seconds_count', IPV4, (metrics) => metrics.synced(SYNC), 1],
  ['kubeproxy_conntrack_reconciler_deleted_entries_total', IPV4, () => {}, 0],
  ['kubeproxy_conntrack_reconciler_deleted_entries_total', IPV4, (metrics) => metrics.synced(SYNC), 3],
  [
    'kubeproxy_sync_partial_proxy_rules_duration_seconds_count',
    IPV4,
    (metrics) => metrics.synced(SYNC),
    undefined,
  ],
  [
    'kubeproxy_sync_partial_proxy_rules_duration_seconds_count',
    IPV4,
    (metrics) => metrics.synced({ ...SYNC, full: false }),
    1,
  ],
  [`${KUBE_PROXY}_last_timestamp_seconds`, IPV4, (metrics) => metrics.synced(SYNC), NOON / 1000],
  [`${KUBE_PROXY}_last_timestamp_seconds`, IPV4, (metrics) => metrics.queued('ipv4'), undefined],
  [`${KUBE_PROXY}_last_queued_timestamp_seconds`, IPV4, (metrics) => metrics.queued('ipv4'), NOON / 1000],
  [`${KUBE_PROXY}_iptables_last`, ABOUT_NAT, (metrics) => metrics.synced(SYNC), 2],
  [`${KUBE_PROXY}_iptables_total`, ABOUT_NAT, (metrics) => metrics.synced(SYNC), 26],
  [
    `${KUBE_PROXY}_iptables_last`,
    ABOUT_NAT,
    (metrics) => {
      metrics.synced(SYNC);
      metrics.synced({ ...SYNC, result: { input: new RestoreInput(), tables: [] } });
    },
    0,
  ],
  ['svc2ipt_restore_lines_total', IPV4, (metrics) => metrics.synced(SYNC), 9],
  ['svc2ipt_restore_lines_total', { ip_family: 'IPv6' }, (metrics) => metrics.synced(SYNC), 0],
  ['svc2ipt_chains_written_total', ABOUT_NAT, (metrics) => metrics.synced(SYNC), 4],
  [
    `${KUBE_PROXY}_no_local_endpoints_total`,
    { ...IPV4, traffic_policy: 'internal' },
    (metrics) => metrics.synced(SYNC),
    2,
  ],
  [
    `${KUBE_PROXY}_no_local_endpoints_total`,
    { ...IPV4, traffic_policy: 'external' },
    (metrics) => metrics.synced(SYNC),
    3,
  ],
  ['svc2ipt_sync_failures_total', IPV4, () => {}, 0],
  ['svc2ipt_sync_failures_total', IPV4, (metrics) => metrics.syncFailed({ ...SYNC, refused: false }), 1],
  [
    `${KUBE_PROXY}_duration_seconds_count`,
    IPV4,
    (metrics) => metrics.syncFailed({ ...SYNC, refused: false }),
    1,
  ],
  [
    `${KUBE_PROXY}_iptables_restore_failures_total`,
    IPV4,
    (metrics) => metrics.syncFailed({ ...SYNC, refused: false }),
    0,
  ],
  [
    `${KUBE_PROXY}_iptables_restore_failures_total`,
    IPV4,
    (metrics) => metrics.syncFailed({ ...SYNC, refused: true }),
    1,
  ],
  [
    `${KUBE_PROXY}_iptables_partial_restore_failures_total`,
    IPV4,
    (metrics) => metrics.syncFailed({ ...SYNC, refused: true }),
    undefined,
  ],
  [
    `${KUBE_PROXY}_iptables_partial_restore_failures_total`,
    IPV4,
    (metrics) => metrics.syncFailed({ ...SYNC, refused: true, full: false }),
    1,
  ],
  ['svc2ipt_drift_found_total', IPV4, (metrics) => metrics.driftFound('ipv4'), 1],
  [
    'svc2ipt_source_failures_total',
    { resource: 'services' },
    (metrics) => metrics.sourceFailed('services'),
    1,
  ],
  ['svc2ipt_source_failing', {}, () => {}, 0],
  [
    'svc2ipt_source_failing',
    {},
    (metrics) => {
      for (const resource of ['services', 'services', 'nodes', 'endpointslices'])
        metrics.sourceFailed(resource);
      metrics.sourceRecovered('nodes');
    },
    2,
  ],
  ['svc2ipt_invalid_objects_total', {}, (metrics) => metrics.invalidObject(), 1],
  ['kubeproxy_proxy_healthz_total', { code: '503' }, (metrics) => metrics.healthzAnswered(503), 1],
  ['kubeproxy_proxy_livez_total', { code: '200' }, (metrics) => metrics.livezAnswered(200), 1],
  [
    'rest_client_requests_total',
    { code: '<error>', host: 'a:6443', method: 'GET' },
    (metrics) => metrics.apiAnswered({ code: undefined, host: 'a:6443', method: 'GET' }),
    1,
  ],
])('%s %j', async (name, labels, what, expected) => {
  const metrics = metricsOf();
  what(metrics);
  expect(await sampleOf(metrics, name, labels)).toBe(expected);
});

describe('changes', () => {
  const change = { ...NO_CHANGE, services: 2, endpointSlices: 5 };
  const pending = async (metrics: Metrics) => [
    await sampleOf(metrics, `${KUBE_PROXY}_service_changes_pending`),
    await sampleOf(metrics, `${KUBE_PROXY}_endpoint_changes_pending`),
  ];

  test('are counted, and pending until every family is synced', async () => {
    const metrics = metricsOf();
    expect(await pending(metrics)).toEqual([0, 0]);
    metrics.changed(change);
    expect(await pending(metrics)).toEqual([2, 5]);
    metrics.syncing('ipv4');
    metrics.synced(SYNC);
    expect(await pending(metrics)).toEqual([2, 5]);
    metrics.syncFailed({ ...SYNC, family: 'ipv6', refused: true });
    expect(await pending(metrics)).toEqual([2, 5]);
    metrics.synced({ ...SYNC, family: 'ipv6' });
    expect(await pending(metrics)).toEqual([0, 0]);
    expect(await sampleOf(metrics, `${KUBE_PROXY}_service_changes_total`)).toBe(2);
    expect(await sampleOf(metrics, `${KUBE_PROXY}_endpoint_changes_total`)).toBe(5);
  });

  test.each<[string, number, number, number | undefined, number | undefined]>([
    ['takes from its trigger to its rules', 1000, 4000, 1, 3],
    ['that is older than the agent says nothing of it', -1, 4000, undefined, undefined],
    ['of a clock that is ahead takes no time', 9000, 4000, 1, 0],
  ])('one %s', async (_, triggered, synced, count, seconds) => {
    const metrics = metricsOf();
    metrics.changed({ ...NO_CHANGE, triggered: [NOON + triggered] });
    vi.setSystemTime(NOON + synced);
    metrics.synced(SYNC);
    const name = 'kubeproxy_network_programming_duration_seconds';
    expect(await sampleOf(metrics, `${name}_count`, IPV4)).toBe(count);
    expect(await sampleOf(metrics, `${name}_sum`, IPV4)).toBe(seconds);
  });

  test('one that comes during a sync takes until the next', async () => {
    const metrics = metricsOf();
    metrics.syncing('ipv4');
    metrics.changed({ ...NO_CHANGE, triggered: [NOON + 1] });
    metrics.synced(SYNC);
    expect(
      await sampleOf(metrics, 'kubeproxy_network_programming_duration_seconds_count', IPV4),
    ).toBeUndefined();
    metrics.syncing('ipv4');
    metrics.synced(SYNC);
    expect(await sampleOf(metrics, 'kubeproxy_network_programming_duration_seconds_count', IPV4)).toBe(1);
  });
});

describe('packets', () => {
  const DROPPED = 'kubeproxy_iptables_ct_state_invalid_dropped_packets_total';
  const ACCEPTED = 'kubeproxy_iptables_localhost_nodeports_accepted_packets_total';

  test('are read for every scrape', async () => {
    let counted = 0;
    const metrics = metricsOf({
      readPackets: async () => {
        counted += 5;
        return new Map([['ct_state_invalid_dropped_pkts', counted]]);
      },
    });
    expect(await sampleOf(metrics, DROPPED)).toBe(5);
    expect(await sampleOf(metrics, DROPPED)).toBe(10);
    expect(await metrics.text()).not.toContain(ACCEPTED);
  });

  test('are left out where there is no nfacct', async () => {
    const text = await metricsOf().text();
    expect(text).not.toContain(DROPPED);
    expect(text).not.toContain(ACCEPTED);
  });

  test('are left out while they cannot be read', async () => {
    let works = true;
    const metrics = metricsOf({
      readPackets: async () => {
        if (!works) throw new Error('nfacct: not permitted');
        return new Map([['localhost_nps_accepted_pkts', 3]]);
      },
    });
    expect(await sampleOf(metrics, ACCEPTED)).toBe(3);
    works = false;
    expect(await metrics.text()).not.toContain(ACCEPTED);
    works = true;
    expect(await sampleOf(metrics, ACCEPTED)).toBe(3);
  });

  test('come to one scrape as well as to another at the same time', async () => {
    const metrics = metricsOf({ readPackets: async () => new Map([['localhost_nps_accepted_pkts', 3]]) });
    const both = await Promise.all([sampleOf(metrics, ACCEPTED), sampleOf(metrics, ACCEPTED)]);
    expect(both).toEqual([3, 3]);
  });
});

describe('the table of tracked connections', () => {
  test('is read for every scrape, and left out while it cannot be', async () => {
    let table: { entries: number; limit: number } | undefined = { entries: 5, limit: 100 };
    const metrics = metricsOf({
      readConntrack: async () => {
        if (!table) throw new Error('no connection tracking');
        return table;
      },
    });
    const told = async () => [
      await sampleOf(metrics, 'svc2ipt_conntrack_entries'),
      await sampleOf(metrics, 'svc2ipt_conntrack_limit'),
    ];
    expect(await told()).toEqual([5, 100]);
    table = { entries: 99, limit: 100 };
    expect(await told()).toEqual([99, 100]);
    table = undefined;
    expect(await told()).toEqual([undefined, undefined]);
  });

  test('is left out where nobody reads it', async () => {
    expect(await metricsOf().text()).not.toContain('svc2ipt_conntrack_');
  });
});

test('two agents in one process do not count together', async () => {
  const [one, other] = [metricsOf(), metricsOf()];
  one.invalidObject();
  expect(await sampleOf(other, 'svc2ipt_invalid_objects_total')).toBe(0);
});
