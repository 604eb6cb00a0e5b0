/** What kube-proxy has written for a cluster is taken over as it stands, in whatever order it visited the Services. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeCluster, node, options } from '../../bench/clusters.ts';
import { clusterHistory, loadHistory } from '../../test/support/arbitrary/cluster-history.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { fixtureInput } from '../../test/support/fixture-input.ts';
import { kubeProxysTables } from '../../test/support/kube-proxy-rules.ts';
import { PROJECT } from '../../test/support/project.ts';
import { effectOf, orderMatters } from '../../test/support/rule-order.ts';
import { DUAL_STACK, inputOf, service } from '../../test/support/rules.ts';
import { isSharedChain } from '../chains/names.ts';
import { compile } from '../compiler/compile.ts';
import { IncrementalCompiler } from '../compiler/incremental.ts';
import { findFixtures } from '../golden/fixtures.ts';
import { ruleMeaning } from '../iptables/meaning.ts';
import { parseRuleset } from '../iptables/parse.ts';
import { printRuleset } from '../iptables/print.ts';
import type { Rule, Ruleset } from '../iptables/types.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { Applier } from './applier.ts';
import { chainDifferences } from './chain-diff.ts';
import { currentTables } from './current.ts';
import { planChanges } from './plan.ts';
import { iptablesPrograms } from './programs.ts';

const FIXTURES = await findFixtures(join(PROJECT, 'fixtures', 'conformance'));

const ORDERS = [1, 2, 3];

function applierOf(kernel: FakeKernel): Applier {
  return new Applier(iptablesPrograms(kernel.family, kernel.backend), kernel);
}

/** A node where kube-proxy has written some rules. */
function kubeProxysNode(rules: string, seed: number, family: Family = 'ipv4'): FakeKernel {
  const kernel = new FakeKernel(family);
  expect(kernel.tryRestore(kubeProxysTables(rules, seed))).toBeUndefined();
  return kernel;
}

const differences = (kernel: FakeKernel, wanted: Ruleset) =>
  chainDifferences(planChanges(currentTables(kernel.saved(), kernel.family), wanted), kernel.family);

describe.each(FIXTURES)('$name', (fixture) => {
  test.each(FAMILIES)('%s: not a line, and no difference', async (family) => {
    const { cluster, node, options } = await fixtureInput(fixture);
    const wanted = compile(cluster, node, options(family));
    const rules = await readFile(join(fixture.folder, `kube-proxy.${family}.rules`), 'utf8');
    for (const seed of ORDERS) {
      const kernel = kubeProxysNode(rules, seed, family);
      expect(differences(kernel, wanted)).toEqual([]);
      expect(String((await applierOf(kernel).apply(wanted)).input)).toBe('');
    }
  });
});

/** The rules of the chains that all Services share, by `table CHAIN`. */
const sharedChains = ({ tables }: Ruleset): ReadonlyMap<string, readonly Rule[]> =>
  new Map(
    tables.flatMap(({ name: table, chains }) =>
      chains
        .filter(({ name }) => isSharedChain(name))
        .map(({ name, rules }) => [`${table} ${name}`, rules] as const),
    ),
  );

/** The lines of an input that touch a chain, which is named as in {@link sharedChains}. */
function linesFor(input: string, chain: string): string[] {
  let table = '';
  return input.split('\n').filter((line) => {
    if (line.startsWith('*')) table = line.slice(1);
    const [, name] = /^(?:\[\d+:\d+\] )?-[ADI] (\S+)/.exec(line) ?? /^:(\S+)/.exec(line) ?? [];
    return `${table} ${name}` === chain;
  });
}

test('after it, over any history: what is wanted is there, and nothing is written but what changes', async () => {
  let inOtherOrder = 0;
  await fc.assert(
    fc.asyncProperty(
      clusterHistory,
      fc.constantFrom(...FAMILIES),
      fc.nat(),
      async (history, family, seed) => {
        const [first = inputOf({}), ...rest] = loadHistory(history);
        // kube-proxy refuses nothing that no Service has.
        const options = { ...first.options(family), rejectUnassigned: [] };
        const compiler = new IncrementalCompiler(first.node, options);
        compiler.update(first.cluster);
        let wanted = compiler.ruleset();
        const kernel = kubeProxysNode(printRuleset(wanted), seed, family);
        const applier = applierOf(kernel);
        const taken = String((await applier.apply(wanted)).input);
        // Where two Services have one address and port, which comes first is kube-proxy's chance, and our order of names.
        if (![...sharedChains(wanted).values()].some(haveConflict)) expect(taken).toBe('');
        for (const { cluster } of rest) {
          const before = sharedChains(wanted);
          const { input } = await applier.applyChanges(compiler.update(cluster), () => compiler.ruleset());
          wanted = compiler.ruleset();
          const held = sharedChains(parseRuleset(kernel.save(), family));
          for (const [name, rules] of sharedChains(wanted)) {
            const there = held.get(name) ?? [];
            expect(effectOf(there)).toEqual(effectOf(rules));
            const [old, now] = [before.get(name) ?? [], rules].map((list) => list.map(ruleMeaning));
            if (!isDeepStrictEqual(there.map(ruleMeaning), now)) inOtherOrder++;
            // Where two Services have one address, another may come first when one comes or goes.
            if (haveConflict(rules)) continue;
            // A chain with a rule that is there twice is written as a whole: one could be taken for the other.
            if ([old, now].some((list = []) => new Set(list).size < list.length)) continue;
            const changed = new Set(old).symmetricDifference(new Set(now)).size;
            expect(linesFor(String(input), name), name).toHaveLength(changed);
          }
        }
        // Whoever looks only now finds nothing to do.
        expect(differences(kernel, wanted)).toEqual([]);
        expect(String((await applierOf(kernel).apply(wanted)).input)).toBe('');
      },
    ),
    { numRuns: 20 },
  );
  expect(inOtherOrder).toBeGreaterThan(0);
});

/** Whether order matters among the rules that are for a port. */
function haveConflict(rules: readonly Rule[]): boolean {
  const forPorts = rules.filter(({ matches }) => matches.some(({ match }) => match === 'destination-port'));
  return forPorts.some((rule, i) => forPorts.slice(i + 1).some((later) => orderMatters(rule, later)));
}

test.each([
  ['somebody accepts everything in front', '-I KUBE-SERVICES -j ACCEPT'],
  ['somebody accepts everything in the midst', '-I KUBE-SERVICES 50 -j ACCEPT'],
  [
    'somebody accepts one address in the midst',
    '-I KUBE-SERVICES 50 -d 10.64.0.7 -p tcp --dport 80 -j ACCEPT',
  ],
  ['a rule is gone', '-D KUBE-SERVICES 50'],
  [
    'a rule is there twice',
    '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -j KUBE-NODEPORTS',
  ],
  ['what must be last is not', '-A KUBE-SERVICES -d 10.64.0.7 -p tcp -j ACCEPT'],
])('%s: that is found, and mended', async (_, line) => {
  const cluster = makeCluster({ services: 100, endpoints: 2 });
  const wanted = compile(cluster, node, options);
  const kernel = kubeProxysNode(printRuleset(wanted), 1);
  expect(kernel.tryRestore(`*nat\n${line}\nCOMMIT\n`)).toBeUndefined();
  expect(differences(kernel, wanted).map(({ table, chain }) => `${table} ${chain}`)).toEqual([
    'nat KUBE-SERVICES',
  ]);
  await applierOf(kernel).apply(wanted);
  expect(differences(kernel, wanted)).toEqual([]);
});

test('1,000 Services with 10 endpoints each: not a line, and after it one for a Service that comes or goes', async () => {
  const cluster = makeCluster({ services: 1_000, endpoints: 10 });
  const compiler = new IncrementalCompiler(node, options);
  compiler.update(cluster);
  const kernel = kubeProxysNode(printRuleset(compiler.ruleset()), 7);
  const applier = applierOf(kernel);
  expect((await applier.apply(compiler.ruleset())).input.lineCount).toBe(0);

  const without = new Map([...cluster.services].filter((_, i) => i !== 500));
  for (const [services, line] of [
    [without, /^-D KUBE-SERVICES -m comment --comment "default\/service-00500:http cluster IP" /],
    [
      cluster.services,
      /^-I KUBE-SERVICES \d+ -m comment --comment "default\/service-00500:http cluster IP" /,
    ],
  ] as const) {
    const changes = compiler.update({ services });
    const { input } = await applier.applyChanges(changes, () => expect.fail('compared with everything'));
    expect(linesFor(String(input), 'nat KUBE-SERVICES')).toEqual([expect.stringMatching(line)]);
    expect(input.lineCount).toBeLessThan(60);
  }
  applier.forget();
  expect((await applier.apply(compiler.ruleset())).input.lineCount).toBe(0);
});

test.each(FAMILIES)(
  'with rejectUnassigned, taking over adds its rules behind all others (%s)',
  async (family) => {
    const ranges = { ipv4: '10.96.0.0/12', ipv6: 'fd00:10:96::/108' };
    const { cluster, node, options } = inputOf({ objects: [service(DUAL_STACK)] });
    const wanted = compile(cluster, node, { ...options(family), rejectUnassigned: [ranges[family]] });
    const kernel = kubeProxysNode(printRuleset(compile(cluster, node, options(family))), 1, family);
    const input = String((await applierOf(kernel).apply(wanted)).input);
    expect(linesFor(input, 'filter KUBE-SERVICES')).toEqual([
      expect.stringMatching(/^-[AI] KUBE-SERVICES (?:2 )?-d \S+ .*rejectUnassigned/),
    ]);
    expect(differences(kernel, wanted)).toEqual([]);
    expect(String((await applierOf(kernel).apply(wanted)).input)).toBe('');
  },
);
