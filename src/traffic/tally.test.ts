import { describe, expect, test } from 'vitest';
import { readCountedRules } from './counted-rules.ts';
import { Tally } from './tally.ts';

type Counters = Readonly<Record<string, number>>;

/** Rules of one chain, each with what it has counted. */
const saved = (counters: Counters) =>
  [
    '*nat',
    ':X - [0:0]',
    ...Object.entries(counters).map(([rule, packets]) => `[${packets}:0] -A X -j ${rule}`),
    'COMMIT\n',
  ].join('\n');

/** What a meter for each rule tells after each reading: all, and what is recent. */
function told(beginning: 'counters' | 'first reading', ...readings: readonly Counters[]) {
  const tally = new Tally(beginning);
  let former: ReturnType<typeof readCountedRules> | undefined;
  return readings.map((counters) => {
    const counted = readCountedRules(saved(counters), 'ipv4', former?.rules);
    former = counted;
    const meters = Object.keys(counters).map((name, i) => ({ name, family: 'ipv4' as const, rules: [i] }));
    tally.take([counted], meters);
    const counts = Object.keys(counters).map((name) => {
      const { total, recent } = tally.count(name);
      return [name, `${total} +${recent}`];
    });
    return { ...Object.fromEntries(counts), reset: tally.reset };
  });
}

describe('from what the counters hold', () => {
  test.each<[string, readonly Counters[], readonly object[]]>([
    ['one reading has nothing recent', [{ A: 7 }], [{ A: '7 +0', reset: 0 }]],
    [
      'what comes is added',
      [{ A: 7 }, { A: 9 }, { A: 9 }],
      [
        { A: '7 +0', reset: 0 },
        { A: '9 +2', reset: 0 },
        { A: '9 +0', reset: 0 },
      ],
    ],
    [
      'a counter that is lower has begun anew: nothing is subtracted',
      [
        { A: 100, B: 5 },
        { A: 3, B: 6 },
      ],
      [
        { A: '100 +0', B: '5 +0', reset: 0 },
        { A: '103 +3', B: '6 +1', reset: 1 },
      ],
    ],
    [
      'a rule that is new has counted all that since',
      [{ A: 1 }, { B: 4, A: 2 }],
      [
        { A: '1 +0', reset: 0 },
        { B: '4 +4', A: '2 +1', reset: 0 },
      ],
    ],
    [
      'a rule that has moved is the same',
      [
        { A: 1, B: 10, C: 100 },
        { C: 101, A: 2, B: 10 },
      ],
      [
        { A: '1 +0', B: '10 +0', C: '100 +0', reset: 0 },
        { C: '101 +1', A: '2 +1', B: '10 +0', reset: 0 },
      ],
    ],
    [
      'a rule that was gone, and comes again, has begun anew',
      [{ A: 5, B: 1 }, { B: 1 }, { A: 2, B: 1 }],
      [
        { A: '5 +0', B: '1 +0', reset: 0 },
        { B: '1 +0', reset: 0 },
        { A: '2 +2', B: '1 +0', reset: 0 },
      ],
    ],
  ])('%s', (_, readings, expected) => {
    expect(told('counters', ...readings)).toEqual(expected);
  });
});

test('from the first reading: what was before does not count', () => {
  expect(told('first reading', { A: 100 }, { A: 103, B: 2 }, { A: 1, B: 2 })).toEqual([
    { A: '0 +0', reset: 0 },
    { A: '3 +3', B: '2 +2', reset: 0 },
    { A: '4 +1', B: '2 +0', reset: 1 },
  ]);
});

test('the same meter of several rules, and of both families', () => {
  const tally = new Tally();
  const ipv4 = readCountedRules(saved({ A: 1, B: 2 }), 'ipv4');
  const ipv6 = readCountedRules(saved({ A: 10 }), 'ipv6');
  tally.take(
    [ipv4, ipv6],
    [
      { name: 'all', family: 'ipv4', rules: [0, 1] },
      { name: 'all', family: 'ipv6', rules: [0] },
    ],
  );
  expect(tally.count('all')).toEqual({ total: 13, recent: 0 });
});

test('what was not looked at is no rate, and is not lost', () => {
  const tally = new Tally();
  const { rules } = readCountedRules(saved({ A: 1, B: 1 }), 'ipv4');
  const meters = ['A', 'B'].map((name, i) => ({ name, family: 'ipv4' as const, rules: [i] }));
  const after = (...packets: readonly number[]) => {
    tally.take([{ rules, packets: Float64Array.from(packets) }], meters);
    return ['A', 'B'].map((name) => tally.count(name));
  };
  after(1, 1);
  after(2, Number.NaN);
  expect(after(3, 11)).toEqual([
    { total: 3, recent: 1 },
    { total: 11, recent: 0 },
  ]);
  expect(after(3, 13)).toEqual([
    { total: 3, recent: 0 },
    { total: 13, recent: 2 },
  ]);
});

test('a meter that is asked for later begins with what its rules have counted', () => {
  const tally = new Tally();
  const { rules } = readCountedRules(saved({ A: 1 }), 'ipv4');
  tally.take([{ rules, packets: Float64Array.of(1) }], []);
  tally.take([{ rules, packets: Float64Array.of(5) }], [{ name: 'A', family: 'ipv4', rules: [0] }]);
  expect(tally.count('A')).toEqual({ total: 5, recent: 4 });
});
