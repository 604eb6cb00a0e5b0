import { describe, expect, test } from 'vitest';
import { type Doubt, EVERYTHING, joinDoubts } from './kernel-watch.ts';
import type { NftChange } from './nft-events.ts';
import { doubtOf } from './nft-watch.ts';

const change = (table: string, chain: string | undefined, more: Partial<NftChange> = {}): NftChange => ({
  kind: 'change',
  family: 'ipv4',
  table,
  chain,
  altered: false,
  deleted: false,
  port: 1,
  ...more,
});

const BY = 'nft (PID 7)';
const inNat = (...chains: readonly string[]): Doubt => ({
  chains: new Map([['nat' as const, new Set(chains)]]),
  by: [BY],
});

describe('doubtOf', () => {
  test.each<[string, readonly NftChange[], ReturnType<typeof doubtOf>]>([
    ['nothing', [], undefined],
    [
      'a chain of ours',
      [change('nat', 'KUBE-SERVICES')],
      { chains: new Map([['nat', new Set(['KUBE-SERVICES'])]]), by: [BY] },
    ],
    ['a chain of theirs', [change('nat', 'DOCKER')], undefined],
    ['our name in a table of theirs', [change('raw', 'KUBE-SERVICES')], undefined],
    [
      'a built-in chain with jumps of ours',
      [change('filter', 'FORWARD')],
      { chains: new Map([['filter', new Set(['FORWARD'])]]), by: [BY] },
    ],
    ['a built-in chain without', [change('nat', 'INPUT')], undefined],
    ['the policy of a built-in chain without', [change('nat', 'INPUT', { altered: true })], undefined],
    ['a table gone', [change('nat', undefined, { deleted: true })], { chains: undefined, by: [BY] }],
    ['a table that is there already', [change('nat', undefined)], undefined],
    [
      'a chain that may have been ours',
      [change('nat', 'ELSE', { altered: true })],
      { chains: undefined, by: [BY] },
    ],
  ])('%s', (_, changes, doubt) => {
    expect(doubtOf(changes, BY)).toEqual(doubt);
  });
});

describe('joinDoubts', () => {
  test.each<[string, Doubt | undefined, Doubt | undefined, Doubt | undefined]>([
    ['nothing and nothing', undefined, undefined, undefined],
    ['something and nothing', inNat('A'), undefined, inNat('A')],
    ['chains of one table', inNat('A', 'B'), inNat('B', 'C'), inNat('A', 'B', 'C')],
    ['something and everything', inNat('A'), EVERYTHING, { chains: undefined, by: [BY] }],
  ])('%s', (_, a, b, joined) => {
    expect(joinDoubts(a, b)).toEqual(joined);
    expect(joinDoubts(b, a)).toEqual(joined);
  });
});
