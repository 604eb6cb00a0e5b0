/** Classes against the simulator: for each packet, what its classes come to is what becomes of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../../test/support/arbitrary/clusters.ts';
import { classNodeOf } from '../../../test/support/class-node.ts';
import { allFixtures, fixtureInput } from '../../../test/support/fixture-input.ts';
import { interestingFlows } from '../../../test/support/interesting-packets.ts';
import { DEFAULT_LAYOUT } from '../../api/layout-names.ts';
import { withJumps } from '../../chains/jumps.ts';
import { compile } from '../../compiler/compile.ts';
import { addressValue, FAMILIES, type Family } from '../../net/address.ts';
import type { Packet, SimulatedNode } from '../simulator/packet.ts';
import { type PreparedRuleset, prepare } from '../simulator/prepare.ts';
import { simulate } from '../simulator/simulate.ts';
import { type Start, sentTo } from './class-flow.ts';
import { isIn } from './example.ts';
import { type ClassEnd, explore, forClasses } from './explore.ts';
import { everyPacket } from './packet-class.ts';
import { holds } from './ranges.ts';

/** What becomes of a packet, by the classes that it is in. */
function byClasses(ends: readonly ClassEnd[], packet: Packet, node: SimulatedNode, family: Family) {
  const fates = new Map<string, number>();
  for (const { flow, verdict, rejectWith } of ends) {
    // Before all else, as most are for others.
    if (!holds(flow.packets.destination, addressValue(packet.destination))) continue;
    if (isIn(flow.packets, packet, node) !== true) continue;
    const { keep, flip } = flow.mark;
    const mark = ((((packet.mark ?? 0) & keep) >>> 0) ^ flip) >>> 0;
    const snat = typeof flow.translation === 'object' ? flow.translation.to : undefined;
    const recent = [...new Set(flow.recent.map((entry) => entry.split(' ')[0]))].sort();
    const fate = [
      verdict,
      rejectWith,
      sentTo(flow, family),
      flow.translation === 'masquerade',
      snat,
      mark,
      recent,
    ];
    const key = JSON.stringify(fate);
    fates.set(key, (fates.get(key) ?? 0) + flow.probability);
  }
  return fates;
}

function bySimulator(rules: PreparedRuleset, packet: Packet, node: SimulatedNode) {
  const { outcomes } = simulate(rules, packet, node);
  return new Map(
    outcomes.map(({ verdict, rejectWith, dnat, masqueraded, snat, mark, recent, probability }) => [
      JSON.stringify([verdict, rejectWith, dnat, masqueraded, snat, mark, recent]),
      probability,
    ]),
  );
}

function differences({ cluster, node, options }: CompilerInput, family: Family): unknown[] {
  // Layouts take turns: that they are the same is another test's.
  return [family === 'ipv4' ? DEFAULT_LAYOUT : ('fast' as const)].flatMap((layout) => {
    const rules = prepare(withJumps(compile(cluster, node, { ...options(family), layout })));
    const place = classNodeOf(node, family);
    const ends = (start: Start) => explore(forClasses(rules), everyPacket(family), start, place);
    const classes = { arrives: ends('arrives'), begins: ends('begins') };
    return interestingFlows({ cluster, node, options: options(family) }).flatMap(({ from, packets }) =>
      packets.flatMap((packet) => {
        const start = packet.inInterface === undefined ? 'begins' : 'arrives';
        const [said, expected] = [
          byClasses(classes[start], packet, from, family),
          bySimulator(rules, packet, from),
        ];
        const same =
          said.size === expected.size &&
          [...said].every(([fate, share]) => Math.abs((expected.get(fate) ?? -1) - share) < 1e-9);
        return same ? [] : [{ layout, packet, said, expected }];
      }),
    );
  });
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
    { numRuns: 8 },
  );
});
