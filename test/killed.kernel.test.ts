/** An applier that is killed in the middle of its work: traffic flows on, and the next one completes it. */
import { access, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { FAMILIES, type Family } from '../src/net/address.ts';
import type { Manifest } from './support/arbitrary/raw.ts';
import { Agent } from './support/kernel/agent.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { clusterCommand } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab, OTHER_NODE_NAME } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import type { Call, Probe } from './support/kernel/peers.ts';
import { wrapRestore } from './support/kernel/restore-wrapper.ts';
import { often } from './support/long-form.ts';

/** Killed so often, with each backend. */
const TIMES = often(4, 20);

const IN_TURN = { concurrent: false };

/** So many Services are loaded, of three endpoints each, where nobody is. */
const LOADED = 800;

const STEADY: readonly LabService[] = [
  { name: 'steady', index: 1, endpoints: ['pod-1'] },
  { name: 'steady-far', index: 2, endpoints: ['pod-3'] },
  { name: 'steady-local', index: 3, endpoints: ['pod-1', 'pod-3'], spec: { externalTrafficPolicy: 'Local' } },
];

const HERE = labCluster([
  ...STEADY,
  { name: 'moving', index: 11, endpoints: ['pod-1'] },
  { name: 'gaining', index: 12, endpoints: [] },
  { name: 'losing', index: 13, endpoints: ['pod-1'] },
  { name: 'going', index: 14, endpoints: ['pod-3'] },
]);

const THERE = labCluster([
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

/**
 * Two clusters, and each applier that is killed was on its way from one to the other: it loads all Services of one
 * family into tables that have none of them, while it takes back those of the other.
 */
const CLUSTERS = { ipv4: [...THERE, ...load('ipv4')], ipv6: [...HERE, ...load('ipv6')] };

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
    // Where it is not, packets go out of the cluster and get lost.
    ['going', { ...udp, ...at(14) }, ['pod-3 sees pod-2', 'dropped']],
    ['coming', { ...udp, ...at(15) }, ['dropped', 'pod-3 sees pod-2']],
  ];
}

/** How long it took, as `svc2ipt apply --output json` tells. */
const applied = z.object({
  families: z.array(z.object({ family: z.string(), milliseconds: z.object({ write: z.number() }) })),
});

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

// Both backends side by side, as they have nothing in common; what is done to one, one after the other.
describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', { concurrent: true }, (backend) => {
  let lab: Lab;
  let agent: Agent;
  let probes: readonly (readonly [name: string, probe: Probe, allowed: readonly string[]])[];
  /** The file that is there from when iptables-restore begins to write: then is the time to kill. */
  let sign: string;
  let environment: Record<string, string>;
  /** How long the load takes to be written, by its family, in milliseconds. */
  const writing = { ipv4: 0, ipv6: 0 };
  let [killed, unfinished] = [0, 0];

  /** Starts the command, and gives it when it begins to write. */
  async function startApply(family: Family) {
    await rm(sign, { force: true });
    const [program = '', ...args] = [
      ...lab.inside('node'),
      ...(await clusterCommand(lab, backend, 'apply', CLUSTERS[family])),
      '--output',
      'json',
    ];
    // Its own group, so that it can be killed with everything that it has started.
    const command = execa(program, args, {
      env: environment,
      detached: true,
      reject: false,
      stdin: 'ignore',
    });
    await until(async () => await exists(sign), 180, 'writing');
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
    environment = { ...lab.environment, PATH: path, NODE_COMPILE_CACHE: join(lab.folder, 'compiled') };
    await agent.apply(CLUSTERS.ipv6);
    for (const family of FAMILIES) {
      const { command } = await startApply(family);
      const { exitCode, stdout } = await command;
      expect(exitCode).toBe(0);
      const { families } = applied.parse(JSON.parse(stdout));
      writing[family] = families.find((one) => one.family === family)?.milliseconds.write ?? 0;
      expect(await agent.difference(CLUSTERS[family])).toEqual([]);
    }
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
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  test.each(
    Array.from({ length: TIMES }, (_, i) => ({
      family: FAMILIES[i % 2] ?? 'ipv4',
      victims: i % 4 < 2 ? 'with iptables-restore' : 'alone',
      // At random, but spread over all the time that it takes, so that no part of it is left out.
      part: Math.floor(i / 2) + 1,
    })),
  )('killed $victims in part $part of its work: $family', IN_TURN, async ({ family, victims, part }) => {
    const { command } = await startApply(family);
    const { pid } = command;
    if (pid === undefined) throw new Error('not started');
    await sleep(((part - Math.random()) / (TIMES / 2)) * writing[family]);
    // It may be done already: work does not always take as long.
    if (victims === 'alone') command.kill('SIGKILL');
    else killGroup(pid);
    await command;
    // What it has started may end a little later.
    while (await isRunning(pid)) await sleep(20);
    expect(await surprises(), 'until it was killed').toEqual([]);
    await sleep(100);
    expect(await surprises(), 'after it was killed').toEqual([]);

    const completed = await agent.apply(CLUSTERS[family], { fresh: true });
    killed++;
    if (completed.some((done) => done.family === family && done.input !== '')) unfinished++;
    expect(await agent.difference(CLUSTERS[family])).toEqual([]);
    expect(await surprises(), 'while the work was completed').toEqual([]);
  });

  test('most of them were killed before all was loaded', IN_TURN, () => {
    expect(unfinished).toBeGreaterThanOrEqual(killed / 2);
  });
});

/** Kills a process and all that it has started. */
function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // None of them is left.
  }
}

/**
 * Whether a process of a group still runs. One that is dead is a zombie until its parent asks for it, or init, which
 * may take its time.
 */
async function isRunning(group: number): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.some((stat) => {
    // Behind the name, which may hold anything: state, parent, group (proc_pid_stat(5)).
    const [state, , its] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return its === String(group) && state !== 'Z' && state !== 'X';
  });
}
