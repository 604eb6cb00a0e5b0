import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ask,
  commonClass,
  everyPacket,
  fitsPattern,
  inInterfaceFact,
  type PacketClass,
} from './packet-class.ts';

const PATTERNS = ['eth0', 'eth1', 'eth+', 'eth1+', 'eth10', 'cbr0', 'cbr0+', '+'] as const;
const NAMES = ['eth0', 'eth1', 'eth10', 'eth2', 'cbr0', 'cbr01', 'lo'] as const;

type Answer = readonly [pattern: (typeof PATTERNS)[number], fits: boolean];

/** The packets that answer so, one question after the other; undefined where there can be none. */
function answering(answers: readonly Answer[]): PacketClass | undefined {
  return answers.reduce<PacketClass | undefined>((packets, [pattern, fits]) => {
    if (!packets) return undefined;
    const { yes, no } = ask(packets, { fact: inInterfaceFact(pattern) });
    return fits ? yes : no;
  }, everyPacket('ipv4'));
}

const told = (packets: PacketClass | undefined) => packets && Object.fromEntries([...packets.facts].sort());

describe('what is told of the incoming interface', () => {
  test.each<{ answers: Answer[]; facts: Answer[] }>([
    {
      answers: [
        ['eth0', true],
        ['eth1', false],
      ],
      facts: [['eth0', true]],
    },
    {
      answers: [
        ['eth1', false],
        ['eth0', true],
      ],
      facts: [['eth0', true]],
    },
    {
      answers: [
        ['eth+', true],
        ['eth0', true],
      ],
      facts: [['eth0', true]],
    },
    {
      answers: [
        ['cbr0', false],
        ['eth+', true],
      ],
      facts: [['eth+', true]],
    },
    {
      answers: [
        ['eth+', true],
        ['eth0', false],
      ],
      facts: [
        ['eth+', true],
        ['eth0', false],
      ],
    },
    {
      answers: [
        ['eth0', false],
        ['eth+', false],
      ],
      facts: [['eth+', false]],
    },
    {
      answers: [
        ['eth0', false],
        ['eth1', false],
      ],
      facts: [
        ['eth0', false],
        ['eth1', false],
      ],
    },
  ])('of $answers, $facts', ({ answers, facts }) => {
    const expected = facts.map(([pattern, fits]) => [inInterfaceFact(pattern), fits]);
    expect(told(answering(answers))).toEqual(Object.fromEntries(expected));
  });

  const answers = fc.array(fc.tuple(fc.constantFrom(...PATTERNS), fc.boolean()), { maxLength: 5 });

  test('is the same in whatever order it was asked, and as much as was asked', () => {
    fc.assert(
      fc.property(answers, answers, (some, others) => {
        const all = [...some, ...others];
        const packets = answering(all);
        expect(told(answering(all.toReversed()))).toEqual(told(packets));
        const [a, b] = [answering(some), answering(others)];
        expect(told(a && b && commonClass(a, b))).toEqual(told(packets));
        for (const name of NAMES) {
          const fits = ([pattern, is]: readonly [string, boolean]) => fitsPattern(name, pattern) === is;
          const facts = packets && Object.entries(told(packets) ?? {});
          const isIn = facts?.every(([fact, is]) => fits([fact.replace(inInterfaceFact(''), ''), is]));
          expect(isIn ?? false).toBe(all.every(fits));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
