/** `svc2ipt top` as a user runs it on what iptables-save printed. What it counts is tested beside `src/traffic`. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../../test/support/command-line.ts';
import { withCounters } from '../../../test/support/counters.ts';
import { PROJECT } from '../../../test/support/project.ts';

let folder: string;
let after: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  const rules = await readFile(join(PROJECT, 'golden/fast-layout/small/ipv4.rules'), 'utf8');
  const ipv6 = await readFile(join(PROJECT, 'golden/fast-layout/small/ipv6.rules'), 'utf8');
  const before = withCounters(rules, (_, i) => i, 'Sun Nov 29 22:00:00 2026');
  after = withCounters(rules, (_, i) => 3 * i, 'Sun Nov 29 22:00:10 2026');
  await writeFile(join(folder, 'before.save'), before);
  await writeFile(join(folder, 'after.save'), after);
  await writeFile(join(folder, 'both.save'), `${after}\n${withCounters(ipv6, () => 100)}`);
  await writeFile(join(folder, 'without.save'), rules);
});

afterAll(() => rm(folder, { recursive: true }));

async function top(args: readonly string[], input?: string) {
  return await runCommandLine(['top', ...args], { input, onlyEnv: true, folder });
}

const SAVE = ['--save', 'after.save'];
const SINCE = ['--since', 'before.save', ...SAVE];

describe('what it prints', () => {
  test('all Services, since the counters began', async () => {
    expect(await top(SAVE)).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: `SERVICE, WAY IN                               CONNECTIONS REFUSED DROPPED  MASQ.
shop/web:http                                          93       0       9    183
  cluster IP                                           27       0       0
  load-balancer IP                                     24       0       9
  node port                                            42       0       0
shop/sessions/udp                                      66       0       0    126
  cluster IP                                           30       0       0
  external IP                                          36       0       0
shop/nobody                                             0       3       0      0
  cluster IP                                            0       0       0
  node port                                             0       3       0

All Services: 159 connections, 3 refused, 9 dropped
This node: 54 masqueraded, 12 invalid and 24 to loopback dropped
`,
    });
  });

  test('one Service since an earlier reading, with rates and endpoints', async () => {
    const { stdout } = await top(['shop/web', ...SINCE]);
    expect(stdout).toContain(
      'SERVICE, WAY IN                         NEW/S CONNECTIONS REFUSED DROPPED  MASQ.\n',
    );
    expect(stdout).toMatch(/^ {2}cluster IP +1\.8 +18 +0 +0$/m);
    expect(stdout).toMatch(/^ {4}10\.244\.1\.5:8080 +\d+\.\d +\d+ +\d+\.\d % +\d+\.\d %$/m);
    expect(stdout).not.toContain('shop/nobody');
  });

  test.each<[string, string[], string]>([
    ['by name alone', ['web'], 'shop/web:http'],
    ['by its port', ['shop/web:http'], 'shop/web:http'],
    ['by its cluster IP', ['10.96.0.11'], 'shop/sessions/udp'],
    ['by its node port', ['30080'], 'shop/web:http'],
    ['in a namespace', ['nobody', '-n', 'shop'], 'shop/nobody'],
    ['by name first', ['--sort', 'name'], 'shop/nobody'],
    ['by what is dropped', ['--sort', 'dropped'], 'shop/web:http'],
    ['by what is refused', ['--sort', 'refused'], 'shop/nobody'],
  ])('%s', async (_, args, first) => {
    const { exitCode, stdout } = await top([...args, ...SAVE]);
    expect([exitCode, stdout.split('\n')[1]?.split(' ')[0]?.replace(/,$/, '')]).toEqual([0, first]);
  });

  test('as JSON', async () => {
    const report = JSON.parse((await top([...SINCE, '-o', 'json'])).stdout);
    expect(report).toMatchObject({ seconds: 10, countersReset: 0 });
    expect(report.services[0]).toMatchObject({ name: 'shop/web', ports: [{ servicePort: 'shop/web:http' }] });
    expect(report.services[0].ports[0].ways[0]).toEqual({
      way: 'cluster-ip',
      connections: { total: 18, recent: 18, perSecond: 1.8 },
      refused: { total: 0, recent: 0, perSecond: 0 },
      dropped: { total: 0, recent: 0, perSecond: 0 },
    });
  });

  test('both families together, or one of them', async () => {
    const total = async (...args: readonly string[]) =>
      JSON.parse((await top(['--save', 'both.save', '-o', 'json', ...args])).stdout).node.masqueraded.total;
    const [ipv4, ipv6] = [await total('--family', 'ipv4'), await total('--family', 'ipv6')];
    expect(ipv6).toBe(100);
    expect(await total()).toBe(ipv4 + ipv6);
  });

  test('what is piped in', async () => {
    expect((await top(['--save', '-'], after)).stdout).toBe((await top(SAVE)).stdout);
  });
});

describe('mistakes', () => {
  test.each<[string, string[], RegExp]>([
    ['no such Service', ['wbe', ...SAVE], /^error: no Service "wbe" in the rules \(shop\/web\?\)\n$/],
    ['no such file', ['--save', 'no.save'], /^error: .*no\.save.*no such file/],
    [
      'no counters',
      ['--save', 'without.save'],
      /^error: without\.save: has no counters: iptables-save -c prints them\n$/,
    ],
    [
      'the wrong way round',
      ['--since', 'after.save', '--save', 'before.save'],
      /was saved later than "before\.save"/,
    ],
    ['standard input twice', ['--since', '-', '--save', '-'], /standard input can be read once/],
    ['no rules of a family', ['--family', 'ipv6', ...SAVE], /expected rules of ipv6, got some of ipv4/],
    ['too short', ['--interval', '1ms'], /Expected a duration of at least 100ms, such as 2s or 1m\./],
    ['no order', ['--sort', 'size'], /Allowed choices are rate, connections, refused, dropped, name/],
    ['a backend of a file', ['--backend', 'nft', ...SAVE], /cannot be used with/],
  ])('%s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await top(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });
});
