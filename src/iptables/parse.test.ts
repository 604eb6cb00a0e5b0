import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { almostRule, rule } from '../../test/support/arbitrary/rules.ts';
import { MATCH_EXAMPLES } from '../../test/support/match-examples.ts';
import { FAMILIES } from '../net/address.ts';
import { ruleMeaning, sameMeaning } from './meaning.ts';
import { parseRule, parseRuleset } from './parse.ts';
import { printRule } from './print.ts';
import { printSavedRule } from './saved.ts';
import { ParseError } from './saved-text.ts';
import type { Match, Protocol, Rule, Ruleset, Target } from './types.ts';

/** A rule that only has matches, or only a target. */
const of = (...matches: Match[]): Rule => ({ matches });
const to = (target: Target): Rule => ({ matches: [], target });

const comment = (comment: string): Match => ({ match: 'comment', comment });
const tcp: Match = { match: 'protocol', protocol: 'tcp' };
const bare = (protocol: Protocol): Match => ({ match: 'protocol', protocol, bare: true });
const port = (port: number): Match => ({ match: 'destination-port', port });
const destination = (address: string): Match => ({ match: 'destination', address });
const source = (address: string): Match => ({ match: 'source', address });
const mark = (value: number, mask = 0xffffffff): Match => ({ match: 'mark', value, mask });
const unknown = (words: string): Match => ({ match: 'unknown', words: words.split(' ') });
const unknownTarget = (words: string): Rule => to({ target: 'unknown', words: words.split(' ') });
const jump = (chain: string): Target => ({ target: 'jump', chain });

describe('base options', () => {
  test.each<[string, Rule]>([
    ['', of()],
    ['-d 10.0.0.1', of(destination('10.0.0.1'))],
    ['-d 10.0.0.1/32', of(destination('10.0.0.1'))],
    ['--destination 10.0.0.1', of(destination('10.0.0.1'))],
    ['--dst 10.0.0.1', of(destination('10.0.0.1'))],
    ['-s 10.0.0.0/8', of(source('10.0.0.0/8'))],
    ['-s 10.1.2.3/8', of(source('10.0.0.0/8'))],
    ['--source 10.0.0.0/8', of(source('10.0.0.0/8'))],
    ['--src 10.0.0.0/8', of(source('10.0.0.0/8'))],
    ['! -s 10.0.0.0/8', of({ match: 'source', address: '10.0.0.0/8', negated: true })],
    ['! -d 10.0.0.1/32', of({ match: 'destination', address: '10.0.0.1', negated: true })],
    ['-i eth0', of({ match: 'in-interface', name: 'eth0' })],
    ['--in-interface veth+', of({ match: 'in-interface', name: 'veth+' })],
    ['! -i cbr0', of({ match: 'in-interface', name: 'cbr0', negated: true })],
    ['-p tcp', of(bare('tcp'))],
    ['-p TCP', of(bare('tcp'))],
    ['--protocol 6', of(bare('tcp'))],
    ['-p 132', of(bare('sctp'))],
    // From here on: what we would not write.
    ['-s 010.0.0.1', of(unknown('-s 010.0.0.1'))],
    ['-s 10.0.0.0/010', of(unknown('-s 10.0.0.0/010'))],
    ['-s 10.0.0.0/255.0.0.0', of(unknown('-s 10.0.0.0/255.0.0.0'))],
    ['-s 10.0.0.1,10.0.0.2', of(unknown('-s 10.0.0.1,10.0.0.2'))],
    ['-s localhost', of(unknown('-s localhost'))],
    ['-s fd00::1', of(unknown('-s fd00::1'))],
    ['--src 10.1', of(unknown('-s 10.1'))],
    ['-o eth0', of(unknown('-o eth0'))],
    ['--out-interface eth0', of(unknown('-o eth0'))],
    ['! -o eth0', of(unknown('! -o eth0'))],
    ['-f', of(unknown('-f'))],
    ['! --fragment', of(unknown('! -f'))],
    ['! -p tcp', of(unknown('! -p tcp'))],
    ['-p icmp', of(unknown('-p icmp'))],
    ['-p all', of(unknown('-p all'))],
    ['-4 -s 10.0.0.1', of(unknown('-4'), source('10.0.0.1'))],
    ['-c 1 2 -s 10.0.0.1', of(unknown('-c 1 2'), source('10.0.0.1'))],
    // The way of iptables before 1.4.3, which it has forgotten.
    ['-p ! tcp', of(unknown('-p ! tcp'))],
    ['-s ! 10.0.0.1 -j ACCEPT', of(unknown('-s ! 10.0.0.1 -j ACCEPT'))],
    ['-s10.0.0.1', of(unknown('-s10.0.0.1'))],
    ['--source=10.0.0.1', of(unknown('--source=10.0.0.1'))],
    ['-i', of(unknown('-i'))],
    ['-s 10.0.0.1 !', of(unknown('-s 10.0.0.1 !'))],
    ['-s 10.0.0.1 and more', of(unknown('-s 10.0.0.1 and more'))],
    ['-s 10.0.0.1 -m comment --comment', of(unknown('-s 10.0.0.1 -m comment --comment'))],
    ['-s 10.0.0.1 -j', of(unknown('-s 10.0.0.1 -j'))],
  ])('%s', (text, expected) => {
    expect(parseRule(text, 'ipv4')).toEqual(expected);
  });

  test.each<[string, Rule]>([
    ['-d fd00::1', of(destination('fd00::1'))],
    ['-d FD00:0::1/128', of(destination('fd00::1'))],
    ['-d fd00::1/64', of(destination('fd00::/64'))],
    ['! -d ::1/128', of({ match: 'destination', address: '::1', negated: true })],
    ['-d 10.0.0.1', of(unknown('-d 10.0.0.1'))],
    ['-d ::ffff:10.0.0.1', of(unknown('-d ::ffff:10.0.0.1'))],
    ['-d ::ffff:10.0.0.1/128', of(unknown('-d ::ffff:10.0.0.1/128'))],
    ['-d fd00::/064', of(unknown('-d fd00::/064'))],
  ])('IPv6: %s', (text, expected) => {
    expect(parseRule(text, 'ipv6')).toEqual(expected);
  });
});

describe('protocol and port', () => {
  const both = of(tcp, port(80));
  const words = (...parts: string[]) => of(...parts.map(unknown));

  test.each<[string, Rule]>([
    ['-m tcp -p tcp', of(tcp)],
    ['-p tcp -m tcp', of(tcp)],
    ['-m tcp -p tcp --dport 80', both],
    ['-p tcp -m tcp --dport 80', both],
    ['-m tcp --dport 80 -p tcp', both],
    ['-p tcp --dport 80', both],
    ['-p 6 --dport 80', both],
    ['--protocol tcp --destination-port 80', both],
    ['-p tcp --dport 0x50', both],
    ['-p udp -m udp --dport 53', of({ match: 'protocol', protocol: 'udp' }, port(53))],
    ['-p sctp --dport 53', of({ match: 'protocol', protocol: 'sctp' }, port(53))],
    // The order of what stands between stays.
    ['-m tcp -p tcp -d 10.0.0.1 --dport 80', of(tcp, destination('10.0.0.1'), port(80))],
    ['-p tcp -m comment --comment x -m tcp --dport 80', of(comment('x'), tcp, port(80))],
    ['-p tcp -m comment --comment x --dport 80', of(comment('x'), tcp, port(80))],
    ['-p tcp -m comment --comment "--dport 80"', of(bare('tcp'), comment('--dport 80'))],
    ['-p tcp -m comment --comment "--dport 80" --dport 90', of(comment('--dport 80'), tcp, port(90))],
    ['-p tcp -m tcp -m mark --mark 1 --dport 80', of(tcp, mark(1), port(80))],
    // From here on: what belongs together stays together, and nothing of it is taken for known.
    ['-p tcp --sport 1', words('-p tcp', '-m tcp --sport 1')],
    ['-p tcp --source-port 1 --dport 2', words('-p tcp', '-m tcp --sport 1 --dport 2')],
    ['-p tcp --dport 80:90', of(tcp, { match: 'destination-port', port: 80, last: 90 })],
    ['-p tcp -m tcp --dport 0:65535', of(tcp, { match: 'destination-port', port: 0, last: 65535 })],
    ['-p tcp --dport 90:80', words('-p tcp', '-m tcp --dport 90:80')],
    ['-p tcp --dport 80:80', words('-p tcp', '-m tcp --dport 80:80')],
    ['-p tcp --dport :80', words('-p tcp', '-m tcp --dport :80')],
    ['-p tcp --dport 80:', words('-p tcp', '-m tcp --dport 80:')],
    ['-p tcp --dport 80:90:100', words('-p tcp', '-m tcp --dport 80:90:100')],
    ['-p tcp --dport http', words('-p tcp', '-m tcp --dport http')],
    ['-p tcp --dport 65536', words('-p tcp', '-m tcp --dport 65536')],
    ['-p tcp --dport 080', words('-p tcp', '-m tcp --dport 080')],
    ['-p tcp --dport=80', words('-p tcp', '-m tcp --dport=80')],
    ['-p tcp ! --dport 80', words('-p tcp', '-m tcp ! --dport 80')],
    ['-p tcp --syn --dport 80', words('-p tcp', '-m tcp --syn --dport 80')],
    [
      '-p tcp -m tcp --dport 80 ! --tcp-flags SYN,ACK SYN',
      words('-p tcp', '-m tcp ! --tcp-flags SYN,ACK SYN --dport 80'),
    ],
    [
      '-p tcp --dport 80 -m mark --mark 1 --sport 5',
      of(unknown('-p tcp'), unknown('-m tcp --dport 80 --sport 5'), mark(1)),
    ],
    ['-p tcp -m tcp --dport 80 -m tcp --dport 90', words('-p tcp', '-m tcp --dport 80', '-m tcp --dport 90')],
    ['-m tcp --dport 80', words('-m tcp --dport 80')],
    ['-p udp -m tcp --dport 80', words('-p udp', '-m tcp --dport 80')],
    ['! -p tcp -m tcp --dport 80', words('! -p tcp', '-m tcp --dport 80')],
    ['--dport 80', words('--dport 80')],
    ['-p icmp --icmp-type 8', words('-p icmp', '-m icmp --icmp-type 8')],
    ['-p icmp -m icmp --icmp-type any', words('-p icmp', '-m icmp --icmp-type any')],
    ['-p tcp -m multiport --dports 80,443', of(bare('tcp'), unknown('-m multiport --dports 80,443'))],
    // What is short for `--dports` would be the one of `-m tcp`, once that is there.
    ['-p tcp -m multiport --dport 80,443', of(bare('tcp'), unknown('-m multiport --dports 80,443'))],
    [
      '-p tcp -m tcp -m multiport --dports 80,443 --dport 80',
      of(tcp, unknown('-m multiport --dports 80,443'), port(80)),
    ],
    ['-p tcp -m multiport ! --sports 1:5', of(bare('tcp'), unknown('-m multiport ! --sports 1:5'))],
  ])('%s', (text, expected) => {
    expect(parseRule(text, 'ipv4')).toEqual(expected);
  });
});

describe('comments', () => {
  test.each<[string, string]>([
    ['-m comment --comment plain', 'plain'],
    ['--match comment --comment plain', 'plain'],
    ['-m comment --comment "ns/name:port cluster IP"', 'ns/name:port cluster IP'],
    ['-m comment --comment ns/name', 'ns/name'],
    ['-m comment --comment "say \\"hi\\""', 'say "hi"'],
    ['-m comment --comment "back\\\\slash"', 'back\\slash'],
    ['-m comment --comment back\\slash', 'back\\slash'],
    ['-m comment --comment "it\\\'s"', "it's"],
    ['-m comment --comment pre"fix and"', 'prefix and'],
    ['-m comment --comment ""', ''],
    ['-m comment --comment "!"', '!'],
    ['-m comment --comment !', '!'],
    ['-m comment --comment -j', '-j'],
    ['-m comment --comment -s', '-s'],
    ['-m comment --comment -f', '-f'],
    ['-m comment --comment -m', '-m'],
    ['-m comment --comment --comment', '--comment'],
    ['-m comment --comment "-j ACCEPT"', '-j ACCEPT'],
    ['-m comment --comment "a\u2028b\u00a0c"', 'a\u2028b\u00a0c'],
  ])('%s', (text, expected) => {
    expect(parseRule(text, 'ipv4')).toEqual(of(comment(expected)));
    expect(parseRule(`${text} -j ACCEPT`, 'ipv4')).toEqual({
      ...of(comment(expected)),
      target: { target: 'ACCEPT' },
    });
  });

  test('two of them', () => {
    expect(parseRule('-m comment --comment a -m comment --comment b', 'ipv4')).toEqual(
      of(comment('a'), comment('b')),
    );
  });
});

describe('match extensions', () => {
  const conntrack = (...states: Extract<Match, { match: 'conntrack' }>['states']): Match => ({
    match: 'conntrack',
    states,
  });
  const recent = (name: string, seconds: number): Match => ({
    match: 'recent',
    operation: 'rcheck',
    name,
    seconds,
  });

  test.each<[string, Match]>([
    ['-m mark --mark 0x4000/0x4000', mark(0x4000, 0x4000)],
    ['-m mark --mark 0x00004000/0x00004000', mark(0x4000, 0x4000)],
    ['-m mark --mark 0x4000', mark(0x4000)],
    ['-m mark --mark 16384', mark(0x4000)],
    ['-m mark --mark 010', mark(8)],
    ['-m mark --mark 0x0', mark(0)],
    ['-m mark ! --mark 0x1/0x1', { match: 'mark', value: 1, mask: 1, negated: true }],
    ['-m conntrack --ctstate NEW', conntrack('NEW')],
    ['-m conntrack --ctstate new', conntrack('NEW')],
    ['-m conntrack --ctstate RELATED,ESTABLISHED,DNAT', conntrack('RELATED', 'ESTABLISHED', 'DNAT')],
    ['-m conntrack ! --ctstate NEW', { match: 'conntrack', states: ['NEW'], negated: true }],
    ['-m addrtype --dst-type LOCAL', { match: 'addrtype', side: 'destination', type: 'LOCAL' }],
    ['-m addrtype --src-type local', { match: 'addrtype', side: 'source', type: 'LOCAL' }],
    [
      '-m addrtype ! --dst-type LOCAL',
      { match: 'addrtype', side: 'destination', type: 'LOCAL', negated: true },
    ],
    [
      '-m statistic --mode random --probability 0.3333333333',
      { match: 'statistic', probability: 0.3333333333 },
    ],
    ['-m statistic --probability .5 --mode random', { match: 'statistic', probability: 0.5 }],
    ['-m recent --name X --set', { match: 'recent', operation: 'set', name: 'X' }],
    ['-m recent --set', { match: 'recent', operation: 'set', name: 'DEFAULT' }],
    [
      '-m recent --set --name X --mask 255.255.255.255 --rsource',
      { match: 'recent', operation: 'set', name: 'X' },
    ],
    ['-m recent --name X --rcheck --seconds 10800 --reap', recent('X', 10800)],
    [
      '-m recent --rcheck --seconds 10 --reap --name X --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource',
      recent('X', 10),
    ],
    ['-m recent --rcheck --seconds 010 --reap --name -s', recent('-s', 8)],
    [
      '-m nfacct --nfacct-name ct_state_invalid_dropped_pkts',
      { match: 'nfacct', name: 'ct_state_invalid_dropped_pkts' },
    ],
  ])('%s', (text, expected) => {
    expect(parseRule(text, 'ipv4')).toEqual(of(expected));
  });

  test.each([
    '-m mark --mark 1e3',
    '-m mark --mark 0x1ffffffff',
    '-m mark --mark 1/2/3',
    '-m mark --mark',
    '-m mark',
    '-m comment',
    '-m comment --comment=x',
    '-m conntrack --ctstate NEW --ctproto 6',
    '-m conntrack --ctstate NEW ! --ctproto 6',
    '-m conntrack --ctstate NEW --ctdir ORIGINAL',
    '-m conntrack --ctstate NEW,OTHER',
    '-m conntrack --ctstatus ASSURED',
    '-m state --state NEW',
    '-m addrtype ! --dst-type UNICAST',
    '-m addrtype --dst-type UNICAST,LOCAL',
    '-m addrtype --dst-type BROADCAST',
    '-m addrtype --src-type LOCAL --dst-type LOCAL',
    '-m addrtype --dst-type LOCAL --limit-iface-in',
    '-m statistic --mode random ! --probability 0.5',
    '-m statistic --mode random --probability 1.5',
    '-m statistic --mode random --probability',
    '-m statistic --mode nth --every 3 --packet 0',
    '-m recent --update --seconds 60 --name X',
    '-m recent --rcheck --seconds 60 --name X',
    '-m recent --rcheck --name X',
    '-m recent --rcheck --seconds 60 --reap --hitcount 4 --name X',
    '-m recent --rcheck --seconds 60 --reap --rttl --name X',
    '-m recent --rcheck --seconds 60 --reap --name X --rdest',
    '-m recent ! --rcheck --seconds 60 --reap --name X',
    '-m recent --set --name X --mask 255.255.255.0',
    '-m recent --set --rcheck --seconds 60 --reap',
    '-m recent --remove --name X',
    '-m recent --set x --name X',
    '-m recent --rcheck --seconds 60 --reap x --name X',
    '-m set --set blocked src',
    '-m nfacct',
    '! -m nfacct --nfacct-name a',
    '-m set --match-set blocked src',
    '-m set ! --match-set blocked src,dst',
    '-m limit --limit 5/min --limit-burst 3',
    '-m physdev --physdev-in eth0',
    '-m physdev ! --physdev-is-bridged',
    '-m string --string -j --algo bm --to 65535',
    '-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name -j',
    '-m owner ! --uid-owner 0',
    '-m eui64',
  ])('words only: %s', (text) => {
    expect(parseRule(text, 'ipv4')).toEqual(of(unknown(text)));
    // What is behind it is known all the same.
    const more = of(unknown(text), source('10.0.0.1'), comment('x'));
    expect(parseRule(`${text} -s 10.0.0.1 -m comment --comment x`, 'ipv4')).toEqual(more);
    expect(printRule(parseRule(text, 'ipv4')).replaceAll('"', '')).toBe(` ${text}`);
  });
});

describe('targets', () => {
  test.each<[string, Target]>([
    ['-j KUBE-SERVICES', jump('KUBE-SERVICES')],
    ['--jump KUBE-SERVICES', jump('KUBE-SERVICES')],
    ['-j DOCKER', jump('DOCKER')],
    ['-j ACCEPT', { target: 'ACCEPT' }],
    ['-j DROP', { target: 'DROP' }],
    ['-j RETURN', { target: 'RETURN' }],
    ['-j REJECT', { target: 'REJECT' }],
    ['-j REJECT --reject-with icmp-port-unreachable', { target: 'REJECT' }],
    ['-j MASQUERADE', { target: 'MASQUERADE', randomFully: false }],
    ['-j MASQUERADE --random-fully', { target: 'MASQUERADE', randomFully: true }],
    ['-j DNAT --to-destination 10.0.0.1:80', { target: 'DNAT', to: '10.0.0.1:80' }],
    ['-j MARK --or-mark 0x00004000', { target: 'MARK', value: 0x4000, mask: 0x4000 }],
    ['-j MARK --xor-mark 0x4000', { target: 'MARK', value: 0x4000, mask: 0 }],
    ['-j MARK --and-mark 0x4000', { target: 'MARK', value: 0, mask: 0xffffbfff }],
    ['-j MARK --set-xmark 0x4000/0x4000', { target: 'MARK', value: 0x4000, mask: 0x4000 }],
    ['-j MARK --set-xmark 0x4000', { target: 'MARK', value: 0x4000, mask: 0xffffffff }],
    ['-j MARK --set-mark 1', { target: 'MARK', value: 1, mask: 0xffffffff }],
    ['-j MARK --set-mark 0x101/0xff', { target: 'MARK', value: 0x101, mask: 0x1ff }],
    ['-j MARK --set-xmark 0x80000000/0x80000000', { target: 'MARK', value: 0x80000000, mask: 0x80000000 }],
  ])('%s', (text, expected) => {
    expect(parseRule(text, 'ipv4')).toEqual(to(expected));
  });

  test.each<[string, Target]>([
    ['-j REJECT --reject-with icmp6-port-unreachable', { target: 'REJECT' }],
    ['-j DNAT --to-destination [fd00::1]:80', { target: 'DNAT', to: '[fd00::1]:80' }],
    ['-j DNAT --to-destination [FD00:0::1]:80', { target: 'DNAT', to: '[fd00::1]:80' }],
  ])('IPv6: %s', (text, expected) => {
    expect(parseRule(text, 'ipv6')).toEqual(to(expected));
  });

  test.each([
    '-g DOCKER',
    '! -j ACCEPT',
    '-j LOG',
    '-j LOG --log-prefix -j',
    '-j CT',
    '-j CT --notrack',
    '-j NOTRACK',
    '-j SYNPROXY',
    '-j QUEUE',
    '-j NFQUEUE --queue-num 1',
    '-j TRACE',
    '-j REDIRECT',
    '-j REDIRECT --to-ports 80',
    '-j REJECT --reject-with tcp-reset',
    '-j REJECT --reject-with icmp6-port-unreachable',
    '-j MASQUERADE --to-ports 1024-2048',
    '-j MASQUERADE --random',
    '-j MASQUERADE --random-fully x',
    '-j SNAT --to-source 10.0.0.1',
    '-j DNAT --to-destination 10.0.0.1',
    '-j DNAT --to-destination :80',
    '-j DNAT --to-destination 10.0.0.1:080',
    '-j DNAT --to-destination 010.0.0.1:80',
    '-j DNAT --to-destination 10.0.0.1:65536',
    '-j DNAT --to-destination 10.0.0.1-10.0.0.5:80',
    '-j DNAT --to-destination [fd00::1]:80',
    '-j DNAT --to-destination 10.0.0.1:80 --persistent',
    '-j DNAT --to 10.0.0.1:80',
    '-j MARK --or-mark 0x4000/0x4000',
    '-j MARK --set-xmark 1e3',
    '-j MARK',
    '-j CONNMARK --save-mark',
    '-j TCPMSS --clamp-mss-to-pmtu',
    '-j ACCEPT more',
    // Behind its target, too, iptables takes what belongs to a rule.
    '-j ACCEPT -s 10.0.0.1',
    '-j ACCEPT -m comment --comment x',
    '-j ACCEPT -p tcp --dport 80',
  ])('words only: %s', (text) => {
    expect(parseRule(`-s 10.0.0.2 ${text}`, 'ipv4')).toMatchObject({
      target: { target: 'unknown', words: expect.arrayContaining([text.split(' ').at(-1)]) },
    });
    expect(printRule(parseRule(text, 'ipv4')).replaceAll('"', '')).toBe(` ${text}`);
  });

  test('options of a match behind the target are not the target’s', () => {
    expect(parseRule('-m comment -j ACCEPT --comment x', 'ipv4')).toEqual({
      matches: [unknown('-m comment')],
      target: { target: 'unknown', words: ['-j', 'ACCEPT', '--comment', 'x'] },
    });
    expect(parseRule('-j LOG --log-prefix "a -j b"', 'ipv4')).toEqual(
      to({ target: 'unknown', words: ['-j', 'LOG', '--log-prefix', 'a -j b'] }),
    );
    expect(unknownTarget('-j LOG')).toEqual(parseRule('-j LOG', 'ipv4'));
  });
});

describe('parseRuleset', () => {
  const text = (...lines: string[]) => `${lines.join('\n')}\n`;
  const chain = (name: string, ...rules: Rule[]) => ({ name, rules });

  test.each<[string, string, Ruleset['tables']]>([
    ['nothing', '', []],
    ['comments only', text('# Generated by iptables-save v1.8.9 on a day', '', '# Completed'), []],
    ['an empty table', text('*nat', 'COMMIT'), [{ name: 'nat', chains: [] }]],
    [
      'tables in their order',
      text('*raw', 'COMMIT', '*security', 'COMMIT', '*mangle', 'COMMIT'),
      [
        { name: 'raw', chains: [] },
        { name: 'security', chains: [] },
        { name: 'mangle', chains: [] },
      ],
    ],
    [
      'policies and counters',
      text('*filter', ':INPUT DROP [12:3456]', ':OUTPUT ACCEPT [0:0]', ':KUBE-SERVICES - [0:0]', 'COMMIT'),
      [
        {
          name: 'filter',
          chains: [
            { name: 'INPUT', policy: 'DROP', rules: [] },
            { name: 'OUTPUT', policy: 'ACCEPT', rules: [] },
            { name: 'KUBE-SERVICES', rules: [] },
          ],
        },
      ],
    ],
    [
      'rules, with and without counters, in whatever order the chains come',
      text(
        '*nat',
        ':A - [0:0]',
        ':B - [0:0]',
        '-A B -j A',
        '[5:300] -A A -j ACCEPT',
        '-A B -s 10.0.0.1',
        'COMMIT',
      ),
      [
        {
          name: 'nat',
          chains: [chain('A', to({ target: 'ACCEPT' })), chain('B', to(jump('A')), of(source('10.0.0.1')))],
        },
      ],
    ],
    [
      'a rule that only counts',
      text('*nat', ':A - [0:0]', '-A A', 'COMMIT'),
      [{ name: 'nat', chains: [chain('A', of())] }],
    ],
    [
      'a chain that is declared again, and so is empty again',
      text('*nat', ':A - [0:0]', '-A A -j ACCEPT', ':A - [0:0]', 'COMMIT'),
      [{ name: 'nat', chains: [chain('A')] }],
    ],
    [
      'line ends of another system',
      '*nat\r\n:A - [0:0]\r\n-A A -j ACCEPT\r\nCOMMIT\r\n',
      [{ name: 'nat', chains: [chain('A', to({ target: 'ACCEPT' }))] }],
    ],
    [
      'a comment with a character that ends a line elsewhere',
      text('*nat', ':A - [0:0]', '-A A -m comment --comment "a\u2028b"', 'COMMIT'),
      [{ name: 'nat', chains: [chain('A', of(comment('a\u2028b')))] }],
    ],
  ])('%s', (_, input, tables) => {
    expect(parseRuleset(input, 'ipv4')).toEqual({ family: 'ipv4', tables });
  });

  test.each<[string, string, number, string]>([
    [
      'a rule outside a table',
      text('# first', '-A A -j ACCEPT'),
      2,
      'expected a table, got "-A A -j ACCEPT"',
    ],
    ['another text', 'apiVersion: v1', 1, 'expected a table, got "apiVersion: v1"'],
    ['a table that there is not', text('*nut', 'COMMIT'), 1, 'no such table: *nut'],
    ['a table in a table', text('*nat', '*filter', 'COMMIT'), 2, 'table nat is not committed yet'],
    ['a table that comes again', text('*nat', 'COMMIT', '*nat', 'COMMIT'), 3, 'table nat is there twice'],
    ['a table without an end', '*nat\n:A - [0:0]', 2, 'table nat is not committed'],
    ['a chain that there is not', text('*nat', '-A A -j ACCEPT', 'COMMIT'), 2, 'no such chain: A'],
    [
      'another command',
      text('*nat', ':A - [0:0]', '-I A 1 -j ACCEPT', 'COMMIT'),
      3,
      'expected a rule: -A CHAIN ...',
    ],
    ['deleting a chain', text('*nat', '-X A', 'COMMIT'), 2, 'expected a rule: -A CHAIN ...'],
  ])('%s', (_, input, line, message) => {
    const error: unknown = (() => {
      try {
        return parseRuleset(input, 'ipv4');
      } catch (error) {
        return error;
      }
    })();
    expect(error).toBeInstanceOf(ParseError);
    expect(error).toMatchObject({ name: 'ParseError', line, message: `line ${line}: ${message}` });
  });

  test('never fails but with a ParseError', () => {
    const line = fc.oneof(
      fc.constantFrom('*nat', '*filter', 'COMMIT', ':A - [0:0]', ':B ACCEPT [1:2]', '', '#'),
      almostRule.map((rule) => `-A A ${rule}`),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom(...FAMILIES), (lines, family) => {
        try {
          parseRuleset(lines.join('\n'), family);
        } catch (error) {
          expect(error).toBeInstanceOf(ParseError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('there and back', () => {
  const withFamily = fc
    .constantFrom(...FAMILIES)
    .chain((family) => fc.record({ family: fc.constant(family), rule: rule(family) }));

  test('a rule that is printed means the same', () => {
    fc.assert(
      fc.property(withFamily, ({ family, rule }) => {
        expect(ruleMeaning(parseRule(printRule(rule), family))).toBe(ruleMeaning(rule));
      }),
      { numRuns: 1000 },
    );
  });

  test('a rule as iptables-save prints it means the same', () => {
    fc.assert(
      fc.property(withFamily, ({ family, rule }) => {
        expect(ruleMeaning(parseRule(printSavedRule(rule, family), family))).toBe(ruleMeaning(rule));
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever a text is taken for, it prints as a text that is taken for the same', () => {
    fc.assert(
      fc.property(
        fc.oneof(almostRule, fc.string({ unit: 'binary' })),
        fc.constantFrom(...FAMILIES),
        (text, family) => {
          const rule = parseRule(text, family);
          expect(ruleMeaning(parseRule(printRule(rule), family))).toBe(ruleMeaning(rule));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('no word gets lost where nothing is known', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('-o', 'a', '--x', '!', '-f', '-m', 'b', '-c', '1')), (words) => {
        const kept = parseRule(words.join(' '), 'ipv4').matches.flatMap((match) =>
          match.match === 'unknown' ? match.words : [match.match],
        );
        expect(kept.toSorted()).toEqual(words.toSorted());
      }),
    );
  });

  test('long texts take no longer than they are', () => {
    const start = performance.now();
    for (const part of ['-m comment --comment "', '! ', '"\\', '-p tcp --dport 1 ', '-j ', '\\"', '--x y ']) {
      parseRule(part.repeat(2000), 'ipv4');
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe.each(FAMILIES)(
  'of each kind of match one, as iptables-restore and iptables-save spell it: %s',
  (family) => {
    test.each(Object.values(MATCH_EXAMPLES))('$match', (match) => {
      const ofFamily = family === 'ipv6' && 'address' in match ? { ...match, address: 'fd00::/64' } : match;
      const rule: Rule = { matches: [ofFamily] };
      const ported = match.match === 'destination-port';
      const full = ported
        ? { matches: [{ match: 'protocol' as const, protocol: 'tcp' as const }, match] }
        : rule;
      for (const text of [printRule(full), printSavedRule(full, family)]) {
        expect(sameMeaning(parseRule(text, family), full)).toBe(true);
      }
    });
  },
);
