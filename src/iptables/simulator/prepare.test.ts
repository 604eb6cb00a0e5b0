import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rule } from '../../../test/support/arbitrary/rules.ts';
import { withJumps } from '../../chains/jumps.ts';
import { FAMILIES, type Family, formatAddress } from '../../net/address.ts';
import { printAppend } from '../print.ts';
import { printSavedRule } from '../saved.ts';
import { ParseError } from '../saved-text.ts';
import type { Chain, Match, Rule, Ruleset } from '../types.ts';
import type { Fate } from './fate.ts';
import type { Packet, SimulatedNode } from './packet.ts';
import { prepare, prepareSaved } from './prepare.ts';
import { simulate } from './simulate.ts';

const NODE: SimulatedNode = { isLocal: (address) => address === '127.0.0.1' || address === '::1' };

const RULE = '-A INPUT -s 10.0.0.1/32 -j DROP';

describe('what iptables-save prints', () => {
  const packet: Packet = { source: '10.0.0.1', destination: '127.0.0.1', protocol: 'udp', inInterface: 'lo' };
  const verdicts = (text: string) =>
    simulate(prepareSaved(text, 'ipv4'), packet, NODE).outcomes.map(({ verdict }) => verdict);

  test.each<[string, string, string]>([
    ['nothing', '', 'ACCEPT'],
    ['as it is', `# Generated\n*filter\n:INPUT ACCEPT [0:0]\n${RULE}\nCOMMIT\n# Completed\n`, 'DROP'],
    ['with counters', `*filter\n:INPUT ACCEPT [1:2]\n[3:4] ${RULE}\nCOMMIT\n`, 'DROP'],
    ['a policy', '*filter\n:INPUT DROP [0:0]\nCOMMIT\n', 'DROP'],
    ['without a last end of line', `*filter\n:INPUT ACCEPT\n${RULE}\nCOMMIT`, 'DROP'],
    ['ends of lines of Windows', `*filter\r\n:INPUT ACCEPT [0:0]\r\n${RULE}\r\nCOMMIT\r\n`, 'DROP'],
    ['a rule of nothing', '*filter\n:INPUT DROP [0:0]\n-A INPUT\nCOMMIT\n', 'DROP'],
    ['a table that nobody knows', `*broute\n:INPUT ACCEPT\n${RULE}\nCOMMIT\n`, 'ACCEPT'],
    [
      'chains by turns',
      `*filter\n:INPUT ACCEPT\n:A -\n-A A -j ACCEPT\n-A INPUT -p tcp\n-A A -j DROP\n-A INPUT -j A\nCOMMIT\n`,
      'ACCEPT',
    ],
  ])('%s', (_, text, verdict) => {
    expect(verdicts(text)).toEqual([verdict]);
  });

  test.each<[string, string, string]>([
    ['no table', `${RULE}\n`, 'line 1: expected a table, got "-A INPUT -s 10.0.0.1/32 -j DROP"'],
    ['a table in a table', '*filter\n*nat\n', 'line 2: table filter is not committed yet'],
    ['a table twice', '*nat\nCOMMIT\n*nat\nCOMMIT\n', 'line 3: table nat is there twice'],
    ['a table without an end', '*nat\n:INPUT ACCEPT\n', 'line 2: table nat is not committed'],
    ['a chain that is not there', `*filter\n${RULE}\nCOMMIT\n`, 'line 2: no such chain: INPUT'],
    [
      'another command',
      '*filter\n:INPUT ACCEPT\n-D INPUT 1\nCOMMIT\n',
      'line 3: expected a rule: -A CHAIN ...',
    ],
    ['something else', 'iptables: command not found\n', 'line 1: expected a table'],
  ])('%s', (_, text, message) => {
    expect(() => prepareSaved(text, 'ipv4')).toThrow(ParseError);
    expect(() => prepareSaved(text, 'ipv4')).toThrow(message);
  });
});

/** Few addresses and ports, so that packets meet rules. */
const address = (family: Family) =>
  fc.nat(5).map((i) => formatAddress(family, (family === 'ipv4' ? 10n << 24n : 0xfdn << 120n) + BigInt(i)));
const PROTOCOLS = ['tcp', 'udp'] as const;

function aimedRule(family: Family): fc.Arbitrary<Rule> {
  const matches = fc.tuple(
    fc.option(address(family).map((address): Match => ({ match: 'destination', address }))),
    fc.option(
      fc
        .tuple(fc.constantFrom(...PROTOCOLS), fc.option(fc.integer({ min: 1, max: 4 })))
        .map(([protocol, port]): Match[] => [
          { match: 'protocol', protocol },
          ...(port === null ? [] : [{ match: 'destination-port' as const, port }]),
        ]),
    ),
  );
  return fc
    .tuple(matches, rule(family), fc.constantFrom('ACCEPT', 'DROP', 'DNAT', 'MARK', undefined))
    .map(([[destination, ports], { matches }, target]): Rule => {
      const others = matches.filter(
        ({ match }) =>
          !['source', 'destination', 'protocol', 'destination-port', 'in-interface'].includes(match),
      );
      const all = [...(destination ? [destination] : []), ...(ports ?? []), ...others];
      const to = family === 'ipv4' ? '10.0.0.9:9' : '[fd00::9]:9';
      if (target === 'DNAT') return { matches: all, target: { target, to } };
      if (target === 'MARK') return { matches: all, target: { target, value: 1, mask: 1 } };
      return target ? { matches: all, target: { target } } : { matches: all };
    });
}

function packet(family: Family): fc.Arbitrary<Packet> {
  return fc.record({
    source: address(family),
    destination: address(family),
    protocol: fc.constantFrom(...PROTOCOLS, 'icmp'),
    destinationPort: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    inInterface: fc.constantFrom('eth0', undefined),
  });
}

const BUILT_IN = {
  nat: ['PREROUTING', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;

/** A ruleset of one chain in each table, which all built-in chains lead to. */
function rulesetOf(family: Family, nat: readonly Rule[], filter: readonly Rule[]): Ruleset {
  const tables = [
    { name: 'nat', chains: [{ name: 'OWN', rules: nat }] },
    { name: 'filter', chains: [{ name: 'OWN', rules: filter }] },
  ] as const;
  const jumps = tables.flatMap(({ name: table }) =>
    BUILT_IN[table].map((from) => ({
      table,
      from,
      to: 'OWN',
      rule: { matches: [], target: { target: 'jump', chain: 'OWN' } } as const,
    })),
  );
  return withJumps({ family, tables }, jumps);
}

function textOf({ tables }: Ruleset, line: (chain: Chain, rule: Rule) => string): string {
  const lines = tables.flatMap(({ name, chains }) => [
    `*${name}`,
    ...chains.map((chain) => `:${chain.name} ${chain.policy ?? '-'} [0:0]`),
    ...chains.flatMap((chain) => chain.rules.map((rule) => line(chain, rule))),
    'COMMIT',
  ]);
  return `${lines.join('\n')}\n`;
}

describe.each(FAMILIES)('any rules and packets, %s', (family) => {
  const many = fc.array(aimedRule(family), { minLength: 20, maxLength: 40 });
  const few = fc.array(rule(family), { maxLength: 5 }).map((rules) =>
    // Jumps of random rules lead to chains that there are not.
    rules.filter(({ target }) => target?.target !== 'jump' && target?.target !== 'unknown'),
  );
  const given = fc.record({
    ruleset: fc.tuple(fc.oneof(many, few), fc.oneof(many, few)).map((rules) => rulesetOf(family, ...rules)),
    packet: packet(family),
  });
  const places = ({ outcomes, unknown }: Fate) => ({
    outcomes,
    unknown: unknown.map(({ table, chain, number }) => `${table} ${chain} ${number}`),
  });

  test('probabilities add up to 1, and recording changes nothing', () => {
    fc.assert(
      fc.property(given, ({ ruleset, packet }) => {
        const prepared = prepare(ruleset);
        const plain = simulate(prepared, packet, NODE);
        const { path, ...recorded } = simulate(prepared, packet, NODE, { record: true });
        expect(recorded).toEqual(plain);
        expect(path?.length).toBeGreaterThan(0);
        const sum = plain.outcomes.reduce((sum, { probability }) => sum + probability, 0);
        expect(sum).toBeCloseTo(1, 9);
      }),
    );
  });

  test('the same in whatever spelling', () => {
    fc.assert(
      fc.property(given, ({ ruleset, packet }) => {
        const compiled = places(simulate(prepare(ruleset), packet, NODE));
        const printed = textOf(ruleset, printAppend);
        const saved = textOf(
          ruleset,
          ({ name }, rule) => `[7:420] -A ${name}${printSavedRule(rule, family)}`,
        );
        expect(places(simulate(prepareSaved(printed, family), packet, NODE))).toEqual(compiled);
        expect(places(simulate(prepareSaved(saved, family), packet, NODE))).toEqual(compiled);
      }),
    );
  });
});
