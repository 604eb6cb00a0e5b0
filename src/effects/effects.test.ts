/** Effects of random changes: told both ways alike, each shown by a packet, and none that packets show is left out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { classNodeOf } from '../../test/support/class-node.ts';
import { interestingFlows } from '../../test/support/interesting-packets.ts';
import { often } from '../../test/support/long-form.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import type { Difference } from '../iptables/classes/compare.ts';
import { isIn as isInClass } from '../iptables/classes/example.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import { type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { type Effects, effectsOf, type Fates, type PacketEffect } from './effects.ts';
import { describeSenders } from './senders.ts';
import { tellOthers, tellServices } from './words.ts';

const rulesOf = ({ cluster, node, options }: CompilerInput, family: Family): PreparedRuleset =>
  prepare(withJumps(compile(cluster, node, options(family))));

/** Two clusters on one node. */
const sides = fc.tuple(rawCluster, rawCluster, fc.constantFrom(...FAMILIES)).map(([one, another, family]) => {
  const before = load(one);
  const after = { ...load(another), node: before.node };
  const [was, is] = [rulesOf(before, family), rulesOf(after, family)];
  return { before, after, was, is, family, node: classNodeOf(before.node, family) };
});

const RUNS = { numRuns: often(40, 200) };

/** What somebody may compare of effects: the ways and kinds, whom they are for, and what becomes of packets on either side. */
function labels({ services, others, undecided }: Effects, side: 'forwards' | 'backwards'): string[] {
  const label = (place: string, { kind, before, after, senders }: PacketEffect) => {
    const [a, b] = side === 'forwards' ? [before, after] : [after, before];
    return `${place} ${kind} ${describeSenders(senders)}: ${fatesLabel(a, kind)} → ${fatesLabel(b, kind)}`;
  };
  return [
    ...new Set([
      ...services.flatMap(({ ways }) =>
        ways.flatMap(({ to, was, is, effects }) => {
          const there = side === 'forwards' ? [was, is] : [is, was];
          return effects.map((effect) => label(`${JSON.stringify(to)} ${there.join()}`, effect));
        }),
      ),
      ...others.map((effect) => label('no Service', effect)),
      ...undecided,
    ]),
  ].sort();
}

/** Effects that are told together may differ in what they are not about. */
function fatesLabel({ endpoints, ends, lost, affinitySeconds }: Fates, kind: PacketEffect['kind']): string {
  switch (kind) {
    case 'fate': {
      const shares = [...endpoints, ...ends].map(([place, share]) => `${place} ${share.toFixed(6)}`);
      return `${shares.sort().join()} ${lost.toFixed(6)}`;
    }
    case 'affinity':
      return `${affinitySeconds}`;
    case 'masquerading':
    case 'mark':
      return '';
  }
}

function fateText(
  ruleset: PreparedRuleset,
  ...[packet, node]: Parameters<typeof simulate> extends [unknown, ...infer Rest] ? Rest : never
): string {
  return simulate(ruleset, packet, node)
    .outcomes.map(({ probability, ...outcome }) => `${JSON.stringify(outcome)} ${probability.toFixed(9)}`)
    .sort()
    .join();
}

const allEffects = ({ services, others }: Effects): readonly PacketEffect[] => [
  ...services.flatMap(({ ways }) => ways.flatMap(({ effects }) => effects)),
  ...others,
];

/** Whether a packet is in one of these classes; of those that no effect has, once. */
function isIn(differences: readonly Difference[], packet: Packet, node: SimulatedNode): boolean {
  const start = packet.inInterface === undefined ? 'begins' : 'arrives';
  return differences.some((one) => one.start === start && isInClass(one.packets, packet, node) === true);
}

/** The classes on the ways in to which a packet is; of no Service, where it is to none, or fares as packets to none do. */
function classesAround(effects: Effects, packet: Packet, node: SimulatedNode) {
  const { destination, destinationPort, protocol } = packet;
  const ways = effects.services
    .flatMap(({ ways }) => ways)
    .filter(
      ({ to }) =>
        to.protocol === protocol &&
        to.port === destinationPort &&
        (to.address === destination || (to.address === undefined && node.isLocal(destination))),
    );
  const all = [...ways, { effects: effects.others, untold: effects.untold }];
  return {
    told: all.flatMap((one) =>
      one.effects.flatMap(({ differences, unusual }) => [...differences, ...unusual]),
    ),
    untold: all.flatMap((one) => one.untold),
  };
}

describe('random changes', () => {
  test('backwards, the same changes back', () => {
    fc.assert(
      fc.property(sides, ({ was, is, node }) => {
        const [there, back] = [effectsOf(was, is, node), effectsOf(is, was, node)];
        expect(labels(back, 'backwards')).toEqual(labels(there, 'forwards'));
      }),
      RUNS,
    );
  });

  test('from a cluster to itself, none', () => {
    fc.assert(
      fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
        const input = load(raw);
        const node = classNodeOf(input.node, family);
        const { services, others, undecided } = effectsOf(
          rulesOf(input, family),
          rulesOf(input, family),
          node,
        );
        expect({ services, others, undecided }).toEqual({ services: [], others: [], undecided: [] });
      }),
      RUNS,
    );
  });

  test('each has a packet that shows it, and a sentence', () => {
    fc.assert(
      fc.property(sides, ({ was, is, node }) => {
        const effects = effectsOf(was, is, node);
        for (const { example } of allEffects(effects)) {
          const { packet, node: seen, assumed } = example;
          expect(assumed).toEqual([]);
          expect({ packet, fate: fateText(is, packet, seen) }).not.toEqual({
            packet,
            fate: fateText(was, packet, seen),
          });
        }
        for (const { service, sentences } of tellServices(effects)) {
          expect(effects.services.map((one) => one.service)).toContain(service);
          expect(sentences.length).toBeGreaterThan(0);
        }
        expect(tellOthers(effects).length).toBe(effects.others.length);
      }),
      RUNS,
    );
  });

  test('each packet whose fate is another is one of those that an effect is made of, or that go without saying', () => {
    fc.assert(
      fc.property(sides, ({ before, after, was, is, family, node }) => {
        const effects = effectsOf(was, is, node);
        for (const input of [before, after]) {
          for (const { from, packets } of interestingFlows({ ...input, options: input.options(family) })) {
            for (const packet of packets) {
              const isAnother = fateText(was, packet, from) !== fateText(is, packet, from);
              const { told, untold } = classesAround(effects, packet, from);
              const isCovered = isIn(told, packet, from) || isIn(untold, packet, from);
              expect({ packet, isCovered }).toEqual({ packet, isCovered: isAnother });
            }
          }
        }
      }),
      RUNS,
    );
  });

  test('what goes without saying does so only where something is said', () => {
    fc.assert(
      fc.property(sides, ({ was, is, node }) => {
        const { services, others, untold } = effectsOf(was, is, node);
        for (const way of [...services.flatMap(({ ways }) => ways), { effects: others, untold }]) {
          expect(way.effects.length > 0 || way.untold.length === 0).toBe(true);
        }
      }),
      RUNS,
    );
  });
});
