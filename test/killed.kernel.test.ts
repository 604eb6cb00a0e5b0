/** An applier that is killed in the middle of its work: traffic flows on, and the next one completes it. */
import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../src/net/address.ts';
import type { Manifest } from './arbitrary/raw.ts';
import { Agent } from './kernel/agent.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './kernel/cluster.ts';
import { clusterCommand, svc2ipt } from './kernel/command-line.ts';
import { ADDRESSES, Lab, OTHER_NODE_NAME } from './kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './kernel/namespace.ts';
import type { Call, Probe } from './kernel/peers.ts';
import { wrapRestore } from './kernel/restore-wrapper.ts';

/** Killed so often, with each backend. */
const TIMES = 20;

/** So many Services are loaded, of three endpoints each, where nobody is. */
const LOADED = 2000;

const STEADY: readonly LabService[] = [
  { name: 'steady', index: 1, endpoints: ['pod-1'] },
  { name: 'steady-far', index: 2, endpoints: ['pod-3'] },
  { name: 'steady-local', index: 3, endpoints: ['pod-1', 'pod-3'], spec: { externalTrafficPolicy: 'Local' } },
];

const BEFORE = labCluster([
  ...STEADY,
  { name: 'moving', index: 11, endpoints: ['pod-1'] },
  { name: 'gaining', index: 12, endpoints: [] },
  { name: 'losing', index: 13, endpoints: ['pod-1'] },
  { name: 'going', index: 14, endpoints: ['pod-3'] },
]);

const AFTER = labCluster([
  ...STEADY,
  { name: 'moving', index: 11, endpoints: ['pod-3'] },
  { name: 'gaining', index: 12, endpoints: ['pod-1'] },
  { name: 'losing', index: 13, endpoints: [] },
  { name: 'coming', index: 15, endpoints: ['pod-3'] },
]);

function load(family: Family): Manifest[] {
  const addresses = {
    ipv4: {
      type: 'IPv4',
      service: (i: number) => `10.97.${i >> 8}.${i & 255}`,
      pod: (n: number) => `10.244.9.${n}`,
    },
    ipv6: {
      type: 'IPv6',
      service: (i: number) => `fd00:10:97::${i.toString(16)}`,
      pod: (n: number) => `fd00:10:244:9::${n}`,
    },
  }[family];
  return Array.from({ length: LOADED }, (_, i) => {
    const name = `load-${i}`;
    return [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'load' },
        spec: { clusterIP: addresses.service(i + 1), ports: [{ port: PORT }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, namespace: 'load', labels: { 'kubernetes.io/service-name': name } },
        addressType: addresses.type,
        endpoints: [1, 2, 3].map((n) => ({ addresses: [addresses.pod(n)], nodeName: OTHER_NODE_NAME })),
        ports: [{ name: '', port: 1 + i }],
      },
    ];
  }).flat();
}

/** Who asks all the time, and what may come of it: anything else would be a wrong answer, or one that is missing. */
function questions(
  family: Family,
): readonly (readonly [name: string, call: Call, allowed: readonly string[]])[] {
  const at = (index: number) => ({ to: addressOf(family, 'cluster IP', index), port: PORT });
  const nodePort = (index: number) => ({ to: ADDRESSES[family].uplink, port: nodePortOf(index) });
  const udp = { from: 'pod-2', protocol: 'udp' } as const;
  const client = { from: 'outside', source: ADDRESSES[family].client } as const;
  return [
    ['steady', { from: 'pod-2', protocol: 'tcp', ...at(1) }, ['pod-1 sees pod-2']],
    ['steady, from the node', { from: 'node', protocol: 'udp', ...at(1) }, ['pod-1 sees gateway']],
    ['steady, from outside', { ...client, protocol: 'tcp', ...nodePort(2) }, ['pod-3 sees node']],
    ['steady, local', { ...client, protocol: 'udp', ...nodePort(3) }, ['pod-1 sees client']],
    ['moving', { from: 'pod-2', protocol: 'tcp', ...at(11) }, ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
    ['gaining', { ...udp, ...at(12) }, ['refused', 'pod-1 sees pod-2']],
    ['losing', { ...udp, ...at(13) }, ['pod-1 sees pod-2', 'refused']],
    // Before it is there and when it is gone, packets go out of the cluster and get lost.
    ['going', { ...udp, ...at(14) }, ['pod-3 sees pod-2', 'dropped']],
    ['coming', { ...udp, ...at(15) }, ['dropped', 'pod-3 sees pod-2']],
  ];
}

async function until(condition: () => Promise<boolean>, seconds: number, what: string): Promise<void> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(2)) {
    if (await condition()) return;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;
  let agent: Agent;
  let probes: readonly (readonly [name: string, probe: Probe, allowed: readonly string[]])[];
  /** The file that is there from when iptables-restore begins to write: then is the time to kill. */
  let sign: string;
  let environment: Record<string, string>;
  /** How long writing takes, by family, in milliseconds. */
  const writing = { ipv4: 0, ipv6: 0 };
  let [killed, unfinished] = [0, 0];

  const wanted = { ipv4: [...AFTER, ...load('ipv4')], ipv6: [...AFTER, ...load('ipv6')] };

  /** Starts the command, and gives it when it begins to write. */
  async function startApply(family: Family) {
    await rm(sign, { force: true });
    const [program = '', ...args] = [
      ...lab.inside('node'),
      ...(await clusterCommand(lab, backend, 'apply', wanted[family])),
    ];
    // Its own group, so that it can be killed with everything that it has started.
    const command = execa(program, args, {
      env: environment,
      detached: true,
      reject: false,
      stdin: 'ignore',
    });
    await until(async () => await exists(sign), 20, 'writing');
    // Not the command itself: whoever waits for that waits for its end.
    return { command };
  }

  /** What was said to the probes that should not have been. */
  async function surprises(): Promise<string[]> {
    const outcomes = await Promise.all(
      probes.map(async ([name, probe, allowed]) => {
        const taken = Object.keys(await probe.take());
        return taken.filter((outcome) => !allowed.includes(outcome)).map((outcome) => `${name}: ${outcome}`);
      }),
    );
    return outcomes.flat();
  }

  beforeAll(async () => {
    lab = await Lab.create();
    agent = new Agent(lab, backend);
    sign = join(lab.folder, 'writing');
    const path = await wrapRestore(lab, backend, { before: `: >'${sign}'` });
    environment = { ...lab.environment, PATH: path };
    for (const family of FAMILIES) {
      await agent.apply(BEFORE, { fresh: true });
      const { command } = await startApply(family);
      const began = performance.now();
      expect((await command).exitCode).toBe(0);
      writing[family] = performance.now() - began;
      const { exitCode, stdout } = await svc2ipt(lab, backend, 'diff', wanted[family]);
      expect({ exitCode, stdout }).toEqual({
        exitCode: 0,
        stdout: 'no difference: the kernel holds these rules',
      });
    }
    await agent.apply(BEFORE, { fresh: true });
    probes = await Promise.all(
      FAMILIES.flatMap((family) =>
        questions(family).map(
          async ([name, call, allowed]) =>
            [
              `${name}, ${family}`,
              await lab.peers.probe(call, { every: 0.03, timeout: 3 }),
              allowed,
            ] as const,
        ),
      ),
    );
  });
  afterEach(async () => {
    await agent.apply(BEFORE, { fresh: true });
    expect(await agent.difference(BEFORE)).toEqual([]);
    expect(await surprises(), 'while all was taken back').toEqual([]);
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  test.each(
    Array.from({ length: TIMES }, (_, i) => ({
      family: FAMILIES[i % 2] ?? 'ipv4',
      victims: i % 4 < 2 ? 'with iptables-restore' : 'alone',
      // At random, but spread over all the time that it takes, so that no part of it is left out.
      tenth: Math.floor(i / 2) + 1,
    })),
  )('killed $victims in tenth $tenth of its work: $family', async ({ family, victims, tenth }) => {
    const { command } = await startApply(family);
    const { pid } = command;
    if (pid === undefined) throw new Error('not started');
    await sleep(((tenth - Math.random()) / (TIMES / 2)) * writing[family]);
    // It may be done already: work does not always take as long.
    if (victims === 'alone') command.kill('SIGKILL');
    else killGroup(pid);
    await command;
    await until(async () => !killGroup(pid, 0), 20, 'the end of all that it has started');
    expect(await surprises(), 'until it was killed').toEqual([]);
    await sleep(100);
    expect(await surprises(), 'after it was killed').toEqual([]);

    const completed = await agent.apply(wanted[family], { fresh: true });
    killed++;
    if (completed.some(({ input }) => input !== '')) unfinished++;
    expect(await agent.difference(wanted[family])).toEqual([]);
    expect(await surprises(), 'while the work was completed').toEqual([]);
  });

  test('most of them were killed in time', () => {
    expect(unfinished).toBeGreaterThanOrEqual(killed / 2);
  });
});

/** Sends a signal to a process and all that it has started; false where there is none of them. */
function killGroup(pid: number, signal: NodeJS.Signals | 0 = 'SIGKILL'): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
