/** The fast layout against the kube-proxy layout: the same fate for every packet. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { largeCluster } from '../../test/support/arbitrary/large-cluster.ts';
import { allFixtures, fixtureInput } from '../../test/support/fixture-input.ts';
import { type FlowGroup, interestingFlows } from '../../test/support/interesting-packets.ts';
import { often } from '../../test/support/long-form.ts';
import { DEFAULT_LAYOUT, LAYOUT_NAMES, type LayoutName } from '../api/layout-names.ts';
import { withJumps } from '../chains/jumps.ts';
import type { Fate } from '../iptables/simulator/fate.ts';
import { type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import type { Ruleset } from '../iptables/types.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { compile } from './compile.ts';

/** A node that forwards only what it is told to, so that this shows. */
function inKernel(ruleset: Ruleset): PreparedRuleset {
  const { family, tables } = withJumps(ruleset);
  return prepare({
    family,
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => (chain.name === 'FORWARD' ? { ...chain, policy: 'DROP' } : chain)),
    })),
  });
}

/** All that may become of a packet, with what each is called first. */
function outcomesOf({ outcomes }: Fate): Map<string, number> {
  return new Map(outcomes.map(({ probability, ...outcome }) => [JSON.stringify(outcome), probability]));
}

function sameFate(a: Fate, b: Fate): boolean {
  const [left, right] = [outcomesOf(a), outcomesOf(b)];
  return (
    a.unknown.length === 0 &&
    b.unknown.length === 0 &&
    left.size === right.size &&
    [...left].every(([outcome, probability]) => Math.abs((right.get(outcome) ?? -1) - probability) <= 1e-6)
  );
}

/** Other layouts and nodes that a packet must not notice. */
const OTHERS: readonly (readonly [string, LayoutName, boolean])[] = [
  ...LAYOUT_NAMES.filter((name) => name !== DEFAULT_LAYOUT).flatMap((name) => [
    [name, name, true] as const,
    [`${name} without xt_bpf`, name, false] as const,
  ]),
];

let packets = 0;

/** How the fates of packets differ, in words; nothing where all is well. */
function differences({ cluster, node, options }: CompilerInput, family: Family): unknown[] {
  const rulesIn = (layout: LayoutName, bpf: boolean) =>
    inKernel(compile(cluster, { ...node, bpf }, { ...options(family), layout }));
  const expected = rulesIn(DEFAULT_LAYOUT, true);
  const others = OTHERS.map(([name, layout, bpf]) => [name, rulesIn(layout, bpf)] as const);
  const groups: readonly FlowGroup[] = interestingFlows({ cluster, node, options: options(family) });
  return groups.flatMap(({ from, packets: flows }) =>
    flows.flatMap((packet) => {
      const fate = simulate(expected, packet, from);
      return others.flatMap(([name, ruleset]) => {
        packets++;
        const other = simulate(ruleset, packet, from);
        return sameFate(fate, other)
          ? []
          : [{ name, packet, expected: fate.outcomes, got: other.outcomes, unknown: other.unknown }];
      });
    }),
  );
}

describe.each(await allFixtures())('$name', (fixture) => {
  test.each(FAMILIES)('%s', async (family) => {
    expect(differences(await fixtureInput(fixture), family).slice(0, 3)).toEqual([]);
  });
});

test.each(FAMILIES)('random clusters, %s', (family) => {
  fc.assert(
    fc.property(rawCluster, (raw) => {
      expect(differences(load(raw), family).slice(0, 3)).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test.each(FAMILIES)('random clusters with trees, %s', (family) => {
  fc.assert(
    fc.property(largeCluster, (raw) => {
      expect(differences(load(raw), family).slice(0, 3)).toEqual([]);
    }),
    { numRuns: often(2, 20) },
  );
});

afterAll(() => {
  expect(packets).toBeGreaterThan(100_000);
});
