/** Two rulesets and every packet: the layouts are the same, and what is broken is found, with a packet that shows it. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../../test/support/arbitrary/clusters.ts';
import { largeCluster } from '../../../test/support/arbitrary/large-cluster.ts';
import {
  broken,
  inAnotherOrder,
  jumpsTo,
  type RuleChange,
  withMatch,
  withSmallerRange,
} from '../../../test/support/broken-rules.ts';
import { classNodeOf } from '../../../test/support/class-node.ts';
import { allFixtures, fixtureInput } from '../../../test/support/fixture-input.ts';
import { interestingFlows } from '../../../test/support/interesting-packets.ts';
import { often } from '../../../test/support/long-form.ts';
import { inputOf, service, slice } from '../../../test/support/rules.ts';
import { DEFAULT_LAYOUT, LAYOUT_NAMES, type LayoutName } from '../../api/layout-names.ts';
import { withJumps } from '../../chains/jumps.ts';
import { compile } from '../../compiler/compile.ts';
import { FAMILIES, type Family } from '../../net/address.ts';
import type { Fate } from '../simulator/fate.ts';
import { prepare } from '../simulator/prepare.ts';
import { simulate } from '../simulator/simulate.ts';
import type { Chain, Ruleset } from '../types.ts';
import { type Comparison, compareRulesets, type Difference } from './compare.ts';
import { exampleOf, isIn } from './example.ts';
import { MANY_WAYS } from './overlay.ts';
import { classNode } from './questions.ts';

/** On a node that forwards only what it is told to, so that this shows. */
function inKernel(ruleset: Ruleset): Ruleset {
  const { family, tables } = withJumps(ruleset);
  const policy = (chain: Chain): Chain => (chain.name === 'FORWARD' ? { ...chain, policy: 'DROP' } : chain);
  return { family, tables: tables.map((table) => ({ ...table, chains: table.chains.map(policy) })) };
}

const rulesOf = ({ cluster, node, options }: CompilerInput, family: Family, layout: LayoutName, bpf = true) =>
  inKernel(compile(cluster, { ...node, bpf }, { ...options(family), layout }));

const compared = (before: Ruleset, after: Ruleset, { node }: CompilerInput): Comparison =>
  compareRulesets(prepare(before), prepare(after), classNodeOf(node, before.family));

const fixtures = await allFixtures();

let classes = 0;

/** Layouts and nodes that no packet must notice. */
function differences(input: CompilerInput, family: Family): readonly Difference[] {
  const expected = rulesOf(input, family, DEFAULT_LAYOUT);
  return LAYOUT_NAMES.filter((name) => name !== DEFAULT_LAYOUT).flatMap((layout) =>
    // Without xt_bpf, pods that reach themselves have rules of their own.
    (family === 'ipv4' ? [true, false] : [true]).flatMap((bpf) => {
      const comparison = compared(expected, rulesOf(input, family, layout, bpf), input);
      classes += comparison.classes;
      return comparison.differences;
    }),
  );
}

describe('all layouts are the same to every packet', () => {
  describe.each(fixtures)('$name', (fixture) => {
    test.each(FAMILIES)('%s', async (family) => {
      expect(differences(await fixtureInput(fixture), family).slice(0, 2)).toEqual([]);
    });
  });

  test.each(FAMILIES)("where nobody knows which addresses are the node's own, %s", (family) => {
    fc.assert(
      fc.property(rawCluster, (raw) => {
        const input = load(raw);
        const [one, other] = LAYOUT_NAMES.map((layout) => prepare(rulesOf(input, family, layout)));
        if (!one || !other) throw new Error('there are two layouts');
        const { differences } = compareRulesets(one, other, classNode([], family, false));
        expect(differences.slice(0, 2)).toEqual([]);
      }),
      { numRuns: 10 },
    );
  });

  test.each(FAMILIES)('of random clusters, %s', (family) => {
    fc.assert(
      fc.property(rawCluster, (raw) => {
        expect(differences(load(raw), family).slice(0, 2)).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });

  test.each(FAMILIES)('of random clusters with trees, %s', (family) => {
    fc.assert(
      fc.property(largeCluster, (raw) => {
        expect(differences(load(raw), family).slice(0, 2)).toEqual([]);
      }),
      { numRuns: often(1, 10) },
    );
  });

  afterAll(() => {
    expect(classes).toBeGreaterThan(50_000);
  });
});

/** What becomes of a packet, as something to compare: probabilities to nine digits. */
function fateText({ outcomes }: Fate): string[] {
  return outcomes
    .map(({ probability, ...outcome }) => `${JSON.stringify(outcome)} ${probability.toFixed(9)}`)
    .sort();
}

/** Sends one packet of each difference through both rulesets, and gives those of which nothing shows. */
function notShown({ differences }: Comparison, before: Ruleset, after: Ruleset, input: CompilerInput) {
  const [a, b] = [prepare(before), prepare(after)];
  return differences.flatMap(({ packets, start }) => {
    const { packet, node, assumed } = exampleOf(
      packets,
      start,
      before.family,
      classNodeOf(input.node, before.family),
    );
    if (assumed.length > 0) return [];
    const isOfClass = isIn(packets, packet, node);
    const [was, is] = [fateText(simulate(a, packet, node)), fateText(simulate(b, packet, node))];
    return isOfClass === true && JSON.stringify(was) !== JSON.stringify(is)
      ? []
      : [{ packet, isOfClass, was, is }];
  });
}

const BREAKAGES: Readonly<Record<string, RuleChange>> = {
  'a leaf that is missing': (rule) => (jumpsTo(rule, 'KUBE-SVC-10.') ? undefined : rule),
  'a Service that is missing': (rule) =>
    rule.matches.some(({ match }) => match === 'destination-port') && jumpsTo(rule, 'KUBE-SVC-')
      ? undefined
      : rule,
  'a range that is too small': (rule) => (jumpsTo(rule, 'KUBE-SVC-10.') ? withSmallerRange(rule) : rule),
  'a probability that is off by 1e-6': (rule) =>
    withMatch(rule, 'statistic', (match) => ({ ...match, probability: match.probability + 1e-6 })),
  'no masquerading of what comes from elsewhere': (rule) =>
    jumpsTo(rule, 'KUBE-MARK-MASQ') && rule.matches.some(({ match }) => match === 'source')
      ? undefined
      : rule,
  'no masquerading of a pod that reaches itself': (rule) =>
    rule.matches.some(({ match }) => match === 'bpf') && jumpsTo(rule, 'KUBE-MARK-MASQ') ? undefined : rule,
  'another port of an endpoint': (rule) =>
    rule.target?.target === 'DNAT'
      ? {
          ...rule,
          target: { target: 'DNAT', to: rule.target.to.replace(/\d$/, (digit) => `${9 - Number(digit)}`) },
        }
      : rule,
  'the wrong bit of the mark': (rule) =>
    withMatch(rule, 'mark', (match) => ({ ...match, value: match.value * 2, mask: match.mask * 2 })),
  'a port that is off by one': (rule) =>
    withMatch(rule, 'destination-port', (match) => ({ ...match, port: match.port + 1 })),
  'one that was refused and is dropped': (rule) =>
    rule.target?.target === 'REJECT' ? { ...rule, target: { target: 'DROP' } } : rule,
  'a list of clients of another time': (rule) =>
    withMatch(rule, 'recent', (match) =>
      match.operation === 'rcheck' ? { ...match, seconds: match.seconds + 1 } : match,
    ),
};

describe('what is broken in the fast layout is found', async () => {
  const inputs = await Promise.all(
    fixtures
      .filter(({ name }) => name === 'fast-layout/trees' || name === 'conformance/features/session-affinity')
      .map(fixtureInput),
  );

  function expectFound(change: (ruleset: Ruleset) => Ruleset | undefined): void {
    const found = inputs.flatMap((input) => {
      const after = change(rulesOf(input, 'ipv4', 'fast'));
      if (!after) return [];
      const expected = rulesOf(input, 'ipv4', DEFAULT_LAYOUT);
      const comparison = compared(expected, after, input);
      expect(comparison.differences).not.toEqual([]);
      return [notShown(comparison, expected, after, input).slice(0, 2)];
    });
    expect(found.length).toBeGreaterThan(0);
    expect(found.flat()).toEqual([]);
  }

  test.each(Object.entries(BREAKAGES))('%s', (_, change) => {
    expectFound((ruleset) => broken(ruleset, change));
  });

  test('an order that is another', () => {
    expectFound(inAnotherOrder);
  });
});

/** One with some chains of another. */
function changedIn(before: Ruleset, other: CompilerInput, family: Family): Ruleset {
  const chains = new Map(
    rulesOf(other, family, 'fast').tables.flatMap(({ name, chains }) =>
      chains.map((chain) => [`${name} ${chain.name}`, chain]),
    ),
  );
  return {
    ...before,
    tables: before.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain, i) => {
        const replaced = i % 3 === 0 ? chains.get(`${table.name} ${chain.name}`) : undefined;
        const present = (name: string) => table.chains.some((one) => one.name === name);
        const leads = replaced?.rules.every(
          ({ target }) => target?.target !== 'jump' || present(target.chain),
        );
        return replaced && leads ? replaced : chain;
      }),
    })),
  };
}

/** What differences are about, whatever parts their packets come in. */
function toldBy(comparison: Comparison | undefined): string[] {
  const texts = (comparison?.differences ?? []).map(({ start, before, after }) =>
    JSON.stringify([
      start,
      ...[before, after].map((side) => side.map(({ dnat, verdict }) => `${verdict} ${dnat}`).sort()),
    ]),
  );
  return [...new Set(texts)].sort();
}

test('two clusters: each difference has a packet that shows it, and no sampled packet has another', () => {
  fc.assert(
    fc.property(rawCluster, rawCluster, fc.constantFrom(...FAMILIES), (one, other, family) => {
      const [a, b] = [load(one), load(other)];
      const [before, after] = [
        rulesOf(a, family, 'fast'),
        rulesOf({ ...b, node: a.node }, family, 'kube-proxy'),
      ];
      const comparison = compared(before, after, a);
      expect(notShown(comparison, before, after, a).slice(0, 2)).toEqual([]);

      const [was, is] = [prepare(before), prepare(after)];
      for (const input of [a, { ...b, node: a.node }]) {
        const flows = interestingFlows({ ...input, options: input.options(family) });
        for (const { from, packets } of flows) {
          for (const packet of packets) {
            const start = packet.inInterface === undefined ? 'begins' : 'arrives';
            const differs =
              JSON.stringify(fateText(simulate(was, packet, from))) !==
              JSON.stringify(fateText(simulate(is, packet, from)));
            const told = comparison.differences.filter(
              (difference) => difference.start === start && isIn(difference.packets, packet, from) === true,
            );
            expect({ packet, told: told.length }).toEqual({ packet, told: differs ? 1 : 0 });
          }
        }
      }

      // Those that meet the same rules in both need not be followed.
      const place = classNodeOf(a.node, family);
      const changed = changedIn(before, b, family);
      const [few, all] = [{}, { wholly: true }].map((options) =>
        compareRulesets(prepare(before), prepare(changed), place, options),
      );
      expect(toldBy(few)).toEqual(toldBy(all));

      // And backwards.
      const back = compared(after, before, a);
      const sides = (side: 'before' | 'after', { differences }: Comparison) =>
        differences
          .flatMap((difference) => difference[side].map(({ dnat, verdict }) => `${verdict} ${dnat}`))
          .sort();
      expect(new Set(sides('before', back))).toEqual(new Set(sides('after', comparison)));
      expect(compared(before, before, a).differences).toEqual([]);
    }),
    { numRuns: 6 },
  );
});

test.each(LAYOUT_NAMES)('a Service with very many endpoints, all of them others, %s', (layout) => {
  const addresses = Array.from({ length: MANY_WAYS }, (_, i) => i + 1);
  const [a, b] = ['10.244.1', '10.244.2'].map((network) =>
    inputOf({ objects: [service(), slice(addresses.map((i) => `${network}.${i}`))] }),
  );
  if (!a || !b) throw new Error('there are two sides');
  const [before, after] = [a, b].map((input) => rulesOf(input, 'ipv4', layout));
  if (!before || !after) throw new Error('there are two rulesets');
  const comparison = compared(before, after, a);
  expect(notShown(comparison, before, after, a).slice(0, 2)).toEqual([]);
  for (const network of ['10.244.1', '10.244.2', '10.244.3', '192.0.2']) {
    for (const i of addresses) {
      const packet = {
        source: `${network}.${i}`,
        destination: '10.96.0.10',
        protocol: 'tcp',
        sourcePort: 40000,
        destinationPort: 80,
        inInterface: 'eth9',
      };
      const told = comparison.differences.filter(
        ({ start, packets }) =>
          start === 'arrives' && isIn(packets, packet, { isLocal: () => false }) === true,
      );
      expect({ packet, told: told.length }).toEqual({ packet, told: 1 });
      expect(told[0]?.before.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
      expect(told[0]?.after.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
    }
  }
});
