/** kube-proxy's rules in a real kernel, in an order as chance has it: taking them over writes nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { compile } from '../src/compiler/compile.ts';
import { printRuleset } from '../src/iptables/print.ts';
import { FAMILIES, type Family } from '../src/net/address.ts';
import { allFixtures, fixtureInput } from './support/fixture-input.ts';
import { type LabService, labCluster, labRules } from './support/kernel/cluster.ts';
import { clusterCommand, svc2ipt } from './support/kernel/command-line.ts';
import { type Firewall, FirewallNamespace } from './support/kernel/firewall.ts';
import { Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES, programOf } from './support/kernel/namespace.ts';
import { wrapRestore } from './support/kernel/restore-wrapper.ts';
import { kubeProxysTables } from './support/kube-proxy-rules.ts';

/** The largest, and those where most is special. */
const NAMES = [
  'features/dual-stack',
  'features/large-cluster',
  'features/loadbalancer-source-ranges',
  'features/no-endpoints',
  'features/nodeport-addresses-cidr',
  'features/nodeport-nfacct',
  'random/random-1-000',
  'random/random-1-018',
  'random/random-1-039',
];

const FIXTURES = (await allFixtures()).filter(({ name }) =>
  NAMES.includes(name.replace(/^conformance\//, '')),
);

const PLACES = BACKENDS.flatMap((backend) => FAMILIES.map((family): Firewall => ({ backend, family })));

test('there are all of the fixtures', () => {
  expect(FIXTURES).toHaveLength(NAMES.length);
});

describe.skipIf(!MAY_USE_NAMESPACES).each(PLACES)('iptables-$backend, $family', (on) => {
  test.each(FIXTURES)('$name', async (fixture) => {
    const { cluster, node, options } = await fixtureInput(fixture);
    const wanted = compile(cluster, node, options(on.family));
    const rules = await readFile(join(fixture.folder, `kube-proxy.${on.family}.rules`), 'utf8');
    await using firewall = await FirewallNamespace.create(on);
    if (node.nfacct) await firewall.addCounters();
    await firewall.add(kubeProxysTables(rules, 1));
    const before = await firewall.save();
    expect(await firewall.difference(wanted)).toEqual([]);
    const { input } = await firewall.applier().apply(wanted);
    expect(String(input)).toBe('');
    expect(withoutTimes(await firewall.save())).toBe(withoutTimes(before));
  });
});

/** iptables-save tells in comments when it ran. */
const withoutTimes = (saved: string) => saved.replaceAll(/^#.*\n/gm, '');

const SERVICES = Array.from({ length: 20 }, (_, i): LabService => {
  const endpoints = i % 5 === 0 ? [] : (['pod-1', 'pod-3'] as const);
  return { name: `service-${i}`, index: i + 1, endpoints };
});

const sentences = z.array(z.string());
const EFFECTS = z.object({
  families: z.array(
    z.object({
      family: z.string(),
      services: z.array(z.object({ service: z.string(), sentences })),
      others: z.object({ sentences, effects: z.array(z.unknown()) }),
      undecided: sentences,
    }),
  ),
});

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('svc2ipt on iptables-%s', (backend) => {
  const run = async (lab: Lab, family: Family, rules: string) => {
    const command = [`${programOf(family)}-${backend}-restore`, '--noflush'];
    const { exitCode, stderr } = await lab.run('node', command, rules);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  };

  test('diff finds nothing, and apply runs no iptables-restore, until a Service comes', async () => {
    await using lab = await Lab.create();
    for (const family of FAMILIES) {
      await run(lab, family, kubeProxysTables(printRuleset(labRules(SERVICES, family, 'kube-proxy')), 2));
    }
    const diff = await svc2ipt(lab, backend, 'diff', labCluster(SERVICES));
    expect({ exitCode: diff.exitCode, stderr: diff.stderr }).toMatchObject({ exitCode: 0 });

    const inputs = join(lab.folder, 'inputs');
    const path = await wrapRestore(lab, backend, { input: `tee -a '${inputs}'` });
    const apply = async (services: readonly LabService[]) => {
      const command = await clusterCommand(lab, backend, 'apply', labCluster(services));
      const { exitCode, stderr } = await lab.run('node', ['env', `PATH=${path}`, ...command]);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      return (await readFile(inputs, 'utf8').catch(() => '')).split('\n');
    };
    expect(await apply(SERVICES)).toEqual(['']);
    const written = await apply([...SERVICES, { name: 'new', index: 50, endpoints: ['pod-1'] }]);
    const shared = written.filter((line) => / KUBE-(?:SERVICES|NODEPORTS) /.test(line));
    expect(shared.length).toBeGreaterThan(0);
    expect(shared.filter((line) => !/^-I \S+ \d+ .*lab\/new:/.test(line))).toEqual([]);
    expect(await apply([...SERVICES, { name: 'new', index: 50, endpoints: ['pod-1'] }])).toEqual(written);
  });

  test('diff --effects tells what apply then does, and nothing behind it', async () => {
    await using lab = await Lab.create();
    const web = { name: 'web', index: 1, endpoints: ['pod-1'] } as const satisfies LabService;
    const before = labCluster([web]);
    const after = labCluster([
      { ...web, endpoints: ['pod-1', 'pod-3'] },
      { name: 'new', index: 2, endpoints: [] },
    ]);
    const apply = async (objects: typeof before) => {
      expect(await svc2ipt(lab, backend, 'apply', objects)).toMatchObject({ exitCode: 0, stderr: '' });
    };
    const effects = async () => {
      const command = await clusterCommand(lab, backend, 'diff', after);
      return await lab.run('node', [...command, '--effects', '--prove', '--output', 'json']);
    };
    const NOTHING = { services: [], others: { sentences: [], effects: [] }, undecided: [] };
    const told = async () => {
      const { exitCode, stdout, stderr } = await effects();
      expect(stderr).toBe('');
      return { exitCode, families: EFFECTS.parse(JSON.parse(stdout)).families };
    };

    await apply(before);
    const first = await told();
    expect(first.exitCode).toBe(1);
    expect(first.families.map(({ family }) => family)).toEqual(FAMILIES);
    for (const { services, others } of first.families) {
      expect(services.map(({ service }) => service)).toEqual(['lab/new', 'lab/web']);
      expect(others.sentences).toEqual([]);
      const [opened, more] = services.map(({ sentences }) => sentences);
      expect(opened?.every((sentence) => sentence.endsWith(': opened; packets are refused'))).toBe(true);
      expect(more?.join('\n')).toMatch(/: also reaches \S+; share of \S+ all → 1\/2$/m);
    }
    await apply(after);
    expect(await told()).toMatchObject({ exitCode: 0, families: FAMILIES.map(() => NOTHING) });
  });
});
