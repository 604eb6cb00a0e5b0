/** `svc2ipt apply` on a node: what it leaves alone, and what it does when something is in its way. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOCK_WAIT_SECONDS } from '../src/applier/host.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { Agent } from './support/kernel/agent.ts';
import { addressOf, type LabService, labCluster, nodePortOf, PORT } from './support/kernel/cluster.ts';
import { clusterCommand, svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab } from './support/kernel/lab.ts';
import { LAYOUT_BACKENDS } from './support/kernel/layout.ts';
import { MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { wrapRestore } from './support/kernel/restore-wrapper.ts';

const WEB: LabService = { name: 'web', index: 1, endpoints: ['pod-1', 'pod-2'] };
const BIGGER: LabService = { ...WEB, endpoints: ['pod-1', 'pod-2', 'pod-3'] };
const OTHERS: readonly LabService[] = [
  { name: 'api', index: 2, endpoints: ['pod-1'] },
  { name: 'zoo', index: 3, endpoints: ['pod-3'], spec: { externalTrafficPolicy: 'Local' } },
  { name: 'nobody', index: 4, endpoints: [] },
];

let lab: Lab;
beforeEach(async () => {
  if (MAY_USE_NAMESPACES) lab = await Lab.create();
});
afterEach(async () => await lab?.[Symbol.asyncDispose]());

describe.skipIf(!MAY_USE_NAMESPACES).each(LAYOUT_BACKENDS)('iptables-%s', (backend) => {
  const iptables = async (family: Family, ...args: string[]) => {
    const program = `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend}`;
    const { exitCode, stdout, stderr } = await lab.run('node', [program, ...args]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };

  test('a second apply runs no iptables-restore at all', async () => {
    const calls = join(lab.folder, 'calls');
    const path = await wrapRestore(lab, backend, { before: `echo "$0" >>'${calls}'` });
    const apply = async () => {
      const command = await clusterCommand(lab, backend, 'apply', labCluster([WEB, ...OTHERS]));
      const { exitCode } = await lab.run('node', ['env', `PATH=${path}`, ...command]);
      expect(exitCode).toBe(0);
      const log = await readFile(calls, 'utf8').catch(() => '');
      return log.split('\n').length - 1;
    };
    expect(await apply(), 'one for each family').toBe(2);
    expect(await apply(), 'and no more').toBe(2);
  });

  test('what iptables refuses is told with the line, its neighbours and the service port', async () => {
    const path = await wrapRestore(lab, backend, { input: "sed '/10.244.1.3/s/:8080$/:88080/'" });
    const command = await clusterCommand(lab, backend, 'apply', labCluster([WEB]));
    const { exitCode, stderr } = await lab.run('node', ['env', `PATH=${path}`, ...command]);
    expect(exitCode).toBe(2);
    const [, line] =
      /iptables-\w+-restore refused line (\d+) \(for lab\/web:(?:tcp|udp|sctp)\): /.exec(stderr) ?? [];
    expect(line, stderr).toBeDefined();
    expect(stderr, "iptables' own words").toContain('88080');
    const shown = stderr.split('\n').flatMap((text) => /^error: ( {2}[ >] \d+ \| .*)/.exec(text)?.[1] ?? []);
    expect(shown.map((text) => Number(/\d+/.exec(text)?.[0])).slice(0, 3)).toEqual(
      [-2, -1, 0].map((i) => Number(line) + i),
    );
    expect(shown[2]).toMatch(/^ {2}> \d+ \| -A KUBE-S(?:EP|VC)-\w+ .*--to-destination 10\.244\.1\.3:8080$/);

    // What was wrong is gone: the next one completes the work.
    await using agent = new Agent(lab, backend);
    expect((await svc2ipt(lab, backend, 'apply', labCluster([WEB]))).exitCode).toBe(0);
    expect(await agent.difference(labCluster([WEB]))).toEqual([]);
  });

  /** What somebody else does to our chains while an applier believes to know them. */
  test.each<[string, (family: Family, chain: string) => Promise<unknown>]>([
    ['empties the chain of a Service', (family, chain) => iptables(family, '-t', 'nat', '-F', chain)],
    ['takes a rule out of it', (family, chain) => iptables(family, '-t', 'nat', '-D', chain, '2')],
    [
      'empties the whole table and removes its chains',
      async (family) => {
        await iptables(family, '-t', 'nat', '-F');
        await iptables(family, '-t', 'nat', '-X');
      },
    ],
  ])('an applier that runs gets over somebody who %s', async (_, meddle) => {
    await using agent = new Agent(lab, backend);
    await agent.apply(labCluster([WEB, ...OTHERS]));
    for (const family of FAMILIES) {
      const to = addressOf(family, 'cluster IP', WEB.index);
      const rules = await iptables(family, '-t', 'nat', '-S');
      const rule = rules.split('\n').find((line) => line.includes(` -d ${to}/`) && line.includes('-p tcp'));
      await meddle(family, /-j (KUBE-SVC-\S+)$/.exec(rule ?? '')?.[1] ?? '');
    }
    const after = labCluster([{ ...WEB, endpoints: ['pod-3', 'pod-1'] }, ...OTHERS]);
    await agent.apply(after);
    await agent.apply(labCluster([BIGGER, ...OTHERS]));
    expect(await agent.difference(labCluster([BIGGER, ...OTHERS]))).toEqual([]);
    for (const family of FAMILIES) {
      const call = { to: addressOf(family, 'cluster IP', WEB.index), port: PORT };
      const { outcomes } = await lab.peers.ask({ from: 'pod-2', protocol: 'tcp', ...call }, { times: 60 });
      expect(Object.keys(outcomes).sort()).toEqual([
        'pod-1 sees pod-2',
        'pod-2 sees gateway',
        'pod-3 sees pod-2',
      ]);
    }
  });

  test('a rule that somebody adds to a chain of ours is taken out at the next look', async () => {
    await using agent = new Agent(lab, backend);
    await agent.apply(labCluster([WEB]));
    for (const family of FAMILIES)
      await iptables(family, '-t', 'nat', '-I', 'KUBE-SERVICES', '2', '-j', 'RETURN');
    expect(await agent.difference(labCluster([WEB]))).toHaveLength(FAMILIES.length);
    await agent.apply(labCluster([WEB]), { fresh: true });
    expect(await agent.difference(labCluster([WEB]))).toEqual([]);
  });

  test.each(['an applier that runs', 'svc2ipt apply'])(
    '%s keeps the counters of rules that stay',
    async (who) => {
      await using agent = new Agent(lab, backend);
      await agent.apply(labCluster([WEB, ...OTHERS]));
      for (const family of FAMILIES) {
        for (const { index } of [WEB, ...OTHERS]) {
          const call = { from: 'outside', source: ADDRESSES[family].client, protocol: 'udp' } as const;
          const ways = [
            { to: addressOf(family, 'cluster IP', index), port: PORT },
            { to: ADDRESSES[family].uplink, port: nodePortOf(index) },
          ];
          for (const way of ways)
            await lab.peers.ask({ ...call, ...way }, { times: 3 * index, timeout: 0.3 });
        }
      }
      const before = { ipv4: await counters('ipv4'), ipv6: await counters('ipv6') };
      // A neighbour in each chain that they share, before and behind them; one that goes; and one endpoint more.
      const after = labCluster([
        BIGGER,
        ...OTHERS.slice(0, 2),
        { name: 'aaa', index: 5, endpoints: ['pod-1'] },
        { name: 'mmm', index: 6, endpoints: [] },
        { name: 'zzz', index: 7, endpoints: ['pod-3'] },
      ]);
      if (who === 'svc2ipt apply') expect((await svc2ipt(lab, backend, 'apply', after)).exitCode).toBe(0);
      else await agent.apply(after);
      for (const family of FAMILIES) {
        const now = await counters(family);
        const stayed = [...before[family]].filter(([rule]) => now.has(rule));
        expect(stayed.filter(([, counter]) => counter !== '[0:0]').length).toBeGreaterThan(15);
        expect(stayed.map(([rule]) => [rule, now.get(rule)])).toEqual(stayed);
      }
    },
  );

  /** Packets and bytes of each rule in our chains of the nat table and in KUBE-SERVICES and its like, by rule. */
  async function counters(family: Family): Promise<Map<string, string>> {
    const program = `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend}-save`;
    const { stdout } = await lab.run('node', [program, '--counters']);
    const rules = [...stdout.matchAll(/^(\[\d+:\d+\]) (-A KUBE-.*)$/gm)];
    // The answers to neighbours' questions go through these as well, at any time.
    const own = rules.filter(([, , rule = '']) => !/^-A KUBE-(?:POSTROUTING|FIREWALL|FORWARD) /.test(rule));
    return new Map(own.map(([, counter = '', rule = '']) => [rule, counter]));
  }
});

describe.skipIf(!MAY_USE_NAMESPACES)("iptables-legacy's lock, held by another program", () => {
  /** Holds the lock, for some seconds at most. */
  async function hold(seconds: number) {
    const lock = lab.environment.XTABLES_LOCKFILE ?? '';
    const command = ['sh', '-c', `echo held; exec sleep ${seconds}`];
    const holder = execa('flock', ['--no-fork', lock, ...command], { reject: false });
    await once(holder.stdout, 'data');
    return { ended: holder.then(() => undefined), letGo: () => holder.kill('SIGKILL') };
  }

  test('for some time: apply waits', async () => {
    const { ended } = await hold(3);
    let held = true;
    void ended.then(() => {
      held = false;
    });
    const { exitCode, stderr } = await svc2ipt(lab, 'legacy', 'apply', labCluster([WEB]));
    expect({ exitCode, stderr, held }).toEqual({ exitCode: 0, stderr: '', held: false });
  });

  test('for ever: apply gives up, and tells why', async () => {
    const { letGo } = await hold(60);
    const start = performance.now();
    const { exitCode, stderr } = await svc2ipt(lab, 'legacy', 'apply', labCluster([WEB]));
    const seconds = (performance.now() - start) / 1000;
    letGo();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('xtables lock');
    // Starting takes its time on a busy machine; what counts is that it ends.
    expect(seconds).toBeGreaterThan(LOCK_WAIT_SECONDS - 0.5);
    expect(seconds).toBeLessThan(LOCK_WAIT_SECONDS + 15);
    await using agent = new Agent(lab, 'legacy');
    await agent.apply(labCluster([WEB]));
    expect(await agent.difference(labCluster([WEB]))).toEqual([]);
  });
});
