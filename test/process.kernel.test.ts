/** The agent and its surroundings: programs, files, descriptors, clocks and signals that are not as they should be. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiObject } from './support/api-server/fake-api-server.ts';
import { Agent } from './support/kernel/agent.ts';
import { ApiServer } from './support/kernel/api-server.ts';
import { type LabService, labCluster } from './support/kernel/cluster.ts';
import { Lab, PODS } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { isRunning, memoryOf, nextFileOf, processorSecondsOf } from './support/kernel/process.ts';
import { type AgentStart, RunningAgent } from './support/kernel/running-agent.ts';
import { SpoiledPrograms } from './support/kernel/spoiled-programs.ts';

/** Seconds that programs may take here, and between checks. */
const [PATIENCE, SYNC_PERIOD] = [4, 1.5];

/** Milliseconds that the agent has to end in, and a busy machine as much again and more. */
const END = 20_000;

/** So much more memory than before is no leak: what is collected later than elsewhere, in MB. */
const MORE_MEMORY = 60;

/** An agent that runs at full speed takes as many seconds of a processor as go by; one that is well, a part of them. */
const LARGEST_SHARE = 0.7;

/** A program that keeps many connections to a port open, and says nothing over any. */
const CROWD = `
  const { connect } = require('node:net');
  const open = () => {
    connect(process.argv[1], '127.0.0.1').on('error', () => {}).on('close', () => setTimeout(open, 500));
  };
  for (let i = 0; i < 60; i++) open();
`;

const IN_TURN = { concurrent: false };

/** Seconds for which nothing of an agent runs. */
const STOPPED = 60;

/** Of an agent; without a backend it finds out by itself. */
type Given = { readonly [Key in keyof AgentStart]?: AgentStart[Key] | undefined };

const objects = (...services: readonly LabService[]) => labCluster(services) as unknown as ApiObject[];
const both = /full=true[\s\S]*full=true/;

// Both backends side by side: most of the time goes by in waiting. What does not depend on the backend, as the agent
// knows no difference there, is shown on one of them: `if (backend === ...)`.
describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', { concurrent: true }, (backend) => {
  const other = backend === 'nft' ? 'legacy' : 'nft';
  const [iptables, ip6tables] = [`iptables-${backend}`, `ip6tables-${backend}`];
  let lab: Lab;
  let server: ApiServer;
  let url: string;
  let programs: SpoiledPrograms;
  /** Compiles from scratch, and compares. */
  let judge: Agent | undefined;
  let agent: RunningAgent;
  /** Where the log of this test begins. */
  let mark = 0;
  let memoryBefore: number;
  /** How many hours the agent's wall clock is off; in a file. */
  let shift: string;
  let hook: string;
  let turn = 0;
  let web: LabService = { name: 'web', index: 1, endpoints: ['pod-1'] };
  const steady: LabService = { name: 'steady', index: 2, endpoints: ['pod-1', 'pod-3'] };

  beforeAll(async () => {
    lab = await Lab.create();
    server = new ApiServer(lab);
    url = await server.start();
    programs = await SpoiledPrograms.create(lab, backend);
    shift = join(lab.folder, 'shift');
    await writeFile(shift, '0');
    hook = join(lab.folder, 'clock.mjs');
    await writeFile(
      hook,
      `import { readFileSync } from 'node:fs';
      const Real = Date;
      let hours = 0;
      const now = () => {
        // There may be no file descriptor left.
        try { hours = Number(readFileSync(${JSON.stringify(shift)}, 'utf8')); } catch {}
        return Real.now() + hours * 3_600_000;
      };
      globalThis.Date = class extends Real {
        constructor(...given) {
          if (given.length === 0) super(now());
          else super(...given);
        }
        static now() { return now(); }
      };`,
    );
  });
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await judge?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  /** Ends the agent that runs, if one does, and starts another. */
  async function start(given: Given = {}): Promise<void> {
    await agent?.[Symbol.asyncDispose]();
    // Whatever became of the test before.
    await server.put(...objects(web, steady));
    const { args = ['--master', url, '-v', '4'], env, fields, ...rest } = given;
    agent = await RunningAgent.start(lab, {
      backend,
      args,
      env: {
        PATH: programs.path,
        NODE_COMPILE_CACHE: join(lab.folder, 'compiled'),
        NODE_OPTIONS: `--import ${hook}`,
        ...env,
      },
      own: { commandTimeout: `${PATIENCE}s` },
      fields: { iptables: { syncPeriod: `${SYNC_PERIOD}s`, minSyncPeriod: '50ms' }, ...fields },
      ...rest,
    });
    mark = 0;
  }

  /** Begins a test with an agent that has compared both families with the kernel. */
  async function begin(given?: Given): Promise<void> {
    if (given || !agent) {
      await start(given);
      await agent.tells(both);
      await inStep();
      memoryBefore = await memoryOf(agent.pid);
    }
    mark = agent.log.length;
    await programs.calls();
  }

  /** Another cluster than before. */
  function change(): LabService {
    turn++;
    web = {
      ...web,
      endpoints: [
        PODS[turn % 3] ?? 'pod-1',
        { at: { ipv4: `10.244.9.${turn}`, ipv6: `fd00:10:244:9::${turn}` } },
      ],
    };
    return web;
  }
  const putChange = async () => await server.put(...objects(change()));

  async function eventually<T>(actual: () => Promise<T>, expected: T, seconds = 180): Promise<void> {
    const end = performance.now() + seconds * 1000;
    let last = await actual();
    while (JSON.stringify(last) !== JSON.stringify(expected) && performance.now() < end) {
      await sleep(100);
      last = await actual();
    }
    expect(last, log()).toEqual(expected);
  }

  /** The kernel comes to hold what a compile from scratch gives. */
  const inStep = () => eventually(difference, []);

  async function difference(): Promise<unknown[]> {
    // It finds out what the node can do when it starts, as agents do: not before the first one has set it up.
    judge ??= new Agent(lab, backend);
    return await judge.difference(labCluster([web, steady]));
  }

  const log = () => agent.log.slice(mark);

  async function tells(what: RegExp, seconds = 180): Promise<void> {
    for (const end = performance.now() + seconds * 1000; !what.test(log()); await sleep(20)) {
      if (performance.now() > end) throw new Error(`it never told ${what}:\n${log()}`);
    }
  }

  /** How the agent ends within the time that it has; undefined where it does not. */
  async function endsBy(signal: NodeJS.Signals): Promise<{ exitCode: number | undefined } | undefined> {
    const ending = agent.end(signal).then(({ exitCode }) => ({ exitCode }));
    return await Promise.race([ending, sleep(END, undefined)]);
  }

  const restores = async () => (await programs.calls()).filter((call) => call.includes('-restore ')).length;

  const times = (text: string) =>
    log()
      .split('\n')
      .filter((line) => line.includes(text)).length;

  /** What the agent takes meanwhile is that of one that is well. */
  async function calmly(work: () => Promise<void>): Promise<void> {
    const [start, before] = [performance.now(), await processorSecondsOf(agent.pid)];
    await work();
    const seconds = (performance.now() - start) / 1000;
    // The first half second may be as busy as it likes: a sync is.
    expect((await processorSecondsOf(agent.pid)) - before).toBeLessThan(0.5 + LARGEST_SHARE * seconds);
    expect(await memoryOf(agent.pid)).toBeLessThan(memoryBefore + MORE_MEMORY);
  }

  async function status(page: string, port = 10256): Promise<number> {
    return (await agent.page(`http://127.0.0.1:${port}${page}`)).status;
  }

  test('iptables-restore is killed in the middle of its work', IN_TURN, async () => {
    await begin();
    await calmly(async () => {
      // The first transaction is done, of the second one half is read.
      const some = `sed '/^COMMIT/{n;q}' | "$real" "$@"; kill -KILL $$`;
      for (const program of [`${iptables}-restore`, `${ip6tables}-restore`])
        await programs.spoilOnce(program, some);
      await putChange();
      await tells(/was killed by SIGKILL[\s\S]*was killed by SIGKILL/);
      await inStep();
    });
    expect(times(`${iptables}-restore --noflush --counters --wait 5 was killed by SIGKILL`)).toBe(1);
    expect(times(`${ip6tables}-restore --noflush --counters --wait 5 was killed by SIGKILL`)).toBe(1);
    expect(times('memory may have run out (see dmesg): try again')).toBe(2);
    // The one that was killed, and the one that took its place, in each family.
    expect(await restores()).toBeLessThanOrEqual(4);
  });

  // What becomes of a program that hangs is the same in both, and takes its time: each has a part.
  /** The program, the file it is, how many families run into it, and what has it run. */
  type Hanging = [string, string, number, () => Promise<void>];
  const hanging: Record<typeof backend, Hanging[]> = {
    nft: [
      ['iptables-restore', `${iptables}-restore`, 1, () => putChange()],
      // Of both families.
      ['conntrack', 'conntrack', 2, () => putChange()],
    ],
    legacy: [['iptables-save', `${iptables}-save`, 1, async () => agent.signal('SIGHUP')]],
  };
  const hang = `trap '' TERM; sleep 1000 & echo $! >"$folder/hangs"; wait`;
  const hangs = async () => await isRunning(Number(await programs.told('hangs').catch(() => 'nothing')));

  test.each(hanging[backend])('%s hangs', IN_TURN, async (_, program, faults, cause) => {
    await begin();
    await calmly(async () => {
      await programs.spoil(program, hang);
      await cause();
      // A change has waited for longer than twice the sync period by then.
      await eventually(() => status('/livez'), 503);
      await tells(new RegExp(`${program}.* did not end within ${PATIENCE} s, and was stopped`));
      // It is tried again, and hangs again.
      await eventually(hangs, true);
      await programs.mend(program);
      await inStep();
      await eventually(() => status('/livez'), 200);
      expect(await hangs()).toBe(false);
    });
    // Once, however often it was tried.
    expect(times(` did not end within ${PATIENCE} s, and was stopped`)).toBe(faults);
    expect(times('find out what delays it (run it by hand; dmesg, top), then try again')).toBe(faults);
    // One family may have come later than the other.
    await tells(/"Rules can be written again" family="ipv." attempts=\d+ seconds=\d+/);
  });

  if (backend === 'legacy') {
    test('SIGTERM while a program hangs', IN_TURN, async () => {
      // So long it could take.
      await begin({ own: { commandTimeout: '10m' } });
      await programs.spoil(`${iptables}-save`, hang);
      agent.signal('SIGHUP');
      await eventually(async () => (await programs.calls()).some((call) => call.startsWith(iptables)), true);
      await eventually(hangs, true);
      expect(await endsBy('SIGTERM')).toEqual({ exitCode: 0 });
      expect(await hangs()).toBe(false);
      expect(log()).toMatch(
        new RegExp(`${iptables}-save .*still ran when svc2ipt ended, and was stopped.*start svc2ipt again`),
      );
      expect(log()).not.toContain('retryInSeconds');
      await programs.mend(`${iptables}-save`);
      // The next start finds the rules as they were left.
      await programs.calls();
      await start();
      await agent.tells(both);
      await inStep();
      memoryBefore = await memoryOf(agent.pid);
      expect(await restores()).toBe(0);
    });
  }

  test('iptables-save prints garbage, or not all, and ends well', IN_TURN, async () => {
    await begin();
    await calmly(async () => {
      for (const [script, problem] of [
        ['echo garbage; exit', 'line 1 is \\\\\\"garbage'],
        ['"$real" "$@" | head -n 12; exit', 'line 12 is the last one, and no COMMIT'],
      ] as const) {
        await programs.spoil(`${iptables}-save`, script);
        agent.signal('SIGHUP');
        await tells(new RegExp(`${iptables}-save .*exit code 0, but its output is invalid: .*${problem}`));
        await programs.mend(`${iptables}-save`);
        await eventually(() => status('/livez'), 200);
      }
      await inStep();
    });
    expect(await restores()).toBe(0);
    expect(log()).toContain(`check which program it is (command -v ${iptables}-save)`);
  });

  if (backend === 'legacy') {
    test('conntrack prints garbage, and ends well', IN_TURN, async () => {
      await begin();
      await calmly(async () => {
        await programs.spoil('conntrack', 'echo garbage; exit');
        await putChange();
        const printed = 'ended with exit code 0, but its output is invalid: line 1 is';
        await tells(new RegExp(`conntrack -L -f ipv4 -p udp ${printed} .*garbage`));
        // The rules do not wait for it.
        await inStep();
        await programs.mend('conntrack');
        await tells(/"Rules can be written again" family="ipv4"/);
      });
      expect(log()).toContain('check which program it is (command -v conntrack)');
    });
  }

  if (backend === 'nft') {
    test('it is stopped, and goes on', IN_TURN, async () => {
      await begin();
      agent.signal('SIGSTOP');
      for (let i = 0; i < 20; i++) await putChange();
      // Longer than programs may take, checks are apart, and a change may wait.
      await sleep(STOPPED * 1000);
      await programs.calls();
      agent.signal('SIGCONT');
      await calmly(async () => {
        await inStep();
        await eventually(() => status('/healthz'), 200);
      });
      expect(await restores()).toBeLessThanOrEqual(6);
      await putChange();
      await inStep();
    });
  }

  if (backend === 'legacy') {
    test('the clock jumps by hours, forth and back', IN_TURN, async () => {
      await begin();
      await calmly(async () => {
        for (const hours of [7, -30, 0]) {
          await writeFile(shift, String(hours));
          await putChange();
          await inStep();
          await eventually(() => status('/healthz'), 200);
        }
      });
      // One for each change and family, none for the clock.
      expect(await restores()).toBeLessThanOrEqual(6);
      expect(times('"Cannot write rules')).toBe(0);
    });
  }

  if (backend === 'nft') {
    test('signals by the thousand', IN_TURN, async () => {
      await begin();
      await calmly(async () => {
        for (let i = 0; i < 2000; i++) {
          agent.signal(i % 2 ? 'SIGHUP' : 'SIGUSR1');
          // Else the kernel makes one of them all.
          if (i % 10 === 0) await sleep(1);
        }
        await putChange();
        await inStep();
        await eventually(() => status('/healthz'), 200);
      });
      // One in hand and one that waits, again and again while signals come, but not one for each of them.
      const readings = (await programs.calls()).filter((call) =>
        call.startsWith(`${iptables}-save --counters`),
      );
      expect(readings.length).toBeLessThan(60);
      expect(times('SIGHUP: comparing everything')).toBeLessThan(60);
      expect(times('Verbosity set')).toBe(6);
    });
  }

  test('IPv6 is switched off and on, and ip6tables is not what it was', IN_TURN, async () => {
    await begin();
    const ip6programs = [ip6tables, `${ip6tables}-save`, `${ip6tables}-restore`];
    const ipv4InStep = () =>
      eventually(async () => {
        const found = await difference();
        return found.filter((one) => JSON.stringify(one).includes('10.')).length;
      }, 0);
    await calmly(async () => {
      for (const off of [1, 0]) {
        await lab.run('node', ['sysctl', '-qw', `net.ipv6.conf.all.disable_ipv6=${off}`]);
        await putChange();
        await inStep();
      }
      for (const [script, told] of [
        ['echo "not found" >&2; exit 127', 'ended with exit code 127: not found'],
        [
          `echo "can't initialize ip6tables table: Table does not exist (do you need to insmod?)" >&2; exit 3`,
          'modprobe ip6table_nat',
        ],
      ] as const) {
        for (const program of ip6programs) await programs.spoil(program, script);
        await putChange();
        await ipv4InStep();
        await tells(new RegExp(RegExp.escape(told)));
        for (const program of ip6programs) await programs.mend(program);
        await inStep();
      }
      await eventually(() => status('/livez'), 200);
    });
    expect(times('family=\\"ipv4\\" error=')).toBe(0);
  });

  if (backend === 'nft') {
    test('whoever read its log has gone', IN_TURN, async () => {
      await begin();
      await calmly(async () => {
        agent.leaveLog();
        for (let i = 0; i < 500; i++) {
          agent.signal('SIGUSR2');
          if (i % 50 === 0) await sleep(10);
        }
        await putChange();
        await inStep();
        await eventually(() => status('/healthz'), 200);
      });
    });
  }

  if (backend === 'legacy') {
    test('whoever reads its log stalls', IN_TURN, async () => {
      await begin();
      const broken = (round: number) =>
        Array.from({ length: 200 }, (_, i) => ({
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: `broken-${'x'.repeat(200)}-${i}`, namespace: 'lab' },
          spec: { clusterIP: `${round}-${'x'.repeat(600)}`, ports: [{ port: 80 }] },
        }));
      agent.stallLog();
      // Two megabytes and more, a line for each object and time: a pipe and what may wait hold less. Each time is seen,
      // as a sync tells of what came before it.
      for (let round = 0; round < 12; round++) {
        await server.put(...broken(round));
        await putChange();
        await inStep();
      }
      await eventually(() => status('/healthz'), 200);
      expect(await memoryOf(agent.pid)).toBeLessThan(memoryBefore + MORE_MEMORY);
      agent.readLog();
      await tells(/"Dropped log lines that nobody read" lines=\d+/);
      expect(times('broken-')).toBeLessThan(5000);
      await server.delete(...broken(0));
      await putChange();
      await tells(/Dropped log lines that nobody read[\s\S]*"Rules are in the kernel"/);
      await inStep();
      // And the end does not wait for whoever does not read.
      agent.stallLog();
      for (let round = 0; round < 8; round++) await server.put(...broken(round));
      await putChange();
      await inStep();
      expect(await endsBy('SIGTERM')).toEqual({ exitCode: 0 });
      await server.delete(...broken(0));
      await start();
    });
  }

  test('no file descriptor is left, and then there are some again', IN_TURN, async () => {
    const folder = join(lab.folder, 'manifests');
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'cluster.json');
    const write = () =>
      writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: labCluster([web, steady]) }));
    await write();
    const fields = { nodePortAddresses: ['0.0.0.0/0', '::/0'] };
    await begin({ args: ['--manifests', folder, '-v', '4'], fields });
    const limit = async (soft: number) => {
      await execa('prlimit', ['--pid', String(agent.pid), `--nofile=${soft}:`]);
    };
    await calmly(async () => {
      const most = (await nextFileOf(agent.pid)) + 40;
      await limit(most);
      // Clients take all that is left, and ask for nothing: there are more of them than that.
      const [program = '', ...words] = [...lab.inside('node'), process.execPath, '-e', CROWD, '10256'];
      const crowd = execa(program, words, { reject: false, stdin: 'ignore' });
      await eventually(async () => (await nextFileOf(agent.pid)) >= most, true);
      agent.signal('SIGHUP');
      await tells(/\(EMFILE\)/);
      change();
      await write();
      // Checks, addresses, probes and a file that has changed: all of them want one.
      await status('/livez');
      await tells(/Cannot read the addresses of this node; keeping the last known ones/);
      await sleep(1000 * SYNC_PERIOD);
      await limit(1000);
      crowd.kill('SIGKILL');
      await inStep();
      await eventually(() => status('/livez'), 200);
      expect(await status('/metrics', 10249)).toBe(200);
    });
    expect(log()).toContain('the machine has no room for another process (EMFILE)');
    expect(log()).toContain('raise the limits (ulimit -a)');
    expect(times('Cannot read the addresses of this node; keeping the last known ones')).toBe(1);
    // Whoever changes rules is still found out.
    mark = agent.log.length;
    await lab.run('node', [iptables, '-t', 'nat', '-F', 'KUBE-POSTROUTING']);
    await tells(/Another program changed our rules; repaired/);
    await inStep();
  });

  /** A PATH with iptables by the names that are given, of this backend, and what else the agent needs. */
  async function pathWith(name: string, names: readonly string[]): Promise<string> {
    const path = join(lab.folder, name);
    await mkdir(path, { recursive: true });
    for (const program of ['ip', 'conntrack', 'nfacct']) {
      const { exitCode, stdout } = await execa('which', [program], { reject: false });
      if (exitCode === 0) await symlink(stdout, join(path, program));
    }
    for (const family of ['iptables', 'ip6tables']) {
      for (const end of names)
        for (const rest of ['', '-save', '-restore']) await lead(path, `${family}${end}${rest}`, backend);
    }
    return path;
  }

  /** Lets a name stand for a program of a backend. Its own name tells such a program what it is. */
  async function lead(path: string, name: string, to: typeof backend): Promise<void> {
    const [family = '', rest = ''] = name.split(/-(?:nft|legacy)|(?=-save|-restore)/);
    const real = (await execa('which', [`${family}-${to}${rest}`])).stdout;
    await rm(join(path, name), { force: true });
    const script = `#!/bin/sh\nexec '${real}' "$@"\n`;
    await writeFile(join(path, name), script, { mode: 0o755 });
  }

  const otherHolds = async () => (await lab.run('node', [`iptables-${other}-save`])).stdout;

  test(
    'the other backend has chains of ours, which is told once the rules are in the kernel',
    IN_TURN,
    async () => {
      const chain = ['--wait', '60', '-t', 'nat'];
      await lab.run('node', [`iptables-${other}`, ...chain, '-N', 'KUBE-SERVICES']);
      try {
        await start();
        await agent.tells(both);
        await agent.tells(
          new RegExp(`iptables-${other} has 1 chain of kube-proxy too, and packets meet both`),
        );
        await inStep();
      } finally {
        await lab.run('node', [`iptables-${other}`, ...chain, '-X', 'KUBE-SERVICES']);
      }
    },
  );

  test(
    'what the other backend has cannot be read: that is told, and the rules are there',
    IN_TURN,
    async () => {
      const path = join(lab.folder, 'garbage');
      await mkdir(path);
      await writeFile(join(path, `iptables-${other}-save`), '#!/bin/sh\necho garbage\n', { mode: 0o755 });
      await start({ env: { PATH: `${path}:${programs.path}` } });
      await agent.tells(both);
      await agent.tells(
        new RegExp(`iptables-${other}-save .*exit code 0, but its output is invalid: line 1 is`),
      );
      await inStep();
    },
  );

  test('what iptables stands for changes, and its programs are away for a while', IN_TURN, async () => {
    const path = await pathWith('named', ['', `-${backend}`]);
    await begin({ backend: undefined, env: { PATH: path } });
    await calmly(async () => {
      for (const rest of ['', '-save', '-restore']) await lead(path, `iptables${rest}`, other);
      await putChange();
      await inStep();
      expect(await otherHolds()).not.toContain('KUBE-');
      for (const rest of ['', '-save', '-restore']) await rm(join(path, `${iptables}${rest}`));
      await putChange();
      await tells(new RegExp(`${iptables}\\S* .*(?:is not installed|no such program)`));
      for (const rest of ['', '-save', '-restore']) await lead(path, `${iptables}${rest}`, backend);
      await inStep();
    });
    expect(await otherHolds()).not.toContain('KUBE-');
  });

  test('what iptables stands for changes, and there is no other name', IN_TURN, async () => {
    const path = await pathWith('plain', ['']);
    await begin({ backend: undefined, env: { PATH: path } });
    await calmly(async () => {
      for (const rest of ['', '-save', '-restore']) await lead(path, `iptables${rest}`, other);
      await putChange();
      await tells(new RegExp(`iptables was ${iptables} and is now iptables-${other}`));
      await sleep(1500);
      expect(await otherHolds()).not.toContain('KUBE-');
      for (const rest of ['', '-save', '-restore']) await lead(path, `iptables${rest}`, backend);
      await inStep();
    });
    expect(log()).toContain('change it back, or restart svc2ipt');
  });

  if (backend === 'nft') {
    test('the log is on a disk that is full, and has room again', IN_TURN, async () => {
      const disk = join(lab.folder, 'disk');
      await mkdir(disk);
      await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
      try {
        const log = join(disk, 'log');
        await start({
          through: ['sh', '-c', 'exec "$0" "$@" 2>>"$LOG"'],
          env: { PATH: programs.path, LOG: log },
        });
        // Until it has begun, a signal would end it.
        const hasTold = (what: string) =>
          eventually(async () => (await execa('grep', ['-q', what, log], { reject: false })).exitCode, 0);
        await hasTold('full=true');
        await inStep();
        memoryBefore = await memoryOf(agent.pid);
        await execa('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=1k', 'count=100'], {
          reject: false,
        });
        await calmly(async () => {
          for (let i = 0; i < 20; i++) agent.signal('SIGUSR2');
          await putChange();
          await inStep();
        });
        await rm(join(disk, 'filler'));
        await execa('truncate', ['-s', '0', log]);
        await putChange();
        await inStep();
        await hasTold('Rules are in the kernel');
      } finally {
        await agent[Symbol.asyncDispose]();
        await execa('umount', [disk]);
      }
    });
  }
});
