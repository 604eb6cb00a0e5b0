import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChainChanges, compareChains, sameChain, sameList, sameRule } from './compare.ts';
import type { Chain, Rule } from './types.ts';

const toPort = (port: number): Rule => ({
  matches: [{ match: 'destination-port', port }],
  target: { target: 'ACCEPT' },
});
const chain = (name: string, ...ports: number[]): Chain => ({ name, rules: ports.map(toPort) });

describe('compareChains', () => {
  const named = ({ changed, removed }: ChainChanges) => ({
    changed: changed.map(({ name }) => name),
    removed,
  });

  test.each<[string, Chain[], Chain[], string[], string[]]>([
    ['nothing and nothing', [], [], [], []],
    ['all are new', [], [chain('A', 1), chain('B')], ['A', 'B'], []],
    ['all are gone', [chain('A', 1), chain('B')], [], [], ['A', 'B']],
    ['the same', [chain('A', 1), chain('B')], [chain('A', 1), chain('B')], [], []],
    ['the same in another order', [chain('A', 1), chain('B')], [chain('B'), chain('A', 1)], [], []],
    ['another rule', [chain('A', 1), chain('B')], [chain('A', 2), chain('B')], ['A'], []],
    ['one more rule', [chain('A', 1)], [chain('A', 1, 2)], ['A'], []],
    ['one less rule', [chain('A', 1, 2)], [chain('A', 1)], ['A'], []],
    ['rules in another order', [chain('A', 1, 2)], [chain('A', 2, 1)], ['A'], []],
    ['another name', [chain('A', 1)], [chain('B', 1)], ['B'], ['A']],
    [
      'one of each',
      [chain('A', 1), chain('B', 1), chain('C', 1)],
      [chain('D', 1), chain('B', 2), chain('C', 1)],
      ['D', 'B'],
      ['A'],
    ],
  ])('%s', (_, before, after, changed, removed) => {
    expect(named(compareChains(before, after))).toEqual({ changed, removed });
  });

  test('a chain that changed is the new one', () => {
    const after = chain('A', 2);
    expect(compareChains([chain('A', 1)], [after]).changed[0]).toBe(after);
  });

  test('applied to the one, the changes give the other', () => {
    const chains = fc.uniqueArray(
      fc
        .tuple(fc.constantFrom(...'ABCDEFG'), fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }))
        .map(([name, ports]) => chain(name, ...ports)),
      { selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(chains, chains, (before, after) => {
        const { changed, removed } = compareChains(before, after);
        const result = new Map(before.map((chain) => [chain.name, chain]));
        for (const chain of changed) result.set(chain.name, chain);
        for (const name of removed) result.delete(name);
        const byName = (a: Chain, b: Chain) => (a.name < b.name ? -1 : 1);
        expect([...result.values()].sort(byName)).toEqual(after.toSorted(byName));
        expect(changed.filter((chain) => before.some((former) => sameChain(former, chain)))).toEqual([]);
      }),
    );
  });
});

test.each<[string, Rule, Rule, boolean]>([
  ['equal rules', toPort(1), toPort(1), true],
  ['another match', toPort(1), toPort(2), false],
  ['another target', toPort(1), { ...toPort(1), target: { target: 'DROP' } }, false],
  ['no target', toPort(1), { matches: toPort(1).matches }, false],
  ['a probability that prints the same', withProbability(1 / 3), withProbability(0.3333333333), true],
  ['a probability that does not', withProbability(1 / 3), withProbability(0.333333333), false],
])('sameRule: %s', (_, a, b, expected) => {
  expect(sameRule(a, b)).toBe(expected);
  expect(sameRule(b, a)).toBe(expected);
});

function withProbability(probability: number): Rule {
  return { matches: [{ match: 'statistic', probability }] };
}

test.each<[string, Chain, Chain, boolean]>([
  ['equal chains', chain('A', 1, 2), chain('A', 1, 2), true],
  ['another name', chain('A', 1), chain('B', 1), false],
  ['without rules', chain('A'), chain('A'), true],
  ['the beginning of the other', chain('A', 1), chain('A', 1, 2), false],
])('sameChain: %s', (_, a, b, expected) => {
  expect(sameChain(a, b)).toBe(expected);
  expect(sameChain(b, a)).toBe(expected);
});

test('sameList asks about elements at the same place', () => {
  const caseless = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  expect(sameList(['a', 'B'], ['A', 'b'], caseless)).toBe(true);
  expect(sameList(['a', 'b'], ['b', 'a'], caseless)).toBe(false);
  expect(sameList(['a'], [], caseless)).toBe(false);
});
