import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackedChain, TextStore } from './packed-chain.ts';

interface Read {
  readonly chain: number;
  readonly line: string;
  readonly counter: string;
}

/** What iptables-save tells, rule by rule, taken in as it is read. */
function packed(rules: readonly Read[]): ReadonlyMap<number, PackedChain> {
  const store = new TextStore();
  const chains = new Map<number, PackedChain>();
  let last: PackedChain | undefined;
  for (const { chain: name, line, counter } of rules) {
    const chain = chains.get(name) ?? new PackedChain(String(name), false);
    chains.set(name, chain);
    if (last !== chain) last?.pack(store);
    chain.add(line, counter);
    last = chain;
  }
  last?.pack(store);
  return chains;
}

describe('a packed chain has the rules that were read', () => {
  const line = fc.oneof(
    fc.constant(''),
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => ` ${text.replaceAll('\n', '')}`),
    fc.constant(` -m comment --comment "${'x'.repeat(9000)}"`),
  );
  const counter = fc.constantFrom('[0:0]', '[0:0]', '[1:60]');
  const rules = fc.array(fc.record({ chain: fc.nat(5), line, counter }), { maxLength: 300 });

  test('in whatever order they come, and whichever are asked for first', () => {
    fc.assert(
      fc.property(rules, fc.array(fc.nat(5)), (rules, asked) => {
        const chains = packed(rules);
        for (const name of [...asked, ...chains.keys()]) {
          const of = rules.filter(({ chain }) => chain === name);
          expect(chains.get(name)?.lines ?? []).toEqual(of.map(({ line }) => line));
          expect(chains.get(name)?.counters ?? []).toEqual(of.map(({ counter }) => counter));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('where they are very many', () => {
    const many = Array.from({ length: 20_000 }, (_, i): Read => {
      return {
        chain: Math.floor(i / 7),
        line: ` -d 10.96.${i >> 8}.${i & 255}/32 -p tcp -m comment --comment "shop/größe-${i}" -j KUBE-SVC-${i}`,
        counter: i % 100 === 0 ? `[${i}:60]` : '[0:0]',
      };
    });
    const chains = packed(many);
    for (const order of [[...chains.keys()], [...chains.keys()].reverse()]) {
      const lines = order.map((name) => chains.get(name)?.lines);
      expect(lines).toEqual(order.map((name) => many.slice(name * 7, name * 7 + 7).map(({ line }) => line)));
      const counters = order.map((name) => chains.get(name)?.counters);
      expect(counters).toEqual(
        order.map((name) => many.slice(name * 7, name * 7 + 7).map(({ counter }) => counter)),
      );
    }
  });

  test('a chain without rules has none', () => {
    const chain = new PackedChain('KUBE-SERVICES', false);
    chain.pack(new TextStore());
    expect([chain.lines, chain.counters]).toEqual([[], []]);
  });
});
