import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareChains } from '../iptables/compare.ts';
import { printRule } from '../iptables/print.ts';
import type { Chain, Match, Rule } from '../iptables/types.ts';
import { DispatchTree } from './dispatch-tree.ts';
import { comment, destination, destinationPort, jump, PROTOCOL_MATCHES } from './matches.ts';
import type { ChangedRules } from './rule-order.ts';

type Rules = ReadonlyMap<string, readonly Rule[]>;

const rule = (matches: readonly Match[], to = 'KUBE-SVC-A'): Rule => ({ matches, target: jump(to) });
const toAddress = (address: string, port = 80) =>
  rule([PROTOCOL_MATCHES.tcp, destination(address), destinationPort(port)]);
const toPort = (port: number) => rule([PROTOCOL_MATCHES.udp, destinationPort(port)]);

/** What leads from some rules to others, of the Services that are other ones. */
function changesBetween(before: Rules, after: Rules): ChangedRules {
  const keys = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
  return new Map(keys.map((key) => [key, { former: before.get(key) ?? [], rules: after.get(key) ?? [] }]));
}

function treeOf(rules: Rules): DispatchTree {
  const tree = new DispatchTree('KUBE-SERVICES', { before: [], after: [] }, 'ipv4');
  tree.replace(changesBetween(new Map(), rules));
  return tree;
}

const printed = ({ name, rules }: Chain) => [name, ...rules.map(printRule)].join('\n');
const print = (tree: DispatchTree) => [...tree.rules.map(printRule), ...tree.chains().map(printed)];

/** Addresses and ports in a few heaps, so that trees are deep, and the same ones come again. */
const octet = fc.constantFrom(0, 1, 2, 3, 15, 16, 17, 128, 255);
const number = fc.oneof(fc.nat(40), fc.constantFrom(80, 81, 443, 30_080, 30_081, 30_100, 65_535));
const anyRule = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(octet, octet, number).map(([a, b, port]) => toAddress(`10.${a}.${b}.1`, port)),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(octet, octet, fc.nat(255)).map(([a, b, c]) => toAddress(`10.${a}.${b}.${c}`)),
  },
  { weight: 3, arbitrary: number.map(toPort) },
  { weight: 1, arbitrary: fc.nat(3).map((i) => rule([comment(`for all ${i}`)])) },
);
const someRules = fc.array(anyRule, { maxLength: 8 });
const service = fc.nat(60).map((i) => `shop/s${i}`);
/** Few Services, or so many that the whole tree is another. */
const change = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.tuple(service, someRules), { maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(fc.tuple(service, someRules), { minLength: 20, maxLength: 50 }) },
  {
    weight: 1,
    arbitrary: fc.array(service, { maxLength: 50 }).map((gone) => gone.map((key) => [key, []] as const)),
  },
);

describe('a tree that follows its rules', () => {
  test('is what it would be without a past, and tells the chains that differ', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const tree = new DispatchTree('KUBE-SERVICES', { before: [], after: [] }, 'ipv4');
        let now: Rules = new Map();
        let chains: ReadonlyMap<string, string> = new Map();
        for (const change of changes) {
          const next = new Map(now);
          for (const [key, rules] of change) {
            if (rules.length > 0) next.set(key, rules);
            else next.delete(key);
          }
          const { before, after } = tree.replace(changesBetween(now, next));
          now = next;
          expect(print(tree)).toEqual(print(treeOf(now)));

          const { changed, removed } = compareChains(before, after);
          const followed = new Map(chains);
          for (const name of removed) expect(followed.delete(name)).toBe(true);
          for (const chain of changed) {
            expect(followed.get(chain.name)).not.toBe(printed(chain));
            followed.set(chain.name, printed(chain));
          }
          chains = new Map(tree.chains().map((chain) => [chain.name, printed(chain)]));
          expect(followed).toEqual(chains);
        }
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  test.each([17, 300, 5000])('leaves all but the way to a change the same objects, of %i', (count) => {
    const address = (i: number) => `10.${i >> 12}.${(i >> 4) & 255}.${(i & 15) << 4}`;
    const rules: Rules = new Map(
      Array.from({ length: count }, (_, i) => [`shop/s${i}`, [toAddress(address(i))]]),
    );
    const tree = treeOf(rules);
    const chains = new Set(tree.chains());
    const more = new Map(rules).set('shop/more', [toAddress('10.0.0.1')]);
    const { before, after } = tree.replace(changesBetween(rules, more));
    const others = tree.chains().filter((chain) => !chains.has(chain));
    expect(others.length).toBeLessThanOrEqual(4);
    expect(before.length + after.length).toBeLessThanOrEqual(20);
    tree.replace(changesBetween(more, rules));
    expect(print(tree)).toEqual(print(treeOf(rules)));
  });
});

test('rules for the same packets keep the order of their Services, each once', () => {
  const to = (chain: string) => rule([destination('10.0.0.1')], chain);
  const rules: Rules = new Map([
    ['shop/b', [to('B'), to('B')]],
    ['shop/c', [to('C'), to('B')]],
    ['shop/a', [to('A')]],
  ]);
  const tree = treeOf(rules);
  const targets = () => tree.rules.map(({ target }) => (target?.target === 'jump' ? target.chain : ''));
  expect(targets()).toEqual(['A', 'B', 'C', 'B']);
  const fewer = new Map(rules);
  fewer.delete('shop/b');
  tree.replace(changesBetween(rules, fewer));
  expect(targets()).toEqual(['A', 'C', 'B']);
});
