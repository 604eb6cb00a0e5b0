/** What `svc2ipt top` and the agent's metrics count, beside the connections that were made. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LAYOUT_NAMES } from '../src/api/layout-names.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { clusterCommand } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, type Place } from './support/kernel/lab.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import { RunningAgent } from './support/kernel/running-agent.ts';
import { kubeProxysTables } from './support/kube-proxy-rules.ts';
import { pairs } from './support/long-form.ts';
import { MAIN, PROJECT } from './support/project.ts';

const count = z.object({
  total: z.number(),
  recent: z.number().optional(),
  perSecond: z.number().optional(),
});
const reportSchema = z.object({
  seconds: z.number().optional(),
  countersReset: z.number(),
  node: z.object({ masqueraded: count, invalid: count, localnet: count }),
  services: z.array(
    z.object({
      name: z.string(),
      ports: z.array(
        z.object({
          servicePort: z.string(),
          protocol: z.string(),
          connections: count,
          refused: count,
          dropped: count,
          masqueraded: count,
          returned: count.optional(),
          ways: z.array(z.object({ way: z.string(), connections: count, refused: count, dropped: count })),
          endpoints: z.array(
            z.object({
              endpoint: z.string(),
              connections: count,
              share: z.number().optional(),
              expectedShare: z.number(),
            }),
          ),
        }),
      ),
    }),
  ),
});

type Report = z.output<typeof reportSchema>;

const SERVICES: readonly LabService[] = [
  { name: 'web', index: 1, endpoints: ['pod-1', 'pod-3'] },
  { name: 'nobody', index: 2, endpoints: [] },
  { name: 'far', index: 3, endpoints: ['pod-3'], spec: { externalTrafficPolicy: 'Local' } },
  {
    name: 'ranges',
    index: 4,
    endpoints: ['pod-1'],
    spec: { loadBalancerSourceRanges: ['203.0.113.0/26', '2001:db8:cafe::/122'] },
  },
  { name: 'sticky', index: 5, endpoints: ['pod-1', 'pod-3'], spec: { sessionAffinity: 'ClientIP' } },
];

/** Of a service port, by its ways: connections, refused and dropped packets; ways that nothing came by are left out. */
function waysOf(report: Report, servicePort: string): Readonly<Record<string, readonly number[]>> {
  const port = report.services.flatMap(({ ports }) => ports).find((one) => one.servicePort === servicePort);
  const ways = (port?.ways ?? []).map(
    ({ way, connections, refused, dropped }) =>
      [way, [connections.total, refused.total, dropped.total]] as const,
  );
  return Object.fromEntries(ways.filter(([, counts]) => counts.some((one) => one > 0)));
}

const portOf = (report: Report, servicePort: string) =>
  report.services.flatMap(({ ports }) => ports).find((one) => one.servicePort === servicePort);

async function top(lab: Lab, backend: Backend, ...args: readonly string[]): Promise<Report> {
  const command = [process.execPath, MAIN, 'top', '--once', '-o', 'json', '--backend', backend, ...args];
  const { exitCode, stdout, stderr } = await lab.run('node', command);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return reportSchema.parse(JSON.parse(stdout));
}

/** Has what has been counted so far saved to a file, of both families. */
async function save(lab: Lab, backend: Backend, name: string): Promise<string> {
  const file = join(lab.folder, name);
  const texts: string[] = [];
  for (const family of FAMILIES) {
    const { stdout } = await lab.run('node', [`${programOf(family)}-${backend}-save`, '-c']);
    texts.push(stdout);
  }
  await writeFile(file, texts.join('\n'));
  return file;
}

const CLIENT = (family: Family) => ({ from: 'outside', source: ADDRESSES[family].client }) as const;
const STRANGER = (family: Family) => ({ from: 'outside', source: ADDRESSES[family].stranger }) as const;
const POD = () => ({ from: 'pod-2' }) as const;

/** Shorter than the time after which TCP asks again: then each attempt is one packet. */
const ONE_PACKET = 0.5;

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  const layouts = pairs(BACKENDS, LAYOUT_NAMES).flatMap(([of, layout]) => (of === backend ? [layout] : []));

  describe.each(layouts)('%s layout', (layout) => {
    let lab: Lab;

    beforeAll(async () => {
      lab = await Lab.create();
      const command = await clusterCommand(lab, backend, 'apply', labCluster(SERVICES));
      const { exitCode, stderr } = await lab.run('node', [...command, '--layout', layout]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    });
    afterAll(async () => await lab?.[Symbol.asyncDispose]());

    async function ask(
      who: { readonly from: Place; readonly source?: string },
      to: string,
      port: number,
      times: number,
      protocol: 'tcp' | 'udp' = 'tcp',
    ) {
      return await lab.peers.ask({ ...who, protocol, to, port }, { times, timeout: ONE_PACKET });
    }

    describe.each(FAMILIES)('%s', (family) => {
      const at = (way: Parameters<typeof addressOf>[1], index: number) => addressOf(family, way, index);
      const { uplink } = ADDRESSES[family];

      test('counts are the connections that were made, by each way in', async () => {
        const before = await save(lab, backend, 'before.save');
        await ask(POD(), at('cluster IP', 1), PORT, 5);
        await ask(CLIENT(family), at('external IP', 1), PORT, 4);
        await ask(CLIENT(family), at('load-balancer IP', 1), PORT, 3);
        await ask(CLIENT(family), uplink, nodePortOf(1), 2);
        await ask(POD(), at('cluster IP', 1), PORT, 6, 'udp');
        const report = await top(lab, backend, '--since', before, '--family', family);
        expect(waysOf(report, 'lab/web:tcp')).toEqual({
          'cluster-ip': [5, 0, 0],
          'external-ip': [4, 0, 0],
          'load-balancer-ip': [3, 0, 0],
          'node-port': [2, 0, 0],
        });
        expect(waysOf(report, 'lab/web:udp')).toEqual({ 'cluster-ip': [6, 0, 0] });
        const web = portOf(report, 'lab/web:tcp');
        // What comes from outside is masqueraded, and what pods send is not.
        expect(web?.masqueraded.total).toBe(9);
        expect(report.node.masqueraded.total).toBe(9);
        const got = web?.endpoints.map(({ connections }) => connections.total) ?? [];
        expect(got.reduce((sum, one) => sum + one, 0)).toBe(14);
        expect(web?.endpoints.map(({ expectedShare }) => expectedShare.toFixed(6))).toEqual([
          '0.500000',
          '0.500000',
        ]);
      });

      test('what is refused and dropped, and no connection', async () => {
        const before = await save(lab, backend, 'before.save');
        await ask(POD(), at('cluster IP', 2), PORT, 3, 'udp');
        await ask(CLIENT(family), uplink, nodePortOf(2), 2, 'udp');
        await ask(CLIENT(family), uplink, nodePortOf(3), 4);
        await ask(POD(), uplink, nodePortOf(3), 1);
        await ask(STRANGER(family), at('load-balancer IP', 4), PORT, 5);
        await ask(CLIENT(family), at('load-balancer IP', 4), PORT, 2);
        const report = await top(lab, backend, '--since', before, '--family', family);
        expect(waysOf(report, 'lab/nobody:udp')).toEqual({ 'cluster-ip': [0, 3, 0], 'node-port': [0, 2, 0] });
        // Pods may go to endpoints elsewhere, whom outsiders may not.
        expect(waysOf(report, 'lab/far:tcp')).toEqual({ 'node-port': [1, 0, 4] });
        expect(waysOf(report, 'lab/ranges:tcp')).toEqual({ 'load-balancer-ip': [2, 0, 5] });
      });

      test('session affinity: the same client goes to the same endpoint', async () => {
        const before = await save(lab, backend, 'before.save');
        await ask(POD(), at('cluster IP', 5), PORT, 8);
        const sticky = portOf(
          await top(lab, backend, '--since', before, '--family', family),
          'lab/sticky:tcp',
        );
        expect(sticky?.connections.total).toBe(8);
        expect(sticky?.returned?.total).toBeGreaterThanOrEqual(7);
        expect(sticky?.endpoints.map(({ connections }) => connections.total).sort()).toEqual([0, 8]);
      });

      test('a UDP client that goes on from one port is one connection', async () => {
        const before = await save(lab, backend, 'before.save');
        const to = at('cluster IP', 1);
        const probe = await lab.peers.probe(
          { ...POD(), protocol: 'udp', to, port: PORT },
          { oneSocket: true, every: 0.01 },
        );
        let answers = 0;
        while (answers < 20) {
          for (const times of Object.values(await probe.take())) answers += times;
          await sleep(20);
        }
        await probe.stop();
        const report = await top(lab, backend, '--since', before, '--family', family);
        expect(waysOf(report, 'lab/web:udp')).toEqual({ 'cluster-ip': [1, 0, 0] });
      });
    });

    test('a change of ours leaves the counters of all that stays', async () => {
      const before = await save(lab, backend, 'before.save');
      const to = addressOf('ipv4', 'cluster IP', 1);
      await ask(POD(), to, PORT, 3);
      const services = [...SERVICES, { name: 'another', index: 9, endpoints: ['pod-1'] } as const];
      const command = await clusterCommand(lab, backend, 'apply', labCluster(services));
      expect(await lab.run('node', [...command, '--layout', layout])).toMatchObject({ exitCode: 0 });
      await ask(POD(), to, PORT, 2);
      const report = await top(lab, backend, '--since', before, '--family', 'ipv4');
      expect(waysOf(report, 'lab/web:tcp')).toEqual({ 'cluster-ip': [5, 0, 0] });
      expect(report.countersReset).toBe(0);
    });

    test('a line for each interval, and counters that begin anew', async () => {
      const [program = '', ...args] = [
        ...[...lab.inside('node'), process.execPath, MAIN, 'top', '-o', 'json', '--interval', '200ms'],
        ...['--backend', backend, 'web:tcp'],
      ];
      const running = execa(program, args, {
        env: lab.environment,
        reject: false,
        buffer: false,
        stdin: 'ignore',
      });
      const reports: Report[] = [];
      const lines = createInterface({ input: running.stdout })[Symbol.asyncIterator]();
      const next = async () => {
        const { value } = await lines.next();
        const report = reportSchema.parse(JSON.parse(value ?? ''));
        reports.push(report);
        return report;
      };
      const until = async (isMet: (report: Report) => boolean) => {
        for (;;) {
          const report = await next();
          if (isMet(report)) return report;
        }
      };
      const total = (report: Report) => portOf(report, 'lab/web:tcp')?.connections.total ?? Number.NaN;
      const first = total(await next());
      await ask(POD(), addressOf('ipv4', 'cluster IP', 1), PORT, 3);
      await until((report) => total(report) === first + 3);
      await lab.run('node', [`iptables-${backend}`, '-t', 'nat', '-Z']);
      await until(({ countersReset }) => countersReset > 0);
      await ask(POD(), addressOf('ipv4', 'cluster IP', 1), PORT, 2);
      await until((report) => total(report) === first + 5);
      running.kill();
      await running;
      expect(reports.every((report) => (portOf(report, 'lab/web:tcp')?.connections.recent ?? -1) >= 0)).toBe(
        true,
      );
      expect(reports.map(total)).toEqual(reports.map(total).toSorted((a, b) => a - b));
    });
  });

  test("kube-proxy's own rules", async () => {
    await using lab = await Lab.create();
    const rules = await readFile(
      join(PROJECT, 'fixtures/conformance/features/loadbalancer-source-ranges/kube-proxy.ipv4.rules'),
      'utf8',
    );
    const restored = await lab.run(
      'node',
      [`iptables-${backend}-restore`, '--noflush'],
      kubeProxysTables(rules, 1),
    );
    expect(restored).toMatchObject({ exitCode: 0 });
    const ask = (
      who: { readonly from: Place; readonly source?: string },
      to: string,
      port: number,
      times: number,
    ) => lab.peers.ask({ ...who, protocol: 'tcp', to, port }, { times, timeout: ONE_PACKET });
    await ask(POD(), '10.96.0.10', 80, 5);
    await ask(CLIENT('ipv4'), ADDRESSES.ipv4.uplink, 30073, 4);
    await ask(POD(), '203.0.113.80', 80, 3);
    const report = await top(lab, backend, '--family', 'ipv4');
    expect(waysOf(report, 'default/web:http')).toEqual({
      'cluster-ip': [5, 0, 0],
      'load-balancer-ip': [0, 0, 3],
      'node-port': [4, 0, 0],
    });
    const web = portOf(report, 'default/web:http');
    const got = web?.endpoints.map(({ connections }) => connections.total) ?? [];
    expect(got.reduce((sum, one) => sum + one, 0)).toBe(9);
  });

  test("the agent's metrics", async () => {
    await using lab = await Lab.create();
    const manifests = join(lab.folder, 'cluster.json');
    await writeFile(
      manifests,
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: labCluster(SERVICES) }),
    );
    await using agent = await RunningAgent.start(lab, {
      backend,
      args: ['--manifests', manifests, '-v', '4'],
      own: { serviceMetrics: { maxSeries: 150 } },
    });
    await agent.tells(/full=true[\s\S]*full=true/);
    const scrape = async () => {
      const { body } = await agent.page('http://127.0.0.1:10249/metrics');
      return (name: string, service: string, labels: string) =>
        new RegExp(
          `^svc2ipt_service_${name}\\{namespace="lab",service="${service}",${labels}\\} (\\d+)$`,
          'm',
        ).exec(body)?.[1];
    };
    const first = await scrape();
    expect(first('connections_total', 'far', 'port="tcp",way="cluster-ip"')).toBe('0');
    expect(first('endpoints_usable', 'far', 'port="tcp",ip_family="IPv4"')).toBe('1');
    expect(first('endpoints_local', 'far', 'port="tcp",ip_family="IPv4"')).toBe('0');
    const ask = (to: string, port: number, times: number) =>
      lab.peers.ask({ ...CLIENT('ipv4'), protocol: 'tcp', to, port }, { times, timeout: ONE_PACKET });
    await ask(addressOf('ipv4', 'cluster IP', 3), PORT, 4);
    await ask(ADDRESSES.ipv4.uplink, nodePortOf(3), 2);
    // Whoever asks again soon gets what was read before.
    expect((await scrape())('connections_total', 'far', 'port="tcp",way="cluster-ip"')).toBe('0');
    for (let value: string | undefined; value !== '4'; await sleep(500)) {
      value = (await scrape())('connections_total', 'far', 'port="tcp",way="cluster-ip"');
    }
    const last = await scrape();
    expect(last('connections_total', 'far', 'port="tcp",way="node-port"')).toBe('0');
    expect(last('dropped_packets_total', 'far', 'port="tcp",way="node-port"')).toBe('2');
    // The bound leaves out what comes last.
    expect(last('connections_total', 'web', 'port="tcp",way="cluster-ip"')).toBeUndefined();
    expect(agent.log).toContain('raise svc2ipt.serviceMetrics.maxSeries');
  });
});
