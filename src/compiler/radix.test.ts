import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { branchesOf, FAN_OUT, type Keyed, sortByKey } from './radix.ts';

const keysOf = (members: readonly Keyed[]) => members.map(({ key }) => key);
const toMembers = (keys: readonly string[]) => sortByKey(keys.map((key) => ({ key })));

describe('branches', () => {
  const sixteen = [...'0123456789abcdef'];

  test.each<[string, string[], string[] | undefined]>([
    ['nothing', [], undefined],
    ['so few that a list will do', sixteen.map((digit) => `00${digit}`), undefined],
    ['one more', [...sixteen.map((digit) => `00${digit}`), '010'], ['00', '01']],
    ['all in one corner', [...sixteen.map((digit) => `0a0${digit}`), '0a10'], ['0a0', '0a1']],
    ['all with one key', new Array(20).fill('0a00'), undefined],
    ['nearly all with one key', [...new Array(20).fill('0a00'), 'ff00'], ['0', 'f']],
  ])('of %s', (_, keys, expected) => {
    expect(branchesOf(toMembers(keys))?.map(({ prefix }) => prefix)).toEqual(expected);
  });

  test('hold all members, in their order, each where its key says', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'01f'), minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(digits, { maxLength: 60 }), (keys) => {
        const members = toMembers(keys);
        const branches = branchesOf(members);
        if (!branches) {
          expect(members.length <= FAN_OUT || new Set(keys).size === 1).toBe(true);
          return;
        }
        expect(branches.flatMap((branch) => branch.members)).toEqual(members);
        expect(branches.length).toBeGreaterThan(1);
        expect(branches.length).toBeLessThanOrEqual(FAN_OUT);
        for (const { prefix, members } of branches) {
          expect(keysOf(members).every((key) => key.startsWith(prefix))).toBe(true);
        }
        expect(new Set(branches.map(({ prefix }) => prefix)).size).toBe(branches.length);
      }),
    );
  });
});
