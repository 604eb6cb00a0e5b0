import { describe, expect, test } from 'vitest';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { parseRule } from '../iptables/parse.ts';
import type { Ruleset } from '../iptables/types.ts';
import { type ChainDifference, chainDifferences } from './chain-diff.ts';
import { currentTables } from './current.ts';
import { planChanges } from './plan.ts';

/** A ruleset of nat chains. */
const nat = (chains: Readonly<Record<string, readonly string[]>>): Ruleset => ({
  family: 'ipv4',
  tables: [
    {
      name: 'nat',
      chains: Object.entries(chains).map(([name, rules]) => ({
        name,
        rules: rules.map((rule) => parseRule(rule, 'ipv4')),
      })),
    },
  ],
});

/** The canaries, which are always wanted, are there. */
const CANARIES = ['mangle', 'nat', 'filter']
  .map((table) => `*${table}\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n`)
  .join('');

test.each<[string, string[], Ruleset | undefined, Partial<ChainDifference>[]]>([
  ['nothing', [], nat({}), []],
  [
    'a chain that is missing',
    [],
    nat({ 'KUBE-MARK-MASQ': ['-j MARK --or-mark 0x4000'] }),
    [
      {
        chain: 'KUBE-MARK-MASQ',
        current: [],
        wanted: [':KUBE-MARK-MASQ', '-A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000'],
      },
    ],
  ],
  [
    'a rule that is another, and one that is only spelled otherwise',
    [
      ':KUBE-MARK-MASQ - [0:0]',
      '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
      '-A KUBE-MARK-MASQ -j RETURN',
    ],
    nat({ 'KUBE-MARK-MASQ': ['-j MARK --or-mark 0x4000', '-j ACCEPT'] }),
    [
      {
        chain: 'KUBE-MARK-MASQ',
        current: [
          ':KUBE-MARK-MASQ',
          '-A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000',
          '-A KUBE-MARK-MASQ -j RETURN',
        ],
        wanted: [
          ':KUBE-MARK-MASQ',
          '-A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000',
          '-A KUBE-MARK-MASQ -j ACCEPT',
        ],
      },
    ],
  ],
  [
    'a chain too many',
    [':KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]', '-A KUBE-SVC-EXBNZ76JOZU7PBN2 -s 10.0.0.1/32 -j ACCEPT'],
    nat({}),
    [
      {
        chain: 'KUBE-SVC-EXBNZ76JOZU7PBN2',
        current: [':KUBE-SVC-EXBNZ76JOZU7PBN2', '-A KUBE-SVC-EXBNZ76JOZU7PBN2 -s 10.0.0.1 -j ACCEPT'],
        wanted: [],
      },
    ],
  ],
  [
    'a chain too many that others lead into',
    [
      ':KUBE-SVC-EXBNZ76JOZU7PBN2 - [0:0]',
      '-A KUBE-SVC-EXBNZ76JOZU7PBN2 -j ACCEPT',
      '-A OUTPUT -s 192.0.2.9/32 -j KUBE-SVC-EXBNZ76JOZU7PBN2',
    ],
    nat({}),
    [
      {
        chain: 'KUBE-SVC-EXBNZ76JOZU7PBN2',
        current: [':KUBE-SVC-EXBNZ76JOZU7PBN2', '-A KUBE-SVC-EXBNZ76JOZU7PBN2 -j ACCEPT'],
        wanted: [':KUBE-SVC-EXBNZ76JOZU7PBN2'],
      },
    ],
  ],
  [
    'a jump that is missing',
    [':KUBE-POSTROUTING - [0:0]'],
    nat({ 'KUBE-POSTROUTING': [] }),
    [
      {
        chain: 'POSTROUTING',
        current: [],
        wanted: ['-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING'],
      },
    ],
  ],
  [
    'a jump too many, twice, with its chain',
    [
      ':KUBE-POSTROUTING - [0:0]',
      '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
      '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    ],
    nat({}),
    [
      {
        chain: 'POSTROUTING',
        current: Array(2).fill(
          '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
        ),
        wanted: [],
      },
      { chain: 'KUBE-POSTROUTING', current: [':KUBE-POSTROUTING'], wanted: [] },
    ],
  ],
])('%s', (_, lines, wanted, expected) => {
  const kernel = new FakeKernel('ipv4');
  expect(kernel.tryRestore(`${CANARIES}*nat\n${lines.join('\n')}\nCOMMIT\n`)).toBeUndefined();
  const changes = planChanges(currentTables(kernel.saved(), 'ipv4'), wanted);
  expect(chainDifferences(changes, 'ipv4')).toEqual(
    expected.map((difference) => ({ table: 'nat', ...difference })),
  );
});

describe('tables', () => {
  test('a canary for each of them', () => {
    const changes = planChanges(currentTables(new Map(), 'ipv6'), nat({}));
    expect(chainDifferences(changes, 'ipv6')).toEqual(
      ['mangle', 'nat', 'filter'].map((table) => ({
        table,
        chain: 'KUBE-PROXY-CANARY',
        current: [],
        wanted: [':KUBE-PROXY-CANARY'],
      })),
    );
  });
});
