/**
 * Nodes that lack something that rules need: what svc2ipt says, and what works all the same. docs/systems.md has each of
 * them, with these words. A machine that lacks a module cannot be had by a test: there, a stand-in for iptables says what
 * iptables said on such a kernel. All else is real.
 */
import { glob, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { type LabService, labCluster } from './support/kernel/cluster.ts';
import { clusterCommand } from './support/kernel/command-line.ts';
import { Lab } from './support/kernel/lab.ts';
import { BACKENDS, type Backend, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { PYTHON } from './support/kernel/python.ts';
import { expectTraffic } from './support/kernel/traffic.ts';
import { PROJECT } from './support/project.ts';

const ONE: LabService = { name: 'one', index: 1, endpoints: ['pod-1'] };
const TWO: LabService = { name: 'two', index: 2, endpoints: ['pod-1', 'pod-3'] };
const STICKY: LabService = { ...ONE, name: 'sticky', index: 3, spec: { sessionAffinity: 'ClientIP' } };

interface Lack {
  /** What is missing, as the page has it. */
  readonly name: string;
  /** How: the environment of svc2ipt, and what runs it. */
  readonly how: (lab: Lab, backend: Backend) => Promise<Circumstance>;
  /** Those on which it is missing; both unless given. */
  readonly on?: readonly Backend[];
  readonly services?: readonly LabService[];
  /** What svc2ipt says, each piece as the page has it; nothing unless given. */
  readonly says?: readonly string[];
  /** It writes no rules. */
  readonly refused?: true;
  /** Those whose Services answer; both unless given. */
  readonly families?: readonly Family[];
}

interface Circumstance {
  readonly env?: Readonly<Record<string, string>>;
  readonly through?: readonly string[];
}

/** Programs that are found by PATH, but for some. */
async function withoutPrograms(lab: Lab, missing: RegExp): Promise<Circumstance> {
  const folder = join(lab.folder, 'programs');
  await mkdir(folder);
  for (const from of ['/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    for (const name of await readdir(from)) {
      // Most are found in two of them.
      if (!missing.test(name)) await symlink(join(from, name), join(folder, name)).catch(() => {});
    }
  }
  return { env: { PATH: folder } };
}

/** iptables without the library of an extension. */
async function withoutLibrary(lab: Lab, extension: string): Promise<Circumstance> {
  const folder = join(lab.folder, 'xtables');
  await mkdir(folder);
  for await (const path of glob('/usr/lib/{*/,}xtables/*.so')) {
    const name = path.split('/').at(-1) ?? '';
    if (name !== `libxt_${extension}.so`) await symlink(path, join(folder, name));
  }
  return { env: { XTABLES_LIBDIR: folder } };
}

/** Programs in front of iptables that say what those say where the kernel does not have a match. */
async function withoutModule(lab: Lab, backend: Backend, extension: string): Promise<Circumstance> {
  const folder = join(lab.folder, 'stand-ins');
  await mkdir(folder);
  const warning = `Warning: Extension ${extension} revision 0 not supported, missing kernel module?`;
  for (const program of [`iptables-${backend}`, `ip6tables-${backend}`]) {
    const check = `case "$*" in *'-m ${extension}'*) echo '${warning}
iptables: Bad rule (does a matching rule exist in that chain?).' >&2; exit 1 ;; esac`;
    const restore = `cat >"${folder}/$$"
if grep -q -e '-m ${extension}' "${folder}/$$"; then echo '${warning}
${program}-restore: line 9 failed' >&2; exit 1; fi`;
    const { stdout: real } = await execa`which ${program}`;
    const { stdout: realRestore } = await execa`which ${program}-restore`;
    const script = (lines: string) => `#!/bin/sh\n${lines}\n`;
    await writeFile(join(folder, program), script(`${check}\nexec ${real} "$@"`), { mode: 0o755 });
    await writeFile(
      join(folder, `${program}-restore`),
      script(`${restore}\nexec ${realRestore} "$@" <"${folder}/$$"`),
      { mode: 0o755 },
    );
  }
  return { env: { PATH: `${folder}:${process.env.PATH ?? ''}` } };
}

/** The kernel itself refuses what one would that lacks it. */
const onKernelWithout = async (what: 'ipv6' | 'ip_tables'): Promise<Circumstance> => ({
  through: [PYTHON, join(PROJECT, 'test/support/kernel/without.py'), what],
});

/** The objects that kube-proxy's rules count with, which nfacct makes where the kernel can. */
async function withCounters(lab: Lab, circumstance: Promise<Circumstance>): Promise<Circumstance> {
  for (const name of ['ct_state_invalid_dropped_pkts', 'localhost_nps_accepted_pkts']) {
    expect(await lab.run('node', ['nfacct', 'add', name])).toMatchObject({ exitCode: 0 });
  }
  return await circumstance;
}

const NO_AFFINITY = ['sessionAffinity has no effect: ', ' cannot use xt_recent ('];
const NO_SHARES = [
  'rules for more than one endpoint will be refused, and no others written: ',
  ' cannot use xt_statistic (',
];

const LACKS: readonly Lack[] = [
  { name: 'nothing', how: async () => ({}), services: [TWO, STICKY] },
  {
    name: 'the library of `recent` in iptables',
    how: (lab) => withoutLibrary(lab, 'recent'),
    services: [STICKY],
    says: [...NO_AFFINITY, "Couldn't load match `recent'"],
  },
  {
    name: '`xt_recent` in the kernel',
    how: (lab, backend) => withoutModule(lab, backend, 'recent'),
    services: [STICKY],
    says: [...NO_AFFINITY, 'missing kernel module?'],
  },
  {
    name: 'the library of `statistic` in iptables',
    how: (lab) => withoutLibrary(lab, 'statistic'),
    services: [TWO],
    says: [...NO_SHARES, "Couldn't load match `statistic'"],
    refused: true,
  },
  {
    name: 'the library of `statistic` in iptables, and no Service has two endpoints',
    how: (lab) => withoutLibrary(lab, 'statistic'),
    says: NO_SHARES,
  },
  {
    name: '`xt_statistic` in the kernel',
    how: (lab, backend) => withoutModule(lab, backend, 'statistic'),
    services: [TWO],
    says: [...NO_SHARES, 'missing kernel module?'],
    refused: true,
  },
  {
    name: 'the library of `nfacct` in iptables',
    how: (lab) => withCounters(lab, withoutLibrary(lab, 'nfacct')),
  },
  {
    name: '`xt_nfacct` in the kernel',
    how: (lab, backend) => withCounters(lab, withoutModule(lab, backend, 'nfacct')),
  },
  { name: 'the program `nfacct`', how: (lab) => withoutPrograms(lab, /^nfacct$/) },
  {
    name: 'the program `conntrack`',
    how: (lab) => withoutPrograms(lab, /^conntrack$/),
    says: ['conntrack is not installed, so UDP flows to removed endpoints go on: install it'],
  },
  {
    name: 'iptables',
    how: (lab) => withoutPrograms(lab, /^(ip6?tables|xtables)/),
    says: ['is not installed: install iptables'],
    refused: true,
  },
  {
    name: 'the programs of `ip6tables`',
    how: (lab) => withoutPrograms(lab, /^ip6tables/),
    says: ['no rules for IPv6: ', 'is not installed: install iptables'],
    families: ['ipv4'],
  },
  {
    name: 'IPv6 in the kernel (`ipv6.disable=1`)',
    how: () => onKernelWithout('ipv6'),
    on: ['legacy'],
    says: ['no rules for IPv6: the kernel has IPv6 disabled for ip6tables-legacy ('],
    families: ['ipv4'],
  },
  {
    name: '`ip_tables` in the kernel, which only iptables-legacy needs',
    how: () => onKernelWithout('ip_tables'),
    on: ['legacy'],
    says: ['the kernel has no nat table for iptables-legacy: modprobe iptable_nat ('],
    refused: true,
  },
  {
    name: '`ip_tables` in the kernel, if iptables-nft is used',
    how: () => onKernelWithout('ip_tables'),
    on: ['nft'],
  },
];

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s, on a node without', (backend) => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.create();
  });
  afterEach(async () => await lab[Symbol.asyncDispose]());

  test.each(LACKS.filter(({ on = BACKENDS }) => on.includes(backend)))(
    '$name',
    async ({ how, services = [ONE], says = [], refused, families = FAMILIES }) => {
      const { env = {}, through = [] } = await how(lab, backend);
      const command = await clusterCommand(lab, backend, 'apply', labCluster(services));
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const { exitCode, stderr } = await lab.run('node', [
        '/usr/bin/env',
        ...variables,
        ...through,
        ...command,
      ]);
      for (const words of says) expect(stderr).toContain(words);
      if (says.length === 0) expect(stderr).toBe('');
      expect(exitCode, stderr).toBe(refused ? 2 : 0);
      for (const { index, endpoints } of refused ? [] : services) {
        const outcomes = endpoints.map((pod) => `${pod} sees pod-2`);
        for (const family of families) {
          const expected = outcomes.length > 1 ? outcomes : (outcomes[0] ?? 'refused');
          await expectTraffic(lab, family, ['pod-2', 'cluster IP', '', expected], index);
        }
      }
    },
  );
});

const MISSING = LACKS.filter(({ name }) => name !== 'nothing');

test.each(MISSING)('docs/systems.md has $name', async ({ name, says = [] }) => {
  const page = await readFile(join(PROJECT, 'docs/systems.md'), 'utf8');
  const row = page.split('\n').find((line) => line.startsWith(`| ${name} |`));
  expect(row, `a row | ${name} |`).toBeDefined();
  for (const words of says) expect(row).toContain(words.replace(/ \($/, '').trim());
});
