/**
 * UDP senders that never pause, and the flows that they keep alive: whatever becomes of a Service, none goes on to
 * where the rules lead no longer.
 */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LAYOUT_NAMES } from '../src/api/layout-names.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import type { Manifest } from './support/arbitrary/raw.ts';
import { Agent } from './support/kernel/agent.ts';
import { addressOf, labService, nodePortOf, PORT, WAYS } from './support/kernel/cluster.ts';
import { cleanup, svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, type Pod, SERVER_PORT } from './support/kernel/lab.ts';
import { LAYOUT } from './support/kernel/layout.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import type { Probe } from './support/kernel/peers.ts';
import { type AgentStart, RunningAgent } from './support/kernel/running-agent.ts';
import { someOf } from './support/long-form.ts';

const SENDERS = [...WAYS, 'node port'] as const;
type Sender = (typeof SENDERS)[number];

/** Outside of the cluster; of the cluster IP, whose flow the node must track as well, a pod. */
const OUTSIDE: readonly Sender[] = ['external IP', 'load-balancer IP', 'node port'];

const web = (spec: Manifest = {}, pod: Pod = 'pod-1', index = 1) =>
  labService({ name: 'web', index, endpoints: [pod], spec });

const port = (fields: Manifest = {}) => ({
  name: 'udp',
  protocol: 'UDP',
  port: PORT,
  nodePort: nodePortOf(1),
  ...fields,
});

const addressesOf = (way: (typeof WAYS)[number], index: number) =>
  FAMILIES.map((family) => addressOf(family, way, index));

/** The Service as it was, with another status. */
function withIngress(objects: readonly Manifest[], ips: readonly string[]): Manifest[] {
  const status = { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } };
  return objects.map((object) => (object.kind === 'Service' ? { ...object, status } : object));
}

const withoutNodePort = { name: 'udp', protocol: 'UDP', port: PORT };
const inside = { type: 'ClusterIP', externalIPs: [], ports: [withoutNodePort] };

/** What the cluster becomes, and which senders have nobody then who answers; the others go on as they did. */
const ENDS: readonly (readonly [name: string, after: readonly Manifest[], lost: readonly Sender[]])[] = [
  ['the Service is deleted', [], SENDERS],
  ['its type is ClusterIP', withIngress(web(inside), []), OUTSIDE],
  ['it is headless', withIngress(web({ ...inside, clusterIPs: ['None'] }), []), SENDERS],
  [
    'it is an ExternalName',
    withIngress(web({ ...inside, type: 'ExternalName', externalName: 'web.example', clusterIPs: [] }), []),
    SENDERS,
  ],
  ['its cluster IP is another', web({ clusterIPs: addressesOf('cluster IP', 2) }), ['cluster IP']],
  ['its external IP is another', web({ externalIPs: addressesOf('external IP', 2) }), ['external IP']],
  [
    'its load-balancer IP is another',
    withIngress(web(), addressesOf('load-balancer IP', 2)),
    ['load-balancer IP'],
  ],
  ['its node port is another', web({ ports: [port({ nodePort: nodePortOf(2) })] }), ['node port']],
  ['its port is another', web({ ports: [port({ port: PORT + 1 })] }), WAYS],
  ['its protocol is TCP', web({ ports: [port({ name: 'tcp', protocol: 'TCP' })] }), SENDERS],
  ['it has no endpoints', labService({ name: 'web', index: 1, endpoints: [] }), SENDERS],
];

/** Milliseconds: a flow that is left stays for ever, and an agent that fails waits longer each time. */
const PATIENCE = 180_000;

const IN_TURN = { concurrent: false };

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  let probes: { readonly family: Family; readonly sender: Sender; readonly probe: Probe }[] = [];

  beforeAll(async () => {
    lab = await Lab.create();
  });
  afterAll(async () => await lab[Symbol.asyncDispose]());

  afterEach(async () => {
    for (const { probe } of probes) await probe.stop();
    probes = [];
    for (const family of FAMILIES) await lab.run('node', ['conntrack', '-F', '-f', family]);
  });

  /** Lets everybody send, from one port each and without a pause. */
  async function startSenders(): Promise<void> {
    for (const family of FAMILIES) {
      for (const sender of SENDERS) {
        const from =
          sender === 'cluster IP'
            ? ({ from: 'pod-2' } as const)
            : ({ from: 'outside', source: ADDRESSES[family].client } as const);
        const where =
          sender === 'node port'
            ? { to: ADDRESSES[family].uplink, port: nodePortOf(1) }
            : { to: addressOf(family, sender, 1), port: PORT };
        const probe = await lab.peers.probe(
          { ...from, ...where, protocol: 'udp' },
          { every: 0.02, oneSocket: true },
        );
        probes.push({ family, sender, probe });
      }
    }
  }

  /** Who answers each sender by now; nobody where that is no pod. */
  async function answering(): Promise<Record<string, string>> {
    for (const { probe } of probes) await probe.take();
    await sleep(150);
    const answers = probes.map(async ({ family, sender, probe }) => {
      const outcomes = Object.keys(await probe.take()).filter((outcome) => outcome.includes(' sees '));
      const pods = [...new Set(outcomes.map((outcome) => outcome.split(' ')[0]))];
      return [`${sender}, ${family}`, pods.sort().join(' and ') || 'nobody'];
    });
    return Object.fromEntries(await Promise.all(answers));
  }

  const expected = (lost: readonly Sender[], pod: Pod = 'pod-1') =>
    Object.fromEntries(
      probes.map(({ family, sender }) => [`${sender}, ${family}`, lost.includes(sender) ? 'nobody' : pod]),
    );

  async function eventuallyAnswering(lost: readonly Sender[], pod?: Pod): Promise<void> {
    const wanted = JSON.stringify(expected(lost, pod));
    let answers = await answering();
    for (const end = performance.now() + PATIENCE; performance.now() < end; answers = await answering()) {
      if (JSON.stringify(answers) === wanted) break;
    }
    expect(answers).toEqual(expected(lost, pod));
  }

  describe('an applier that runs', IN_TURN, () => {
    let agent: Agent;
    beforeAll(() => {
      agent = new Agent(lab, backend);
    });
    afterAll(async () => await agent[Symbol.asyncDispose]());

    beforeEach(async () => {
      await agent.apply(web());
      await startSenders();
      await eventuallyAnswering([]);
    });

    test.each(someOf(ENDS, BACKENDS.indexOf(backend), 2))('%s', async (_, after, lost) => {
      await agent.apply(after);
      await eventuallyAnswering(lost);
    });

    test('another Service has its addresses', async () => {
      await agent.apply(
        web({}, 'pod-3').map((object) => JSON.parse(JSON.stringify(object).replaceAll('"web', '"other'))),
      );
      await eventuallyAnswering([], 'pod-3');
    });

    test('flows that are none of a Service stay the same', async () => {
      const direct = { from: 'outside', source: ADDRESSES.ipv4.client, protocol: 'udp' } as const;
      const probe = await lab.peers.probe(
        { ...direct, to: ADDRESSES.ipv4['pod-3'], port: SERVER_PORT },
        { every: 0.02, oneSocket: true },
      );
      const id = async () => {
        const words = ['conntrack', '-L', '-p', 'udp', '-o', 'id', '-d', ADDRESSES.ipv4['pod-3']];
        return /\bid=(\d+)/.exec((await lab.run('node', words)).stdout)?.[1];
      };
      const before = await id();
      await agent.apply([]);
      await eventuallyAnswering(SENDERS);
      expect(before).toMatch(/^\d+$/);
      expect(await id()).toBe(before);
      await probe.stop();
    });
  });

  describe('svc2ipt apply', IN_TURN, () => {
    /** Of those that differ in how addresses are told apart, one each. */
    const some = ENDS.filter(([name]) => /deleted|node port|TCP/.test(name));

    test.each(some)('%s', async (_, after, lost) => {
      expect(await svc2ipt(lab, backend, 'apply', web())).toMatchObject({ exitCode: 0, stderr: '' });
      await startSenders();
      await eventuallyAnswering([]);
      const { exitCode, stdout } = await svc2ipt(lab, backend, 'apply', after);
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: expect.stringContaining(`; ${lost.length} stale UDP flows deleted`),
      });
      await eventuallyAnswering(lost);
    });

    test('svc2ipt cleanup: UDP ends with the rules', async () => {
      expect(await svc2ipt(lab, backend, 'apply', web())).toMatchObject({ exitCode: 0, stderr: '' });
      await startSenders();
      await eventuallyAnswering([]);
      const { exitCode, stdout } = await cleanup(lab, backend);
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: expect.stringMatching(/^ipv4 .*; 4 UDP flows deleted\nipv6 .*; 4 UDP flows deleted$/),
      });
      await eventuallyAnswering(SENDERS);
    });
  });

  describe('svc2ipt agent', IN_TURN, () => {
    let agent: RunningAgent;
    let folder: string;
    beforeAll(async () => {
      folder = join(lab.folder, 'manifests');
      await mkdir(folder);
    });
    afterEach(async () => await agent[Symbol.asyncDispose]());

    async function put(objects: readonly Manifest[]): Promise<void> {
      const file = join(folder, 'cluster.json');
      await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    }

    const start = async ({ args = [], env = {} }: Partial<Pick<AgentStart, 'args' | 'env'>> = {}) =>
      await RunningAgent.start(lab, { backend, args: ['--manifests', folder, '-v', '2', ...args], env });

    /** What changes while it is not there. */
    const AWAY = ENDS.filter(([name]) => /deleted|node port|cluster IP/.test(name));

    test.each(someOf(AWAY, BACKENDS.indexOf(backend), 2))(
      'is killed, %s, and it starts again',
      async (_, after, lost) => {
        await put(web());
        agent = await start();
        await startSenders();
        await eventuallyAnswering([]);
        await agent.end('SIGKILL');
        await put(after);
        await eventuallyAnswering([]);
        agent = await start();
        await eventuallyAnswering(lost);
      },
    );

    const otherLayouts = LAYOUT_NAMES.filter((layout) => layout !== LAYOUT);

    test.each(otherLayouts)(
      'the Service is deleted, and it starts for the first time, with the %s layout',
      async (layout) => {
        expect(await svc2ipt(lab, backend, 'apply', web())).toMatchObject({ exitCode: 0, stderr: '' });
        await startSenders();
        await eventuallyAnswering([]);
        await put([]);
        agent = await start({ args: ['--layout', layout] });
        await eventuallyAnswering(SENDERS);
      },
    );

    test('conntrack fails: what is due is done when it does not', async () => {
      const { stdout: real } = await lab.run('node', ['which', 'conntrack']);
      const broken = join(lab.folder, 'broken');
      const program = join(lab.folder, 'bin', 'conntrack');
      await mkdir(join(lab.folder, 'bin'));
      await writeFile(
        program,
        `#!/bin/sh\nif [ -e '${broken}' ]; then echo no >&2; exit 1; fi\nexec ${real} "$@"\n`,
      );
      await chmod(program, 0o755);
      await put(web());
      agent = await start({ env: { PATH: `${join(lab.folder, 'bin')}:${process.env.PATH}` } });
      await startSenders();
      await eventuallyAnswering([]);
      await writeFile(broken, '');
      await put([]);
      await agent.tells(/family="ipv4".*UDP flows to removed endpoints may go on/);
      await agent.tells(/family="ipv6".*UDP flows to removed endpoints may go on/);
      await eventuallyAnswering([]);
      await rm(broken);
      await eventuallyAnswering(SENDERS);
    });
  });
});
