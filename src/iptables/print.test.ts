import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printAppend, printRule, printRuleset, printTable } from './print.ts';
import type { Chain, Match, Rule, Target } from './types.ts';

const matching = (...matches: Match[]): Rule => ({ matches });
const targeting = (target: Target): Rule => ({ matches: [], target });

describe('matches', () => {
  test.each<[Match, string]>([
    [{ match: 'comment', comment: 'default/web:http' }, '-m comment --comment default/web:http'],
    [{ match: 'comment', comment: 'of several words' }, '-m comment --comment "of several words"'],
    [{ match: 'protocol', protocol: 'tcp' }, '-m tcp -p tcp'],
    [{ match: 'protocol', protocol: 'udp' }, '-m udp -p udp'],
    [{ match: 'protocol', protocol: 'sctp' }, '-m sctp -p sctp'],
    [{ match: 'source', address: '10.0.0.0/8' }, '-s 10.0.0.0/8'],
    [{ match: 'source', address: 'fd00::1', negated: true }, '! -s fd00::1'],
    [{ match: 'destination', address: '10.0.0.1' }, '-d 10.0.0.1'],
    [{ match: 'destination', address: '::1/128', negated: true }, '! -d ::1/128'],
    [{ match: 'destination-port', port: 65535 }, '--dport 65535'],
    [{ match: 'in-interface', name: 'veth+' }, '-i veth+'],
    [{ match: 'in-interface', name: 'cbr0', negated: true }, '! -i cbr0'],
    [{ match: 'mark', value: 0x4000, mask: 0x4000 }, '-m mark --mark 0x00004000/0x00004000'],
    [{ match: 'mark', value: 0, mask: 2 ** 31, negated: true }, '-m mark ! --mark 0x00000000/0x80000000'],
    [{ match: 'conntrack', states: ['INVALID'] }, '-m conntrack --ctstate INVALID'],
    [
      { match: 'conntrack', states: ['RELATED', 'ESTABLISHED', 'DNAT'], negated: true },
      '-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT',
    ],
    [{ match: 'addrtype', side: 'source', type: 'LOCAL' }, '-m addrtype --src-type LOCAL'],
    [{ match: 'addrtype', side: 'destination', type: 'LOCAL' }, '-m addrtype --dst-type LOCAL'],
    [
      { match: 'addrtype', side: 'destination', type: 'LOCAL', negated: true },
      '-m addrtype ! --dst-type LOCAL',
    ],
    [{ match: 'statistic', probability: 1 / 2 }, '-m statistic --mode random --probability 0.5000000000'],
    [{ match: 'statistic', probability: 1 / 3 }, '-m statistic --mode random --probability 0.3333333333'],
    [{ match: 'statistic', probability: 1 / 7 }, '-m statistic --mode random --probability 0.1428571429'],
    [{ match: 'recent', operation: 'set', name: 'CLIENTS' }, '-m recent --name CLIENTS --set'],
    [
      { match: 'recent', operation: 'rcheck', name: 'CLIENTS', seconds: 10800 },
      '-m recent --name CLIENTS --rcheck --seconds 10800 --reap',
    ],
    [{ match: 'nfacct', name: 'counter' }, '-m nfacct --nfacct-name counter'],
  ])('%j', (match, expected) => {
    expect(printRule(matching(match))).toBe(` ${expected}`);
  });
});

describe('targets', () => {
  test.each<[Target, string]>([
    [{ target: 'jump', chain: 'KUBE-SERVICES' }, '-j KUBE-SERVICES'],
    [{ target: 'ACCEPT' }, '-j ACCEPT'],
    [{ target: 'DROP' }, '-j DROP'],
    [{ target: 'REJECT' }, '-j REJECT'],
    [{ target: 'RETURN' }, '-j RETURN'],
    [{ target: 'MARK', value: 0x4000, mask: 0x4000 }, '-j MARK --or-mark 0x00004000'],
    [{ target: 'MARK', value: 0x4000, mask: 0 }, '-j MARK --xor-mark 0x00004000'],
    [{ target: 'MARK', value: 0x1, mask: 0xffffffff }, '-j MARK --set-xmark 0x00000001/0xffffffff'],
    [{ target: 'MARK', value: 2 ** 31, mask: 2 ** 31 }, '-j MARK --or-mark 0x80000000'],
    [{ target: 'MASQUERADE', randomFully: true }, '-j MASQUERADE --random-fully'],
    [{ target: 'MASQUERADE', randomFully: false }, '-j MASQUERADE'],
    [{ target: 'DNAT', to: '10.0.0.1:80' }, '-j DNAT --to-destination 10.0.0.1:80'],
    [{ target: 'DNAT', to: '[fd00::1]:80' }, '-j DNAT --to-destination [fd00::1]:80'],
  ])('%j', (target, expected) => {
    expect(printRule(targeting(target))).toBe(` ${expected}`);
  });
});

describe('rules', () => {
  test('matches in their order, then the target', () => {
    const rule: Rule = {
      matches: [
        { match: 'destination-port', port: 80 },
        { match: 'destination', address: '10.0.0.1' },
        { match: 'comment', comment: 'last' },
      ],
      target: { target: 'ACCEPT' },
    };
    expect(printRule(rule)).toBe(' --dport 80 -d 10.0.0.1 -m comment --comment last -j ACCEPT');
    expect(printAppend({ name: 'CHAIN', rules: [rule] }, rule)).toBe(`-A CHAIN${printRule(rule)}`);
  });

  test('one that does nothing', () => {
    expect(printAppend({ name: 'CHAIN', rules: [] }, { matches: [] })).toBe('-A CHAIN');
  });
});

describe('comments in quotes, where they need them', () => {
  test.each([
    ['default/web:http', 'default/web:http'],
    ['a-b_c.d', 'a-b_c.d'],
    ['', '""'],
    ['two words', '"two words"'],
    ['say "no"', String.raw`"say \"no\""`],
    ['back\\slash', String.raw`"back\\slash"`],
    ["it's", `"it's"`],
    ['a->b', '"a->b"'],
    ['#', '"#"'],
    ['!', '"!"'],
    ['ümlaut', '"ümlaut"'],
  ])('%j', (comment, expected) => {
    expect(printRule(matching({ match: 'comment', comment }))).toBe(` -m comment --comment ${expected}`);
  });

  test('iptables-restore would read the very comment', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aZ0"\\ \'!->/:;$`') }), (comment) => {
        const text = printRule(matching({ match: 'comment', comment })).slice(
          ' -m comment --comment '.length,
        );
        expect(readWords(text)).toEqual([comment]);
      }),
    );
  });
});

/** Words as iptables-restore splits them (add_argv in xshared.c): quotes group, a backslash counts only in them. */
function readWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quoted && character === '\\') word = (word ?? '') + text.charAt(++i);
    else if (character === '"') {
      quoted = !quoted;
      word ??= '';
    } else if (!quoted && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  return word === undefined ? words : [...words, word];
}

describe('tables', () => {
  const accept: Rule = { matches: [], target: { target: 'ACCEPT' } };
  const chain = (name: string, rules: number): Chain => ({ name, rules: Array<Rule>(rules).fill(accept) });

  test('chains, then their rules, in one transaction', () => {
    const text = printTable({ name: 'nat', chains: [chain('B', 2), chain('A', 0), chain('C', 1)] });
    expect(text.split('\n')).toEqual([
      '*nat',
      ':B - [0:0]',
      ':A - [0:0]',
      ':C - [0:0]',
      '-A B -j ACCEPT',
      '-A B -j ACCEPT',
      '-A C -j ACCEPT',
      'COMMIT',
      '',
    ]);
  });

  test('one after the other', () => {
    const filter = { name: 'filter', chains: [chain('A', 1)] } as const;
    const nat = { name: 'nat', chains: [] } as const;
    const text = printRuleset({ family: 'ipv4', tables: [filter, nat] });
    expect(text).toBe(printTable(filter) + printTable(nat));
    expect(printTable(nat)).toBe('*nat\nCOMMIT\n');
  });

  test('no tables, no text', () => {
    expect(printRuleset({ family: 'ipv4', tables: [] })).toBe('');
  });

  // Lines are put together in pieces, which must not show at any length.
  test('of any length', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(600), { maxLength: 4 }), (lengths) => {
        const chains = lengths.map((rules, i) => chain(`C${i}`, rules));
        const expected = [
          '*nat',
          ...chains.map(({ name }) => `:${name} - [0:0]`),
          ...chains.flatMap(({ name, rules }) => rules.map(() => `-A ${name} -j ACCEPT`)),
          'COMMIT',
          '',
        ];
        expect(printTable({ name: 'nat', chains })).toBe(expected.join('\n'));
        expect(
          printRuleset({
            family: 'ipv6',
            tables: [
              { name: 'nat', chains },
              { name: 'filter', chains },
            ],
          }),
        ).toBe(expected.join('\n') + expected.join('\n').replace('*nat', '*filter'));
      }),
    );
  });
});
