/**
 * The dashboard and the alerts of the chart, in a real Prometheus that scrapes a real agent: every panel has data, and
 * faults that are made bring the alerts that they should.
 */
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ALERTS, alertsFile } from '../scripts/chart-files.ts';
import { FAMILIES } from '../src/net/address.ts';
import type { ApiObject } from './support/api-server/fake-api-server.ts';
import { ApiServer } from './support/kernel/api-server.ts';
import { addressOf, type LabService, labCluster, PORT } from './support/kernel/cluster.ts';
import { ADDRESSES, Lab, NODE_NAME } from './support/kernel/lab.ts';
import { MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { Prometheus } from './support/kernel/prometheus.ts';
import { wrapRestore } from './support/kernel/restore-wrapper.ts';
import { RunningAgent } from './support/kernel/running-agent.ts';
import { PROJECT } from './support/project.ts';
import { isInstalled } from './support/terminal.ts';

const panelSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  targets: z.array(z.object({ refId: z.string(), expr: z.string() })).default([]),
  get panels() {
    return z.array(panelSchema).default([]);
  },
});
const { panels } = z
  .looseObject({ panels: z.array(panelSchema) })
  .parse(JSON.parse(readFileSync(join(PROJECT, 'deploy/chart/files/dashboard.json'), 'utf8')));

/** Queries as Grafana would send them, with its variables replaced. */
const QUERIES = panels
  .flatMap((panel) => [panel, ...panel.panels])
  .flatMap(({ title, targets }) =>
    targets.map(({ refId, expr }): [string, string] => [
      `${title}, ${refId}`,
      expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'),
    ]),
  );

const RULES = alertsFile
  .parse(parse(readFileSync(join(PROJECT, ALERTS), 'utf8')))
  .groups.flatMap(({ rules }) => rules);

const BACKEND = 'nft';
const NODE: ApiObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: NODE_NAME },
  spec: {},
  status: { addresses: FAMILIES.map((family) => ({ type: 'InternalIP', address: ADDRESSES[family].node })) },
};
const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1'] },
  { name: 'nobody', index: 2, endpoints: [] },
  { name: 'far', index: 3, endpoints: ['pod-3'], spec: { externalTrafficPolicy: 'Local' } },
];

/** What the API server has, with the EndpointSlices as a controller writes them that has seen a Pod change just now. */
function objectsOf(services: readonly LabService[]): ApiObject[] {
  const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': new Date().toISOString() };
  const objects = labCluster(services) as unknown as ApiObject[];
  return objects.map((object) =>
    object.kind === 'EndpointSlice' ? { ...object, metadata: { ...object.metadata, annotations } } : object,
  );
}

const hasPrometheus = await isInstalled('prometheus');

describe.skipIf(!MAY_USE_NAMESPACES || !hasPrometheus)('in Prometheus', () => {
  let lab: Lab;
  let server: ApiServer;
  let agent: RunningAgent;
  let prometheus: Prometheus;
  /** While this file is there, iptables-restore refuses everything. */
  let refusing: string;
  const life = new AbortController();
  let changing: Promise<void>;

  /** Endpoints change twice a second. */
  async function changeEndpoints(): Promise<void> {
    for (let i = 0; !life.signal.aborted; i++) {
      await server.put(...objectsOf([{ name: 'web', index: 1, endpoints: [i % 2 ? 'pod-1' : 'pod-3'] }]));
      await sleep(500);
    }
  }

  beforeAll(async () => {
    lab = await Lab.create();
    server = new ApiServer(lab);
    const url = await server.start();
    refusing = join(lab.folder, 'refusing');
    const path = await wrapRestore(lab, BACKEND, {
      before: `if [ -e '${refusing}' ]; then echo 'line 1 failed' >&2; exit 1; fi`,
    });
    await server.put(NODE, ...objectsOf(SERVICES));
    agent = await RunningAgent.start(lab, {
      backend: BACKEND,
      args: ['--master', url],
      env: { PATH: path },
      own: { serviceMetrics: {} },
    });
    prometheus = await Prometheus.start(lab, {
      target: '127.0.0.1:10249',
      instance: NODE_NAME,
      rules: [join(PROJECT, ALERTS)],
    });
    changing = changeEndpoints();
    await traffic();
  });
  afterAll(async () => {
    life.abort();
    await changing?.catch(() => {});
    await prometheus?.[Symbol.asyncDispose]();
    await agent?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  /** Packets that rules count, of each kind. */
  async function traffic(): Promise<void> {
    for (const index of [1, 2, 3]) {
      const to = addressOf('ipv4', 'cluster IP', index);
      await lab.peers.ask({ from: 'pod-2', protocol: 'tcp', to, port: PORT }, { times: 2, timeout: 0.5 });
    }
  }

  async function alertsBecome(expected: unknown): Promise<void> {
    await expect.poll(() => prometheus.alerts(), { timeout: 180_000, interval: 500 }).toEqual(expected);
  }

  test.each(QUERIES)('the dashboard has data: %s', async (_, query) => {
    await expect
      .poll(async () => (await prometheus.query(query)).filter(Number.isFinite).length, {
        timeout: 180_000,
        interval: 500,
      })
      .toBeGreaterThan(0);
  });

  test('alerts speak of metrics that the agent has', async () => {
    const known = await prometheus.metrics();
    const named = RULES.flatMap(
      ({ expr }) => expr.match(/\b[a-z][a-z0-9]*_[a-z0-9_]+\b(?=\{)|\bup\b/g) ?? [],
    );
    expect(named.length).toBeGreaterThanOrEqual(RULES.length);
    expect(known).toEqual(expect.arrayContaining(named));
  });

  test('where all is well, there is none', async () => {
    // An answer may come too late for one scrape.
    await alertsBecome([]);
  });

  test('an API server that is gone', async () => {
    life.abort();
    await changing;
    await server.stop();
    await alertsBecome(['Svc2iptAPIServerSilent']);
    await server.start();
    await server.put(NODE, ...objectsOf(SERVICES));
    await alertsBecome([]);
  });

  test('an object that is invalid', async () => {
    await server.put({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'broken', namespace: 'lab' },
      spec: { clusterIP: '10.96.0.300', ports: [{ port: 80 }] },
    });
    await alertsBecome(['Svc2iptInvalidObjects']);
  });

  test('somebody who flushes the rules, three times', async () => {
    for (let i = 1; i <= 3; i++) {
      await lab.run('node', [`iptables-${BACKEND}`, '-w', '-t', 'nat', '-F', 'KUBE-SERVICES']);
      await expect
        .poll(() => prometheus.query('svc2ipt_drift_found_total{ip_family="IPv4"}'), { timeout: 60_000 })
        .toEqual([i]);
    }
    await alertsBecome(['Svc2iptDriftFound', 'Svc2iptInvalidObjects']);
  });

  test('rules that are refused', async () => {
    await writeFile(refusing, '');
    await server.put(...objectsOf([{ name: 'late', index: 4, endpoints: ['pod-1'] }]));
    // Where it takes long, the change is late, too.
    await alertsBecome(expect.arrayContaining(['Svc2iptRulesRefused', 'Svc2iptSyncFailing']));
    await rm(refusing);
  });

  test('an agent that is gone', async () => {
    await agent.end('SIGKILL');
    await alertsBecome(expect.arrayContaining(['Svc2iptDown']));
  });
});
