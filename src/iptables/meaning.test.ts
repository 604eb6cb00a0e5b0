import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rule } from '../../test/support/arbitrary/rules.ts';
import type { Family } from '../net/address.ts';
import { ruleMeaning, sameMeaning } from './meaning.ts';
import { parseRule } from './parse.ts';
import type { Match } from './types.ts';

describe('rules that mean the same', () => {
  test.each<[string, string, Family?]>([
    ['-d 10.0.0.1', '-d 10.0.0.1/32'],
    ['-d fd00::1', '-d fd00::1/128', 'ipv6'],
    ['-s 0.0.0.0/0 -j ACCEPT', '-j ACCEPT'],
    ['-s ::/0 -d ::/0 -j ACCEPT', '-j ACCEPT', 'ipv6'],
    ['-d 10.0.0.1 -s 10.0.0.2', '-s 10.0.0.2 -d 10.0.0.1'],
    ['-m tcp -p tcp -d 10.0.0.1 --dport 80', '-d 10.0.0.1/32 -p tcp -m tcp --dport 80'],
    ['-m comment --comment x -m mark --mark 1', '-m mark --mark 1 -m comment --comment x'],
    [
      '-m conntrack --ctstate NEW -m addrtype --dst-type LOCAL',
      '-m addrtype --dst-type LOCAL -m conntrack --ctstate NEW',
    ],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', '-m conntrack --ctstate ESTABLISHED,RELATED'],
    ['-m conntrack --ctstate NEW,NEW', '-m conntrack --ctstate NEW'],
    ['-m mark --mark 0x1', '-m mark --mark 1/0xffffffff'],
    [
      '-m statistic --mode random --probability 0.3333333333',
      '-m statistic --mode random --probability 0.33333333349',
    ],
    ['-m recent --name X --set', '-m recent --set --name X --mask 255.255.255.255 --rsource'],
    // The port is that of `-m tcp`.
    [
      '-m tcp -p tcp -m recent --name X --set --dport 80',
      '-p tcp -m tcp --dport 80 -m recent --name X --set',
    ],
    // What acts keeps its place only among what chooses whether it comes to act.
    ['-m recent --name X --set -s 10.0.0.1', '-s 10.0.0.1 -m recent --name X --set'],
    ['-m recent --name X --set -m comment --comment x', '-m comment --comment x -m recent --name X --set'],
    ['-m nfacct --nfacct-name a -d 10.0.0.1', '-d 10.0.0.1 -m nfacct --nfacct-name a'],
    ['-m set --match-set a src -s 10.0.0.1', '-s 10.0.0.1 -m set --match-set a src'],
    ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
    ['-j REJECT', '-j REJECT --reject-with icmp6-port-unreachable', 'ipv6'],
    ['-j MARK --or-mark 0x4000', '-j MARK --set-xmark 0x4000/0x4000'],
    ['-j MARK --set-mark 1', '-j MARK --set-xmark 1'],
  ])('%s   and   %s', (a, b, family = 'ipv4') => {
    expect(sameMeaning(parseRule(a, family), parseRule(b, family))).toBe(true);
    expect(ruleMeaning(parseRule(a, family))).toBe(ruleMeaning(parseRule(b, family)));
  });
});

describe('rules that do not', () => {
  test.each<[string, string]>([
    ['-j ACCEPT', ''],
    ['-j ACCEPT', '-j DROP'],
    ['-j A', '-j B'],
    ['-j A', '-g A'],
    ['-s 10.0.0.1', '-d 10.0.0.1'],
    ['-s 10.0.0.1', '! -s 10.0.0.1'],
    ['-s 10.0.0.0/8', '-s 10.0.0.0'],
    ['! -s 0.0.0.0/0', ''],
    ['-p tcp', '-p udp'],
    ['-p tcp --dport 80', '-p tcp'],
    ['-p tcp --dport 80', '-p tcp --dport 81'],
    ['-i eth0', '-i eth+'],
    ['-m comment --comment a', '-m comment --comment b'],
    ['-m comment --comment a', ''],
    ['-m comment --comment a', '-m comment --comment a -m comment --comment a'],
    ['-m mark --mark 1', '-m mark ! --mark 1'],
    ['-m mark --mark 1/1', '-m mark --mark 1'],
    ['-m conntrack --ctstate NEW', '-m conntrack ! --ctstate NEW'],
    ['-m conntrack --ctstate NEW', '-m conntrack --ctstate NEW,RELATED'],
    ['-m addrtype --src-type LOCAL', '-m addrtype --dst-type LOCAL'],
    ['-m statistic --mode random --probability 0.5', '-m statistic --mode random --probability 0.5000000005'],
    ['-m recent --name X --set', '-m recent --name Y --set'],
    ['-m recent --name X --set', '-m recent --name X --rcheck --seconds 1 --reap'],
    // Which comes first decides whether the other comes to act at all.
    [
      '-m recent --name X --set -m statistic --mode random --probability 0.5',
      '-m statistic --mode random --probability 0.5 -m recent --name X --set',
    ],
    ['-m nfacct --nfacct-name a -m mark --mark 1', '-m mark --mark 1 -m nfacct --nfacct-name a'],
    [
      '-m addrtype --dst-type LOCAL -m nfacct --nfacct-name a',
      '-m nfacct --nfacct-name a -m addrtype --dst-type LOCAL',
    ],
    [
      '-p tcp -m tcp --dport 80 -m recent --name X --set',
      '-p tcp -m recent --name X --set -m tcp --dport 80',
    ],
    ['-m limit --limit 1/s -m mark --mark 1', '-m mark --mark 1 -m limit --limit 1/s'],
    ['-m set --match-set a src', '-m set --match-set b src'],
    ['-j MARK --or-mark 1', '-j MARK --xor-mark 1'],
    ['-j MASQUERADE', '-j MASQUERADE --random-fully'],
    ['-j DNAT --to-destination 10.0.0.1:80', '-j DNAT --to-destination 10.0.0.1:81'],
    ['-j REJECT', '-j REJECT --reject-with tcp-reset'],
    ['-j LOG', '-j LOG --log-prefix x'],
  ])('%s   and   %s', (a, b) => {
    expect(sameMeaning(parseRule(a, 'ipv4'), parseRule(b, 'ipv4'))).toBe(false);
  });
});

describe('laws', () => {
  const looking = (match: Match) => !['statistic', 'recent', 'nfacct', 'unknown'].includes(match.match);

  test('the order of matches that only look does not count', () => {
    const shuffled = rule('ipv4', false)
      .map(({ matches, ...rest }) => ({ ...rest, matches: matches.filter(looking) }))
      .chain((rule) =>
        fc.record({
          rule: fc.constant(rule),
          order: fc.shuffledSubarray(
            rule.matches.map((_, i) => i),
            { minLength: rule.matches.length },
          ),
        }),
      );
    fc.assert(
      fc.property(shuffled, ({ rule, order }) => {
        const matches = order.flatMap((i) => rule.matches[i] ?? []);
        expect(sameMeaning(rule, { ...rule, matches })).toBe(true);
      }),
    );
  });

  test('the order of two matches that act counts, unless they are the same', () => {
    const acting = rule('ipv4').filter(
      ({ matches }) => matches.filter((match) => !looking(match)).length > 1,
    );
    fc.assert(
      fc.property(acting, (rule) => {
        const [first, second] = rule.matches.filter((match) => !looking(match));
        const swapped = rule.matches.map((match) =>
          match === first ? second : match === second ? first : match,
        );
        const same = sameMeaning(rule, { ...rule, matches: swapped.flatMap((match) => match ?? []) });
        const alike = sameMeaning({ matches: first ? [first] : [] }, { matches: second ? [second] : [] });
        expect(same).toBe(alike);
      }),
      { numRuns: 300 },
    );
  });

  test('one match more or less is another rule, and so is another target', () => {
    fc.assert(
      fc.property(rule('ipv6'), fc.nat(), (rule, at) => {
        const [gone] = rule.matches.slice(at % Math.max(1, rule.matches.length));
        const fewer = { ...rule, matches: rule.matches.filter((match) => match !== gone) };
        expect(sameMeaning(rule, fewer)).toBe(gone === undefined);
        const { target: _, ...without } = rule;
        expect(sameMeaning(rule, without)).toBe(rule.target === undefined);
      }),
      { numRuns: 300 },
    );
  });
});
