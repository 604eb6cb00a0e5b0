/** Effects of random changes: told both ways alike, each shown by a packet, and none that packets show is left out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompilerInput, load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { classNodeOf } from '../../test/support/class-node.ts';
import { interestingFlows } from '../../test/support/interesting-packets.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { isIn } from '../iptables/classes/example.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import { type PreparedRuleset, prepare } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { contains, FAMILIES, type Family, familyOf, LOOPBACK, splitPort } from '../net/address.ts';
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

const RUNS = { numRuns: 10 };

/** Packets that get to no endpoint, before or after, may be told of a Service or of none, by what classes they fall into. */
const reaches = ({ before, after }: PacketEffect) => before.endpoints.size + after.endpoints.size > 0;

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
          return effects
            .filter(reaches)
            .map((effect) => label(`${JSON.stringify(to)} ${there.join()}`, effect));
        }),
      ),
      ...others.filter(reaches).map((effect) => label('no Service', effect)),
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

/** Whether a packet is one of those that an effect is made of. */
function isTold(effects: readonly PacketEffect[], packet: Packet, node: SimulatedNode): boolean {
  const start = packet.inInterface === undefined ? 'begins' : 'arrives';
  return effects.some(({ differences, unusual }) =>
    [...differences, ...unusual].some(
      (one) => one.start === start && isIn(one.packets, packet, node) === true,
    ),
  );
}

/** The effects on ways in to which a packet is. */
function effectsOn(
  { services }: Effects,
  { destination, destinationPort, protocol }: Packet,
  node: SimulatedNode,
) {
  const ways = services.flatMap(({ ways }) => ways);
  return ways
    .filter(
      ({ to }) =>
        to.protocol === protocol &&
        to.port === destinationPort &&
        (to.address === destination || (to.address === undefined && node.isLocal(destination))),
    )
    .flatMap(({ effects }) => effects);
}

/**
 * On a way in, packets out of the usual are told of only where nothing else changes: those with a mark, of clients that are
 * remembered, and to loopback; and of those of endpoints not what follows from their being some.
 */
function isUsual(
  { mark, source, destination }: Packet,
  node: SimulatedNode,
  effects: readonly PacketEffect[],
) {
  const isRemembered = [...(node.recent?.values() ?? [])].some((clients) => clients.has(source));
  const isEndpoint = effects.some(({ before, after }) =>
    [...before.endpoints.keys(), ...after.endpoints.keys()].some((to) => splitPort(to)?.address === source),
  );
  return (
    mark === undefined &&
    !isRemembered &&
    !isEndpoint &&
    !contains(LOOPBACK[familyOf(destination)], destination)
  );
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

  test('each packet whose fate is another is one of those that an effect is made of', () => {
    fc.assert(
      fc.property(sides, ({ before, after, was, is, family, node }) => {
        const effects = effectsOf(was, is, node);
        for (const input of [before, after]) {
          for (const { from, packets } of interestingFlows({ ...input, options: input.options(family) })) {
            for (const packet of packets) {
              if (fateText(was, packet, from) === fateText(is, packet, from)) continue;
              const onWay = effectsOn(effects, packet, from);
              const told =
                isTold([...onWay, ...effects.others], packet, from) ||
                (onWay.length > 0 && !isUsual(packet, from, onWay));
              expect({ packet, told }).toEqual({ packet, told: true });
            }
          }
        }
      }),
      RUNS,
    );
  });
});
