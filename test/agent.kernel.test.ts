/** The node agent in a network of its own: against an API server and a watched folder, with real packets. */
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES } from '../src/net/address.ts';
import type { ApiObject } from './support/api-server/fake-api-server.ts';
import { ApiServer } from './support/kernel/api-server.ts';
import { addressOf, type LabService, labCluster, PORT } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, NODE_NAME, PODS } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { wrapRestore } from './support/kernel/restore-wrapper.ts';
import { RunningAgent } from './support/kernel/running-agent.ts';
import { often } from './support/long-form.ts';

const HEALTHZ = 'http://127.0.0.1:10256/healthz';
const METRICS = 'http://127.0.0.1:10249';

const NODE: ApiObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: NODE_NAME },
  spec: {},
  status: { addresses: FAMILIES.map((family) => ({ type: 'InternalIP', address: ADDRESSES[family].node })) },
};

const CHANGES = often(1500, 10_000);

/** Resident memory of a process in MB. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** Both families were compared with the kernel. */
const COMPARED = /full=true[\s\S]*full=true/;

const objects = (...services: readonly LabService[]) => labCluster(services) as unknown as ApiObject[];
const WEB: LabService = { name: 'web', index: 1, endpoints: ['pod-1'] };

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  let server: ApiServer;
  let url: string;
  let agent: RunningAgent | undefined;
  /** One line for each call of iptables-restore. */
  let calls: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    lab = await Lab.create();
    server = new ApiServer(lab);
    url = await server.start();
    calls = join(lab.folder, 'calls');
    env = { PATH: await wrapRestore(lab, backend, { before: `echo called >>'${calls}'` }) };
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await agent?.[Symbol.asyncDispose]();
    agent = undefined;
  });

  /** Starts an agent that follows the server, and gives it when it has compared both families with the kernel. */
  async function fromServer(...args: readonly string[]): Promise<RunningAgent> {
    const all = ['--master', url, '-v', '4', ...args];
    const running = await RunningAgent.start(lab, { backend, args: all, env });
    // It is ended whatever becomes of it: it would be in the way of the next one.
    agent = running;
    await running.tells(COMPARED);
    return running;
  }

  /** How many calls of iptables-restore there were since this was asked the last time. */
  async function writes(): Promise<number> {
    const text = await readFile(calls, 'utf8').catch(() => '');
    await rm(calls, { force: true });
    return text.split('\n').length - 1;
  }

  /** What a pod gets from a Service, in both families. */
  async function answers(index: number, timeout = 0.5): Promise<string[]> {
    return await Promise.all(
      FAMILIES.map(async (family) => {
        const to = addressOf(family, 'cluster IP', index);
        const { outcomes } = await lab.peers.ask(
          { from: 'pod-2', protocol: 'tcp', to, port: PORT },
          { times: 2, timeout },
        );
        return Object.keys(outcomes).join(' or ');
      }),
    );
  }

  async function eventually<T>(actual: () => Promise<T>, expected: T, seconds = 180): Promise<void> {
    const end = performance.now() + seconds * 1000;
    let last = await actual();
    while (JSON.stringify(last) !== JSON.stringify(expected) && performance.now() < end) {
      await sleep(30);
      last = await actual();
    }
    expect(last).toEqual(expected);
  }

  const both = (outcome: string) => [outcome, outcome];

  /** What `svc2ipt diff` says of the kernel and a cluster. */
  async function difference(...services: readonly LabService[]): Promise<string> {
    return (await svc2ipt(lab, backend, 'diff', labCluster(services))).stdout;
  }
  const NO_DIFFERENCE = 'no difference: the kernel holds these rules';

  test('Services come and go, and packets go with them', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await eventually(() => answers(1), both('pod-1 sees pod-2'));
    await server.put(...objects({ ...WEB, endpoints: ['pod-3'] }));
    await eventually(() => answers(1), both('pod-3 sees pod-2'));
    await server.put(...objects({ ...WEB, endpoints: [] }));
    // In IPv6, a first refusal may go unheard: the second packet's comes after a second.
    await eventually(() => answers(1, 3), both('refused'));
    const second: LabService = { name: 'second', index: 2, endpoints: ['pod-1'] };
    await server.put(...objects(second));
    await eventually(() => answers(2), both('pod-1 sees pod-2'));
    await server.delete(...objects(second));
    await eventually(() => answers(2), both('dropped'));
    await server.put(...objects(WEB));
    await eventually(() => answers(1), both('pod-1 sees pod-2'));
  });

  test('an API server that is away, and changes when it is back', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await eventually(() => answers(1), both('pod-1 sees pod-2'));
    await server.stop();
    await agent.tells(/Cannot read from the API server/);
    expect(await answers(1)).toEqual(both('pod-1 sees pod-2'));
    await server.start();
    await server.put(...objects({ ...WEB, endpoints: ['pod-3'] }));
    await eventually(() => answers(1), both('pod-3 sees pod-2'));
  });

  test('what somebody else flushes is healed', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await eventually(() => answers(1), both('pod-1 sees pod-2'));
    for (const program of [`iptables-${backend}`, `ip6tables-${backend}`]) {
      for (const table of ['nat', 'filter']) await lab.run('node', [program, '-w', '-t', table, '-F']);
    }
    await eventually(() => answers(1), both('pod-1 sees pod-2'));
    await eventually(() => difference(WEB), NO_DIFFERENCE);
    expect((await agent.page(`${METRICS}/metrics`)).body).toMatch(
      /svc2ipt_drift_found_total\{ip_family="IPv4"\} [1-9]/,
    );
  });

  test('a chain of ours that somebody else has changed is mended on SIGHUP', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await eventually(() => difference(WEB), NO_DIFFERENCE);
    await lab.run('node', [`iptables-${backend}`, '-w', '-t', 'nat', '-I', 'KUBE-MARK-MASQ', '-j', 'RETURN']);
    expect((await agent.page(`${METRICS}/debug/drift`)).body).toContain('KUBE-MARK-MASQ');
    agent.signal('SIGHUP');
    await eventually(() => difference(WEB), NO_DIFFERENCE);
  });

  test('killed and started again: nothing is written where nothing has changed, else only that', async () => {
    const second: LabService = { name: 'second', index: 2, endpoints: ['pod-1'] };
    await server.put(NODE, ...objects(WEB, second));
    agent = await fromServer();
    await eventually(() => difference(WEB, second), NO_DIFFERENCE);
    await agent.end('SIGKILL');
    await writes();

    agent = await fromServer();
    expect(await writes()).toBe(0);
    await agent.end('SIGKILL');

    await server.put(...objects({ ...second, endpoints: ['pod-3'] }));
    agent = await fromServer();
    await eventually(() => answers(2), both('pod-3 sees pod-2'));
    await agent.tells(COMPARED);
    // One call for each family.
    expect(await writes()).toBe(2);
    const { body } = await agent.page(`${METRICS}/debug/rules?family=ipv4`);
    expect(body).toContain('KUBE-SEP-');
    expect(body).not.toContain('lab/web');
    await server.delete(...objects(second));
  });

  test(`${CHANGES} changes, compressed: afterwards the rules are those of the last state`, async () => {
    const many = (i: number, endpoints: LabService['endpoints']): LabService => ({
      name: `s${i}`,
      index: i,
      endpoints,
    });
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    const memory = [await memoryOf(agent.pid)];
    const last = new Map<number, LabService>([[1, WEB]]);
    let seed = 1;
    const random = (below: number) => {
      // A linear congruential generator: the same changes each time.
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    for (let changes = 0; changes < CHANGES; ) {
      const batch = Array.from({ length: 25 }, () => many(2 + random(40), PODS.slice(0, random(4))));
      const put = batch.filter(({ endpoints }) => endpoints.length < 3);
      const gone = batch.filter(({ endpoints }) => endpoints.length === 3);
      // A Service and its two EndpointSlices are three changes.
      changes += 3 * batch.length;
      await server.put(...objects(...put));
      await server.delete(...objects(...gone));
      for (const service of put) last.set(service.index, service);
      for (const { index } of gone) last.delete(index);
      // Time for many syncs, not one.
      await sleep(20);
      if (changes % 3000 < 75) memory.push(await memoryOf(agent.pid));
    }
    await eventually(() => difference(...last.values()), NO_DIFFERENCE);
    await server.delete(...objects(...[...last.values()].filter(({ index }) => index !== 1)));
    await eventually(() => difference(WEB), NO_DIFFERENCE);
    // Flat: what is collected later than elsewhere is no leak, three times as much would be.
    expect(Math.max(...memory)).toBeLessThan(3 * (memory[0] ?? 0));
    console.log(`${backend}: resident memory during ${CHANGES} changes, in MB: ${memory.join(', ')}`);
  });

  test('SIGTERM ends it, and the rules stay', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await eventually(() => difference(WEB), NO_DIFFERENCE);
    expect((await agent.end('SIGTERM')).exitCode).toBe(0);
    expect(await difference(WEB)).toBe(NO_DIFFERENCE);
  });

  test('it tells how it is', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    const running = agent;
    const page = async (path: string) => await running.page(`${METRICS}${path}`);
    expect(JSON.parse((await agent.page(HEALTHZ)).body)).toMatchObject({ healthy: true, nodeEligible: true });
    expect((await page('/proxyMode')).body).toBe('iptables');
    const configz: unknown = JSON.parse((await page('/configz')).body);
    expect(configz).toMatchObject({ 'kubeproxy.config.k8s.io': { iptables: { syncPeriod: '1s' } } });
    expect((await page('/metrics')).body).toMatch(
      /kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv6"\} [1-9]/,
    );
    expect(JSON.stringify(JSON.parse((await page('/debug/state')).body))).toContain(ADDRESSES.ipv4['pod-1']);
    expect((await page('/debug/rules')).status).toBe(200);
    expect((await page('/debug/drift')).body).not.toContain('KUBE-SVC');
  });

  test('it tells the API server of its start, and more of what it does when it is asked to', async () => {
    await server.put(NODE, ...objects(WEB));
    const before = (await server.posted()).length;
    agent = await RunningAgent.start(lab, { backend, args: ['--master', url], env });
    await eventually(async () => (await server.posted()).length, before + 1);
    const regarding = { kind: 'Node', name: NODE_NAME };
    expect((await server.posted()).at(-1)).toMatchObject({ kind: 'Event', reason: 'Starting', regarding });
    for (let level = 1; level <= 2; level++) {
      agent.signal('SIGUSR1');
      await agent.tells(new RegExp(`verbosity=${level}`));
    }
    await server.put(...objects({ ...WEB, endpoints: ['pod-3'] }));
    await agent.tells(/Rules are in the kernel/);
  });

  test('an EndpointSlice that is broken: its Service keeps its rules, and an Event on it says why', async () => {
    const [web, ...slices] = objects(WEB);
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await eventually(() => answers(1), both('pod-1 sees pod-2'));
    for (const slice of slices) await server.put({ ...slice, endpoints: [{ addresses: ['nowhere'] }] });
    await agent.tells(/Ignoring invalid object/);
    const about = async () =>
      (await server.posted()).filter((event) => JSON.stringify(event).includes('InvalidObject'));
    await eventually(async () => (await about()).length, slices.length);
    const { namespace, name } = web?.metadata ?? {};
    for (const event of await about()) {
      expect(event).toMatchObject({
        metadata: { namespace },
        note: expect.stringContaining('endpoints[0].addresses[0]: expected an IPv'),
        regarding: { kind: 'Service', namespace, name, uid: `uid-${name}` },
      });
    }
    expect(await answers(1)).toEqual(both('pod-1 sees pod-2'));
  });

  test('--cleanup takes out what it has written', async () => {
    await server.put(NODE, ...objects(WEB));
    agent = await fromServer();
    await agent.end('SIGTERM');
    agent = await RunningAgent.start(lab, { backend, args: ['--cleanup'], env });
    expect((await agent.ended).exitCode).toBe(0);
    for (const program of [`iptables-${backend}-save`, `ip6tables-${backend}-save`]) {
      expect((await lab.run('node', [program])).stdout).not.toContain('KUBE-');
    }
  });

  test('a health check node port follows its Service', async () => {
    const checked: LabService = {
      name: 'checked',
      index: 3,
      endpoints: ['pod-1'],
      spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 32123 },
    };
    await server.put(NODE, ...objects(checked));
    agent = await fromServer();
    const running = agent;
    const check = async () => (await running.page(`http://${ADDRESSES.ipv4.node}:32123/`)).status;
    await eventually(check, 200);
    await server.put(...objects({ ...checked, endpoints: ['pod-3'] }));
    await eventually(check, 503);
    await server.delete(...objects(checked));
    await eventually(check, 0);
  });

  test('a folder of manifests: files appear, are half written, change and go', async () => {
    const folder = join(lab.folder, 'manifests');
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'web.json');
    const text = (...services: readonly LabService[]) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: labCluster(services) });
    await writeFile(file, text(WEB));
    agent = await RunningAgent.start(lab, { backend, args: ['--manifests', folder], env });
    await eventually(() => answers(1), both('pod-1 sees pod-2'));

    await writeFile(`${file}.new`, text({ ...WEB, endpoints: ['pod-3'] }));
    await rename(`${file}.new`, file);
    await eventually(() => answers(1), both('pod-3 sees pod-2'));

    const whole = text(WEB);
    await writeFile(file, whole.slice(0, whole.length / 2));
    await agent.tells(/web\.json/);
    expect(await answers(1)).toEqual(both('pod-3 sees pod-2'));
    await appendFile(file, whole.slice(whole.length / 2));
    await eventually(() => answers(1), both('pod-1 sees pod-2'));

    await rm(file);
    await eventually(() => answers(1), both('dropped'));
  });

  test('a dry run writes nothing', async () => {
    await lab.run('node', [process.execPath, '--version']);
    await server.put(NODE, ...objects({ ...WEB, endpoints: ['pod-3'] }));
    const before = await lab.run('node', [`iptables-${backend}-save`]);
    await writes();
    agent = await fromServer('--dry-run', '-v=2');
    await agent.tells(/Rules would be written/);
    const after = await lab.run('node', [`iptables-${backend}-save`]);
    const rules = (text: string) => text.split('\n').filter((line) => line.startsWith('-A'));
    expect(rules(after.stdout)).toEqual(rules(before.stdout));
    expect(await writes()).toBe(0);
  });

  test('its configuration changes: it ends, to be started anew', async () => {
    agent = await fromServer();
    const config = join(lab.folder, 'agent.yaml');
    await writeFile(config, `${await readFile(config, 'utf8')}\n`);
    await agent.tells(/configuration/);
    const running = agent;
    await eventually(async () => (await running.page(HEALTHZ)).status, 0);
  });
});
