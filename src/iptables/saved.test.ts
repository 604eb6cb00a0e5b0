import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rule } from '../../test/support/arbitrary/rules.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { parseRule, parseRuleset } from './parse.ts';
import { keptProbability, printSaved, printSavedRule } from './saved.ts';
import type { Rule } from './types.ts';

/** What iptables-save 1.8.9 prints, of both kinds, for what iptables-restore was given. */
describe('the spelling of iptables-save', () => {
  test.each<[string, string, Family?]>([
    ['', ''],
    ['-d 10.0.0.1', '-d 10.0.0.1/32'],
    ['! -d 10.0.0.0/8', '! -d 10.0.0.0/8'],
    ['-d 10.1.2.3/8', '-d 10.0.0.0/8'],
    ['-s 0.0.0.0/0', ''],
    ['! -s 0.0.0.0/0', '! -s 0.0.0.0/0'],
    ['-d fd00::1', '-d fd00::1/128', 'ipv6'],
    ['-s ::/0', '', 'ipv6'],
    ['-i veth+ -d 10.0.0.2 ! -s 10.0.0.1', '! -s 10.0.0.1/32 -d 10.0.0.2/32 -i veth+'],
    ['-m tcp -p tcp -d 10.0.0.1 --dport 80', '-d 10.0.0.1/32 -p tcp -m tcp --dport 80'],
    ['-m udp -p udp', '-p udp -m udp'],
    ['-m comment --comment x -p sctp --dport 80', '-p sctp -m comment --comment x -m sctp --dport 80'],
    ['-m comment --comment ns/name', '-m comment --comment "ns/name"'],
    ['-m comment --comment "it\'s \\"so\\""', '-m comment --comment "it\\\'s \\"so\\""'],
    ['-m comment --comment ""', '-m comment --comment ""'],
    ['-m comment --comment "!"', '-m comment --comment "!"'],
    ['-m comment --comment -j', '-m comment --comment -j'],
    ['-m comment --comment ü', '-m comment --comment "ü"'],
    ['-m mark --mark 0x00004000/0x00004000', '-m mark --mark 0x4000/0x4000'],
    ['-m mark ! --mark 0x4000/0x4000', '-m mark ! --mark 0x4000/0x4000'],
    ['-m mark --mark 16384', '-m mark --mark 0x4000'],
    ['-m mark --mark 0/0', '-m mark --mark 0x0/0x0'],
    ['-m mark --mark 010', '-m mark --mark 0x8'],
    [
      '-m conntrack --ctstate INVALID,NEW,ESTABLISHED,RELATED,UNTRACKED,DNAT,SNAT',
      '-m conntrack --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT',
    ],
    ['-m conntrack ! --ctstate dnat,NEW,NEW', '-m conntrack ! --ctstate NEW,DNAT'],
    ['-m addrtype --dst-type local', '-m addrtype --dst-type LOCAL'],
    ['-m addrtype ! --dst-type local', '-m addrtype ! --dst-type LOCAL'],
    [
      '-m statistic --mode random --probability 0.3333333333',
      '-m statistic --mode random --probability 0.33333333349',
    ],
    [
      '-m statistic --mode random --probability 0.0000000001',
      '-m statistic --mode random --probability 0.00000000000',
    ],
    ['-m statistic --mode random --probability 1', '-m statistic --mode random --probability 1.00000000000'],
    ['-m recent --name X --set', '-m recent --set --name X --mask 255.255.255.255 --rsource'],
    [
      '-m recent --name X --rcheck --seconds 10800 --reap',
      '-m recent --rcheck --seconds 10800 --reap --name X --mask 255.255.255.255 --rsource',
    ],
    [
      '-m recent --set',
      '-m recent --set --name DEFAULT --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource',
      'ipv6',
    ],
    ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
    ['-j REJECT', '-j REJECT --reject-with icmp6-port-unreachable', 'ipv6'],
    ['-j MARK --or-mark 0x00004000', '-j MARK --set-xmark 0x4000/0x4000'],
    ['-j MARK --xor-mark 0x4000', '-j MARK --set-xmark 0x4000/0x0'],
    ['-j MARK --and-mark 0x4000', '-j MARK --set-xmark 0x0/0xffffbfff'],
    ['-j MARK --set-mark 0x101/0xff', '-j MARK --set-xmark 0x101/0x1ff'],
    ['-j MASQUERADE --random-fully', '-j MASQUERADE --random-fully'],
    [
      '-p tcp -m tcp -j DNAT --to-destination 10.0.0.1:80',
      '-p tcp -m tcp -j DNAT --to-destination 10.0.0.1:80',
    ],
    [
      '-p tcp -m tcp -j DNAT --to-destination [fd00::1]:80',
      '-p tcp -m tcp -j DNAT --to-destination [fd00::1]:80',
      'ipv6',
    ],
    ['-j KUBE-SERVICES', '-j KUBE-SERVICES'],
    [
      '-m mark --mark 1 -s 10.0.0.1 -m comment --comment a -p tcp -i eth0 --dport 80 -j ACCEPT',
      '-s 10.0.0.1/32 -i eth0 -p tcp -m mark --mark 0x1 -m comment --comment a -m tcp --dport 80 -j ACCEPT',
    ],
  ])('%s', (given, expected, family = 'ipv4') => {
    const saved = printSavedRule(parseRule(given, family), family);
    expect(saved).toBe(expected === '' ? '' : ` ${expected}`);
    expect(printSavedRule(parseRule(saved, family), family)).toBe(saved);
  });

  test('printed, parsed and printed again, it stays', () => {
    const withFamily = fc
      .constantFrom(...FAMILIES)
      .chain((family) => fc.record({ family: fc.constant(family), rule: rule(family) }));
    fc.assert(
      fc.property(withFamily, ({ family, rule }: { family: Family; rule: Rule }) => {
        const saved = printSavedRule(rule, family);
        expect(printSavedRule(parseRule(saved, family), family)).toBe(saved);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('probabilities', () => {
  test.each<[number, number]>([
    [0, 0],
    [1, 1],
    [0.5, 0.5],
    [1 / 3, 715827883 / 2 ** 31],
    [1e-10, 0],
    [2 ** -31, 2 ** -31],
  ])('%d is kept as %d', (probability, kept) => {
    expect(keptProbability(probability)).toBe(kept);
  });

  test('what is kept prints with so many digits that it is kept the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (fraction) => {
        const kept = fraction / 2 ** 31;
        expect(keptProbability(Number(kept.toFixed(10)))).toBe(kept);
        expect(keptProbability(Number(kept.toFixed(11)))).toBe(kept);
      }),
    );
  });
});

test('whole tables', () => {
  const text = `*filter
:FORWARD DROP [0:0]
:A - [0:0]
-A FORWARD -d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j A
COMMIT
*nat
COMMIT
`;
  expect(printSaved(parseRuleset(text, 'ipv4'))).toBe(text);
});
