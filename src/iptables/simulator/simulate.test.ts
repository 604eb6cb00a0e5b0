import { describe, expect, test } from 'vitest';
import type { Family } from '../../net/address.ts';
import { dnatTargets, type Fate, type Outcome } from './fate.ts';
import { parseIPSets } from './ip-set.ts';
import type { Packet, SimulatedNode } from './packet.ts';
import { prepareSaved } from './prepare.ts';
import { simulate } from './simulate.ts';

const LOCAL = ['192.168.0.2', '127.0.0.1', '2001:db8::2', '::1'];

const NODE: SimulatedNode = {
  isLocal: (address) => LOCAL.includes(address),
  outInterface: (address) => (address.startsWith('10.244.') ? 'veth1' : undefined),
};

const PACKET: Packet = {
  source: '198.18.0.1',
  destination: '192.168.0.2',
  protocol: 'tcp',
  sourcePort: 40000,
  destinationPort: 80,
  inInterface: 'eth0',
};

const PACKET6: Packet = { ...PACKET, source: '2001:db8:f::1', destination: '2001:db8::2' };

const THROUGH: Packet = { ...PACKET, destination: '203.0.113.9' };
const OUT: Packet = { ...PACKET, source: '192.168.0.2', destination: '203.0.113.9', inInterface: undefined };
const LOOPBACK: Packet = { ...OUT, destination: '192.168.0.2' };

/** A table: its built-in chains are those that rules are in, or `policy` speaks of. */
function table(name: string, rules: readonly string[], policy: Readonly<Record<string, string>> = {}) {
  const builtIn = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];
  const chains = new Set([...Object.keys(policy), ...rules.map((rule) => rule.split(' ')[0] ?? '')]);
  return [
    `*${name}`,
    ...[...chains].map(
      (chain) => `:${chain} ${policy[chain] ?? (builtIn.includes(chain) ? 'ACCEPT' : '-')} [0:0]`,
    ),
    ...rules.map((rule) => `-A ${rule}`),
    'COMMIT\n',
  ].join('\n');
}

const nat = (...rules: string[]) => table('nat', rules);
const filter = (...rules: string[]) => table('filter', rules);
const mangle = (...rules: string[]) => table('mangle', rules);
const raw = (...rules: string[]) => table('raw', rules);

function fate(
  text: string,
  packet: Packet,
  { node = NODE, family = 'ipv4' }: { node?: SimulatedNode; family?: Family } = {},
) {
  const ruleset = prepareSaved(text, family);
  const plain = simulate(ruleset, packet, node);
  const { path: _, ...recorded } = simulate(ruleset, packet, node, { record: true });
  expect(recorded).toEqual(plain);
  const all = plain.outcomes.reduce((sum, { probability }) => sum + probability, 0);
  expect(all).toBeCloseTo(1, 12);
  return plain;
}

/** `ACCEPT`, `to 10.0.0.1:80`, `to ... masqueraded` and so on, with the probability where it is not certain. */
function words({ outcomes, unknown }: Fate): string[] {
  const said = outcomes.map((outcome) => [
    ...(outcome.probability === 1 ? [] : [outcome.probability.toFixed(4)]),
    ...wordsOf(outcome),
  ]);
  const undecided = unknown.map(({ chain, number }) => `unknown: ${chain} ${number}`);
  return [...said.map((words) => words.join(' ')), ...undecided];
}

function wordsOf({ verdict, rejectWith, dnat, masqueraded, snat, mark, recent }: Outcome): string[] {
  return [
    ...(dnat !== undefined && verdict === 'ACCEPT' ? [`to ${dnat}`] : [verdict]),
    ...(rejectWith === undefined ? [] : [rejectWith]),
    ...(masqueraded ? ['masqueraded'] : []),
    ...(snat === undefined ? [] : [`from ${snat}`]),
    ...(mark === 0 ? [] : [`mark 0x${mark.toString(16)}`]),
    ...recent.map((list) => `in ${list}`),
  ];
}

describe('matches: whether a packet fits', () => {
  test.each<[string, Partial<Packet>, 'fits' | 'does not' | 'unknown']>([
    ['', {}, 'fits'],
    ['-m comment --comment "some words"', {}, 'fits'],
    ['-m nfacct --nfacct-name packets', {}, 'fits'],
    // Addresses.
    ['-s 198.18.0.1/32', {}, 'fits'],
    ['-s 198.18.0.2/32', {}, 'does not'],
    ['! -s 198.18.0.1/32', {}, 'does not'],
    ['! -s 198.18.0.2/32', {}, 'fits'],
    ['-s 198.18.0.0/15', {}, 'fits'],
    ['-s 198.18.0.0/15', { source: '198.19.255.255' }, 'fits'],
    ['-s 198.18.0.0/15', { source: '198.20.0.0' }, 'does not'],
    ['-s 198.18.0.0/15', { source: '198.17.255.255' }, 'does not'],
    ['! -s 198.18.0.0/15', {}, 'does not'],
    ['-s 0.0.0.0/0', {}, 'fits'],
    ['! -s 0.0.0.0/0', {}, 'does not'],
    ['-d 192.168.0.2/32', {}, 'fits'],
    ['-d 192.168.0.0/16', {}, 'fits'],
    ['-d 192.168.0.3/32', {}, 'does not'],
    ['! -d 192.168.0.3/32', {}, 'fits'],
    ['-s 198.18.0.1/255.255.0.255', {}, 'unknown'],
    // Interfaces.
    ['-i eth0', {}, 'fits'],
    ['-i eth1', {}, 'does not'],
    ['-i eth+', {}, 'fits'],
    ['-i veth+', {}, 'does not'],
    ['! -i eth0', {}, 'does not'],
    ['! -i eth1', {}, 'fits'],
    ['-i +', {}, 'fits'],
    // In INPUT, a packet leaves by none.
    ['-o eth0', {}, 'does not'],
    ['! -o eth0', {}, 'fits'],
    // Protocols and ports.
    ['-p tcp', {}, 'fits'],
    ['-p udp', {}, 'does not'],
    ['! -p tcp', {}, 'does not'],
    ['! -p udp', {}, 'fits'],
    ['-p 6', {}, 'fits'],
    ['-p all', {}, 'fits'],
    ['-p icmp', {}, 'does not'],
    ['-p icmp', { protocol: '1' }, 'fits'],
    ['-p 89', { protocol: '89' }, 'fits'],
    ['-p ospf', {}, 'does not'],
    ['-p ospf', { protocol: '89' }, 'does not'],
    ['-p ospf', { protocol: 'vrrp' }, 'unknown'],
    ['-p tcp -m tcp --dport 80', {}, 'fits'],
    ['-p tcp -m tcp --dport 81', {}, 'does not'],
    ['-p tcp -m tcp --dport 80', { protocol: 'udp' }, 'does not'],
    ['-p tcp -m tcp --dport 80', { destinationPort: undefined }, 'unknown'],
    ['-p tcp -m tcp --dport 81 -s 10.0.0.1', { destinationPort: undefined }, 'does not'],
    ['-p tcp -m tcp ! --dport 80', {}, 'does not'],
    ['-p tcp -m tcp ! --dport 81', {}, 'fits'],
    ['-p tcp -m tcp --dport 80:90', {}, 'fits'],
    ['-p tcp -m tcp --dport 70:79', {}, 'does not'],
    ['-p tcp -m tcp --dport 80:', {}, 'fits'],
    ['-p tcp -m tcp --dport 81:', {}, 'does not'],
    ['-p tcp -m tcp --dport :80', {}, 'fits'],
    ['-p tcp -m tcp --dport :79', {}, 'does not'],
    ['-p tcp -m tcp --sport 40000', {}, 'fits'],
    ['-p tcp -m tcp --sport 40001', {}, 'does not'],
    ['-p tcp -m tcp --sport 40000 --dport 80', {}, 'fits'],
    ['-p tcp -m tcp --sport 40000 --dport 81', {}, 'does not'],
    ['-p tcp -m tcp --sport 40000 --dport 80', { sourcePort: undefined }, 'unknown'],
    ['-p tcp -m tcp --sport 40000 --dport 81', { sourcePort: undefined }, 'does not'],
    ['-p udp -m udp --sport 40000', { protocol: 'udp' }, 'fits'],
    ['-p sctp -m sctp --dport 80', { protocol: 'sctp' }, 'fits'],
    ['-p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK SYN', {}, 'fits'],
    ['-p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK SYN', { states: ['ESTABLISHED'] }, 'unknown'],
    ['-p tcp -m tcp --tcp-flags ALL NONE', {}, 'does not'],
    ['-p tcp -m tcp --tcp-flags FIN,RST NONE', {}, 'fits'],
    ['-p tcp -m tcp ! --syn', {}, 'does not'],
    ['-p tcp -m tcp --dport 81 --tcp-flags FIN,SYN,RST,ACK SYN', {}, 'does not'],
    ['-p icmp -m icmp --icmp-type 8', {}, 'does not'],
    ['-p icmp -m icmp --icmp-type 8', { protocol: 'icmp' }, 'unknown'],
    ['-p tcp -m multiport --dports 79,80,443', {}, 'fits'],
    ['-p tcp -m multiport --dports 79,443', {}, 'does not'],
    ['-p tcp -m multiport ! --dports 79,443', {}, 'fits'],
    ['-p tcp -m multiport ! --dports 79,80', {}, 'does not'],
    ['-p tcp -m multiport --dports 22,70:90', {}, 'fits'],
    ['-p tcp -m multiport --sports 80', {}, 'does not'],
    ['-p tcp -m multiport --ports 40000', {}, 'fits'],
    ['-p tcp -m multiport --ports 443', {}, 'does not'],
    ['-p tcp -m multiport --ports 40000', { sourcePort: undefined }, 'unknown'],
    ['-p tcp -m multiport --ports 80', { sourcePort: undefined }, 'fits'],
    // Kinds of addresses.
    ['-m addrtype --dst-type LOCAL', {}, 'fits'],
    ['-m addrtype --src-type LOCAL', {}, 'does not'],
    ['-m addrtype ! --dst-type LOCAL', {}, 'does not'],
    ['-m addrtype ! --src-type LOCAL', {}, 'fits'],
    ['-m addrtype --src-type LOCAL --dst-type LOCAL', {}, 'does not'],
    ['-m addrtype --dst-type LOCAL,BROADCAST', {}, 'fits'],
    ['-m addrtype --dst-type BROADCAST', {}, 'does not'],
    ['-m addrtype --src-type BROADCAST', {}, 'unknown'],
    ['-m addrtype --src-type MULTICAST', {}, 'does not'],
    ['-m addrtype --src-type MULTICAST', { source: '239.255.255.250' }, 'fits'],
    ['-m addrtype --dst-type LOCAL --limit-iface-in', {}, 'unknown'],
    // Marks.
    ['-m mark --mark 0x4000/0x4000', {}, 'does not'],
    ['-m mark --mark 0x4000/0x4000', { mark: 0xffff }, 'fits'],
    ['-m mark ! --mark 0x4000/0x4000', {}, 'fits'],
    ['-m mark ! --mark 0x4000/0x4000', { mark: 0x4001 }, 'does not'],
    ['-m mark --mark 0x80000000/0x80000000', { mark: 0x80000000 }, 'fits'],
    ['-m mark --mark 0x5', { mark: 5 }, 'fits'],
    ['-m mark --mark 0x5', { mark: 7 }, 'does not'],
    // Bits of the value that the mask leaves out are never there.
    ['-m mark --mark 0x5/0x4', { mark: 5 }, 'does not'],
    // Connection tracking.
    ['-m conntrack --ctstate NEW', {}, 'fits'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', {}, 'does not'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', { states: ['ESTABLISHED'] }, 'fits'],
    ['-m conntrack ! --ctstate RELATED,ESTABLISHED', {}, 'fits'],
    ['-m conntrack --ctstate INVALID', { states: ['INVALID'] }, 'fits'],
    ['-m conntrack --ctstate DNAT', {}, 'does not'],
    ['-m conntrack --ctstate DNAT', { states: ['ESTABLISHED', 'DNAT'] }, 'fits'],
    ['-m conntrack --ctstate NEW --ctproto 6', {}, 'fits'],
    ['-m conntrack --ctproto 17', {}, 'does not'],
    ['-m conntrack --ctorigdst 192.168.0.2', {}, 'fits'],
    ['-m conntrack --ctorigdst 192.168.0.0/24', {}, 'fits'],
    ['-m conntrack ! --ctorigsrc 198.18.0.1/32', {}, 'does not'],
    ['-m conntrack --ctorigdstport 80', {}, 'fits'],
    ['-m conntrack --ctorigdstport 81:90', {}, 'does not'],
    ['-m conntrack --ctorigdst 192.168.0.2', { states: ['ESTABLISHED'] }, 'unknown'],
    ['-m conntrack --ctdir ORIGINAL', {}, 'fits'],
    ['-m conntrack --ctdir REPLY', {}, 'does not'],
    ['-m conntrack --ctdir REPLY', { states: ['ESTABLISHED'] }, 'unknown'],
    ['-m conntrack --ctstatus ASSURED', {}, 'does not'],
    ['-m conntrack ! --ctstatus SEEN_REPLY', {}, 'fits'],
    ['-m conntrack --ctstatus SEEN_REPLY', { states: ['ESTABLISHED'] }, 'fits'],
    ['-m conntrack --ctstatus ASSURED', { states: ['ESTABLISHED'] }, 'unknown'],
    ['-m conntrack --ctstatus EXPECTED', { states: ['RELATED'] }, 'fits'],
    ['-m conntrack --ctproto 6', { states: ['UNTRACKED'] }, 'does not'],
    ['-m conntrack --ctstate UNTRACKED --ctproto 17', { states: ['UNTRACKED'] }, 'fits'],
    ['-m conntrack --ctexpire 10', {}, 'unknown'],
    ['-i eth0.100', { inInterface: 'eth0.100' }, 'fits'],
    ['-i eth0.100', { inInterface: 'eth0.10' }, 'does not'],
    ['-i eth0.+', { inInterface: 'eth0.7' }, 'fits'],
    ['-i eth0.+', { inInterface: 'eth07' }, 'does not'],
    ['-i +', { inInterface: undefined, arrives: true }, 'fits'],
    ['-m iprange --src-range 198.18.0.0-198.18.0.9', {}, 'fits'],
    ['-m iprange ! --dst-range 192.168.0.3-192.168.0.9', {}, 'fits'],
    ['-m iprange --src-range 198.18.0.2-198.18.0.9', {}, 'does not'],
    ['-m iprange --src-range nonsense', {}, 'unknown'],
    ['-m physdev --physdev-in veth1', {}, 'unknown'],
    ['-m physdev --physdev-is-bridged', {}, 'unknown'],
    ['-m length --length 40:80', {}, 'fits'],
    ['-m length --length 0:39', {}, 'does not'],
    ['-m length --length 60', {}, 'unknown'],
    ['-m length --length 1000:', {}, 'does not'],
    ['-p udp -m length --length 40:', { protocol: 'udp' }, 'unknown'],
    ['-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a', {}, 'fits'], // biome-ignore format: a row
    ['-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name a', {}, 'does not'],
    ['-m conntrack --ctstate INVALID --ctproto 6', {}, 'does not'],
    ['-m state --state NEW', {}, 'fits'],
    ['-m state ! --state NEW', {}, 'does not'],
    ['-m state --state RELATED,ESTABLISHED', {}, 'does not'],
    // Chance that leaves no choice.
    ['-m statistic --mode random --probability 1', {}, 'fits'],
    ['-m statistic --mode random --probability 0', {}, 'does not'],
    ['-m statistic --mode random ! --probability 1', {}, 'does not'],
    ['-m statistic --mode nth --every 3 --packet 0', {}, 'unknown'],
    // What else there is.
    ['-f', {}, 'does not'],
    ['! -f', {}, 'fits'],
    ['-m set --match-set blocked src', {}, 'unknown'],
    ['-p udp -m set --match-set blocked src', {}, 'does not'],
    ['-m set --match-set blocked src -p udp', {}, 'does not'],
    ['-m limit --limit 5/min --limit-burst 7', {}, 'fits'],
    ['-m set --match-set blocked src -m mark --mark 0x1', {}, 'does not'],
  ])('%s: %o', (match, changes, expected) => {
    const { outcomes, unknown } = fate(filter(`INPUT ${match} -j DROP`), { ...PACKET, ...changes });
    const said = { fits: 'DROP', 'does not': 'ACCEPT', unknown: 'ACCEPT' }[expected];
    expect(outcomes.map(({ verdict }) => verdict)).toEqual([said]);
    expect(unknown).toHaveLength(expected === 'unknown' ? 1 : 0);
  });

  test.each<[string, Partial<Packet>, boolean]>([
    ['-s 2001:db8:f::1/128', {}, true],
    ['-s 2001:db8:f::/64', {}, true],
    ['-s 2001:db8:f:1::/64', {}, false],
    ['-s 2001:db8:e::/47', {}, true],
    ['! -d 2001:db8::2/128', {}, false],
    ['-p ipv6-icmp', { protocol: 'icmpv6' }, true],
    ['-p ipv6-icmp', { protocol: 'icmp' }, false],
    ['-m addrtype --dst-type LOCAL', {}, true],
    ['-m addrtype --src-type MULTICAST', { source: 'ff02::1' }, true],
    ['-s 2001:db8:f::1', { source: '2001:DB8:f:0::1' }, true],
  ])('IPv6, %s: %o', (match, changes, fits) => {
    const { outcomes } = fate(
      filter(`INPUT ${match} -j DROP`),
      { ...PACKET6, ...changes },
      { family: 'ipv6' },
    );
    expect(outcomes.map(({ verdict }) => verdict)).toEqual([fits ? 'DROP' : 'ACCEPT']);
  });

  test.each<[string, Packet, string[]]>([
    ['-o veth1', { ...THROUGH, destination: '10.244.1.9' }, ['DROP']],
    ['-o veth+', { ...THROUGH, destination: '10.244.1.9' }, ['DROP']],
    ['! -o veth1', { ...THROUGH, destination: '10.244.1.9' }, ['ACCEPT']],
    ['-o veth1', THROUGH, ['ACCEPT', 'unknown: FORWARD 1']],
    ['! -o veth+', THROUGH, ['ACCEPT', 'unknown: FORWARD 1']],
    ['-o +', THROUGH, ['DROP']],
    ['-i eth1 -o veth1', THROUGH, ['ACCEPT']],
  ])('by the way out, %s', (match, packet, expected) => {
    expect(words(fate(filter(`FORWARD ${match} -j DROP`), packet))).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['-i eth0', ['ACCEPT', 'unknown: FORWARD 1']],
    ['! -i eth0', ['ACCEPT', 'unknown: FORWARD 1']],
    ['-i eth+', ['ACCEPT', 'unknown: FORWARD 1']],
    ['-i eth0 -p udp', ['ACCEPT']],
    ['-i +', ['DROP']],
  ])('of a packet that comes in by an interface that is not known, %s', (match, expected) => {
    const packet = { ...THROUGH, inInterface: undefined, arrives: true };
    expect(words(fate(filter(`FORWARD ${match} -j DROP`), packet))).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['-m addrtype --dst-type LOCAL', ['ACCEPT', 'unknown: FORWARD 1']],
    ['-m addrtype --src-type LOCAL', ['ACCEPT', 'unknown: FORWARD 1']],
    ['-m addrtype --dst-type LOCAL -d 192.0.2.1/32', ['ACCEPT']],
    ['-m addrtype --dst-type MULTICAST', ['ACCEPT']],
  ])("where the node's addresses are not known, %s", (match, expected) => {
    const node = { isLocal: () => undefined };
    expect(words(fate(filter(`FORWARD ${match} -j DROP`), THROUGH, { node }))).toEqual(expected);
  });

  test.each(['10.244.1.9', '2001:db8::9', 'tomorrow'])('a packet from %s through IPv6 rules', (source) => {
    const ruleset = prepareSaved('', 'ipv6');
    const send = () => simulate(ruleset, { ...PACKET6, source }, NODE);
    if (source.includes(':')) expect(words(send())).toEqual(['ACCEPT']);
    else expect(send).toThrow(RangeError);
  });
});

describe('targets: what becomes of a packet', () => {
  test.each<[string, string, Packet, string[]]>([
    ['nothing', '', PACKET, ['ACCEPT']],
    ['no target', filter('INPUT -s 198.18.0.1/32'), PACKET, ['ACCEPT']],
    ['ACCEPT', filter('INPUT -j ACCEPT', 'INPUT -j DROP'), PACKET, ['ACCEPT']],
    ['DROP', filter('INPUT -j DROP', 'INPUT -j ACCEPT'), PACKET, ['DROP']],
    ['REJECT', filter('INPUT -j REJECT'), PACKET, ['REJECT icmp-port-unreachable']],
    [
      'REJECT with something else',
      filter('INPUT -p tcp -j REJECT --reject-with tcp-reset'),
      PACKET,
      ['REJECT tcp-reset'],
    ],
    ['a policy', table('filter', [], { INPUT: 'DROP' }), PACKET, ['DROP']],
    ['a policy of another chain', table('filter', [], { FORWARD: 'DROP' }), PACKET, ['ACCEPT']],
    [
      'RETURN from a built-in chain',
      table('filter', ['INPUT -j RETURN', 'INPUT -j ACCEPT'], { INPUT: 'DROP' }),
      PACKET,
      ['DROP'],
    ],
    ['a jump', filter('INPUT -j OWN', 'INPUT -j ACCEPT', 'OWN -j DROP'), PACKET, ['DROP']],
    ['a jump that comes back', filter('INPUT -j OWN', 'INPUT -j DROP', 'OWN -s 10.0.0.1'), PACKET, ['DROP']],
    [
      'RETURN from another chain',
      filter('INPUT -j OWN', 'INPUT -j DROP', 'OWN -j RETURN', 'OWN -j ACCEPT'),
      PACKET,
      ['DROP'],
    ],
    [
      'goto: back to where the jump came from',
      filter('INPUT -j A', 'INPUT -j DROP', 'A -g B', 'A -j ACCEPT', 'B -j RETURN'),
      PACKET,
      ['DROP'],
    ],
    [
      'goto from a built-in chain: its policy',
      table('filter', ['INPUT -g OWN', 'INPUT -j ACCEPT', 'OWN -s 10.0.0.1'], { INPUT: 'DROP' }),
      PACKET,
      ['DROP'],
    ],
    ['MARK --set-xmark', filter('INPUT -j MARK --set-xmark 0x4000/0x4000'), PACKET, ['ACCEPT mark 0x4000']],
    [
      'MARK --or-mark',
      filter('INPUT -j MARK --or-mark 0x4000'),
      { ...PACKET, mark: 1 },
      ['ACCEPT mark 0x4001'],
    ],
    [
      'MARK --xor-mark',
      filter('INPUT -j MARK --xor-mark 0x4000'),
      { ...PACKET, mark: 0x4001 },
      ['ACCEPT mark 0x1'],
    ],
    [
      'MARK: the highest bit',
      filter('INPUT -j MARK --or-mark 0x80000000'),
      PACKET,
      ['ACCEPT mark 0x80000000'],
    ],
    [
      'a mark that is there for later tables',
      mangle('PREROUTING -j MARK --set-xmark 0x1/0x1') + filter('INPUT -m mark --mark 0x1 -j DROP'),
      PACKET,
      ['DROP mark 0x1'],
    ],
    ['LOG', filter('INPUT -j LOG --log-prefix "-j ACCEPT "', 'INPUT -j DROP'), PACKET, ['DROP']],
    [
      'it is logged, up to a rate',
      filter('INPUT -m limit --limit 5/min -j LOG', 'INPUT -j DROP'),
      PACKET,
      ['DROP'],
    ],
    [
      'NFQUEUE',
      filter('INPUT -j NFQUEUE --queue-num 0', 'INPUT -j DROP'),
      PACKET,
      ['DROP', 'unknown: INPUT 1'],
    ],
    [
      'what nobody can tell, in a chain',
      filter('INPUT -j OWN', 'OWN -m set --match-set blocked src -j DROP', 'OWN -j REJECT'),
      PACKET,
      ['REJECT icmp-port-unreachable', 'unknown: OWN 1'],
    ],
    [
      'what nobody can tell, behind the end',
      filter('INPUT -j ACCEPT', 'INPUT -m set --match-set blocked src -j DROP'),
      PACKET,
      ['ACCEPT'],
    ],
    ['words that are no rule', filter('INPUT -s'), PACKET, ['ACCEPT', 'unknown: INPUT 1']],
    ['DNAT', nat('PREROUTING -j DNAT --to-destination 10.0.0.1:8080'), PACKET, ['to 10.0.0.1:8080']],
    [
      'DNAT with more words',
      nat('PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:8080 --random --persistent'),
      PACKET,
      ['to 10.0.0.1:8080'],
    ],
    ['DNAT to an address', nat('PREROUTING -j DNAT --to-destination 10.0.0.1'), PACKET, ['to 10.0.0.1:80']],
    ['DNAT to a port', nat('PREROUTING -j DNAT --to-destination :8080'), PACKET, ['to 192.168.0.2:8080']],
    [
      'DNAT of a packet without ports',
      nat('PREROUTING -j DNAT --to-destination 10.0.0.1'),
      { ...PACKET, protocol: 'icmp', sourcePort: undefined, destinationPort: undefined },
      ['to 10.0.0.1'],
    ],
    [
      'DNAT to a range of addresses',
      nat('PREROUTING -j DNAT --to-destination 10.0.0.1-10.0.0.9'),
      PACKET,
      ['ACCEPT', 'unknown: PREROUTING 1'],
    ],
    [
      'DNAT to a range of ports',
      nat('PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:80-90'),
      PACKET,
      ['ACCEPT', 'unknown: PREROUTING 1'],
    ],
    ['REDIRECT', nat('PREROUTING -j REDIRECT --to-ports 90'), PACKET, ['ACCEPT', 'unknown: PREROUTING 1']],
    ['MASQUERADE', nat('POSTROUTING -j MASQUERADE'), THROUGH, ['ACCEPT masqueraded']],
    [
      'MASQUERADE --random-fully',
      nat('POSTROUTING -j MASQUERADE --random-fully'),
      THROUGH,
      ['ACCEPT masqueraded'],
    ],
    [
      'MASQUERADE --to-ports',
      nat('POSTROUTING -p tcp -j MASQUERADE --to-ports 1024-2048'),
      THROUGH,
      ['ACCEPT masqueraded'],
    ],
    ['SNAT', nat('POSTROUTING -j SNAT --to-source 192.0.2.1'), THROUGH, ['ACCEPT from 192.0.2.1']],
    [
      'SNAT to a port',
      nat('POSTROUTING -p tcp -j SNAT --to-source 192.0.2.1:9'),
      THROUGH,
      ['ACCEPT from 192.0.2.1:9'],
    ],
    [
      'NAT is done once in each direction',
      nat('PREROUTING -j DNAT --to-destination 10.0.0.1:1', 'PREROUTING -j DNAT --to-destination 10.0.0.2:2'),
      PACKET,
      ['to 10.0.0.1:1'],
    ],
  ])('%s', (_, text, packet, expected) => {
    expect(words(fate(text, packet))).toEqual(expected);
  });

  test('IPv6: REJECT and DNAT', () => {
    const said = (text: string) => words(fate(text, PACKET6, { family: 'ipv6' }));
    expect(said(filter('INPUT -j REJECT'))).toEqual(['REJECT icmp6-port-unreachable']);
    expect(said(nat('PREROUTING -p tcp -j DNAT --to-destination [fd00::1]:90'))).toEqual(['to [fd00::1]:90']);
    expect(said(nat('PREROUTING -j DNAT --to-destination fd00::1'))).toEqual(['to [fd00::1]:80']);
    expect(said(nat('PREROUTING -j DNAT --to-destination [fd00::1]'))).toEqual([
      'ACCEPT',
      'unknown: PREROUTING 1',
    ]);
    expect(said(nat('PREROUTING -p tcp -j DNAT --to-destination :90'))).toEqual(['to [2001:db8::2]:90']);
  });

  test.each<[string, string, string]>([
    ['a chain that is not there', filter('INPUT -j OWN'), 'filter INPUT, rule 1: there is no chain OWN'],
    ['a circle', filter('INPUT -j A', 'A -j B', 'B -j A'), 'chains form a loop: filter'],
  ])('%s', (_, text, message) => {
    expect(() => simulate(prepareSaved(text, 'ipv4'), PACKET, NODE)).toThrow(message);
  });
});

describe('hooks: which tables a packet comes to', () => {
  const hooks = {
    raw: ['PREROUTING', 'OUTPUT'],
    mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
    nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
    filter: ['INPUT', 'FORWARD', 'OUTPUT'],
    security: ['INPUT', 'FORWARD', 'OUTPUT'],
  };
  const all = Object.entries(hooks).map(([name, chains]) =>
    table(
      name,
      chains.map((chain) => `${chain} -s 10.0.0.1`),
    ),
  );
  const pathOf = (text: string, packet: Packet) =>
    simulate(prepareSaved(text, 'ipv4'), packet, NODE, { record: true }).path?.map(
      ({ table, chain }) => `${chain} ${table}`,
    );

  test.each<[string, Packet, string]>([
    [
      'in',
      PACKET,
      'PREROUTING raw, PREROUTING mangle, PREROUTING nat, ' +
        'INPUT mangle, INPUT filter, INPUT security, INPUT nat',
    ],
    [
      'through',
      THROUGH,
      'PREROUTING raw, PREROUTING mangle, PREROUTING nat, FORWARD mangle, FORWARD filter, FORWARD security, ' +
        'POSTROUTING mangle, POSTROUTING nat',
    ],
    [
      'out',
      OUT,
      'OUTPUT raw, OUTPUT mangle, OUTPUT nat, OUTPUT filter, OUTPUT security, POSTROUTING mangle, POSTROUTING nat',
    ],
    [
      'to itself: NAT is done on the way out',
      LOOPBACK,
      'OUTPUT raw, OUTPUT mangle, OUTPUT nat, OUTPUT filter, OUTPUT security, POSTROUTING mangle, POSTROUTING nat, ' +
        'PREROUTING raw, PREROUTING mangle, INPUT mangle, INPUT filter, INPUT security',
    ],
    [
      'through, not the first of its connection',
      { ...THROUGH, states: ['ESTABLISHED'] },
      'PREROUTING raw, PREROUTING mangle, FORWARD mangle, FORWARD filter, FORWARD security, POSTROUTING mangle',
    ],
  ])('%s', (_, packet, expected) => {
    expect(pathOf(all.join(''), packet)?.join(', ')).toEqual(expected);
  });

  test('only the tables that there are', () => {
    expect(pathOf(filter('FORWARD -s 10.0.0.1'), THROUGH)).toEqual(['FORWARD filter']);
  });

  test.each<[string, string, Packet, string[]]>([
    [
      'DNAT to elsewhere: FORWARD',
      nat('PREROUTING -j DNAT --to-destination 10.244.1.9:90') +
        filter('INPUT -j DROP', 'FORWARD -d 10.244.1.9/32 -p tcp -m tcp --dport 90 -o veth1 -j REJECT'),
      PACKET,
      ['REJECT icmp-port-unreachable'],
    ],
    [
      'DNAT to the node: INPUT',
      nat('PREROUTING -j DNAT --to-destination 192.168.0.2:90') +
        filter('FORWARD -j DROP', 'INPUT -p tcp -m tcp --dport 90 -j REJECT'),
      THROUGH,
      ['REJECT icmp-port-unreachable'],
    ],
    [
      'DNAT shows in the states',
      nat(
        'PREROUTING -j DNAT --to-destination 10.244.1.9:90',
        'POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE',
      ),
      PACKET,
      ['to 10.244.1.9:90 masqueraded'],
    ],
    [
      'DNAT to where it goes anyway does not',
      nat(
        'PREROUTING -j DNAT --to-destination 203.0.113.9:80',
        'POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE',
      ),
      THROUGH,
      ['to 203.0.113.9:80'],
    ],
    [
      'DNAT on the way out',
      nat(
        'OUTPUT -j DNAT --to-destination 10.244.1.9:90',
        'POSTROUTING -d 10.244.1.9/32 -o veth1 -j MASQUERADE',
      ),
      OUT,
      ['to 10.244.1.9:90 masqueraded'],
    ],
    [
      'in OUTPUT, the way out is the one from before DNAT',
      nat('OUTPUT -j DNAT --to-destination 10.244.1.9:90') + filter('OUTPUT -o lo -j DROP'),
      LOOPBACK,
      ['DROP'],
    ],
    [
      'DNAT on the way out to the node: it comes in by lo',
      nat('OUTPUT -j DNAT --to-destination 127.0.0.1:90', 'PREROUTING -j DNAT --to-destination 10.0.0.1:1') +
        filter('INPUT -i lo -d 127.0.0.1/32 -m mark --mark 0x1 -j DROP') +
        mangle('OUTPUT -j MARK --set-xmark 0x1/0x1'),
      OUT,
      ['DROP mark 0x1'],
    ],
    [
      'SNAT on the way to the node itself',
      nat('POSTROUTING -o lo -j SNAT --to-source 192.0.2.1') +
        filter('INPUT -s 192.0.2.1/32 -m conntrack --ctstate SNAT -j DROP'),
      LOOPBACK,
      ['DROP from 192.0.2.1'],
    ],
    ['SNAT of what comes in', nat('INPUT -j SNAT --to-source 192.0.2.1'), PACKET, ['ACCEPT from 192.0.2.1']],
    [
      'the way in shows in POSTROUTING',
      nat('POSTROUTING -i eth0 -j MASQUERADE'),
      THROUGH,
      ['ACCEPT masqueraded'],
    ],
    ['a packet of the node has no way in', nat('POSTROUTING -i eth0 -j MASQUERADE'), OUT, ['ACCEPT']],
    ['ACCEPT is for one table', mangle('PREROUTING -j ACCEPT') + filter('INPUT -j DROP'), PACKET, ['DROP']],
    [
      'DROP is for all',
      mangle('PREROUTING -j DROP') + nat('PREROUTING -j DNAT --to-destination 10.0.0.1:1'),
      PACKET,
      ['DROP'],
    ],
    [
      'answers are not redirected',
      nat('PREROUTING -j DNAT --to-destination 10.0.0.1:1', 'POSTROUTING -j MASQUERADE'),
      { ...THROUGH, states: ['ESTABLISHED'] },
      ['ACCEPT'],
    ],
    [
      'nor is what is invalid',
      nat('PREROUTING -j DNAT --to-destination 10.0.0.1:1'),
      { ...THROUGH, states: ['INVALID'] },
      ['ACCEPT'],
    ],
    [
      'nor what is not tracked',
      raw('PREROUTING -p tcp -j CT --notrack') +
        nat('PREROUTING -j DNAT --to-destination 10.0.0.1:1') +
        filter('INPUT -m conntrack --ctstate UNTRACKED -j DROP'),
      PACKET,
      ['DROP'],
    ],
    [
      'NOTRACK',
      raw('PREROUTING -p tcp -j NOTRACK') + nat('PREROUTING -j DNAT --to-destination 10.0.0.1:1'),
      PACKET,
      ['ACCEPT'],
    ],
    [
      'NOTRACK of what comes in by lo is too late',
      raw('PREROUTING -j CT --notrack') + filter('INPUT -m conntrack --ctstate NEW -j DROP'),
      LOOPBACK,
      ['DROP'],
    ],
    [
      'before connection tracking, no packet is new',
      raw('PREROUTING -m conntrack --ctstate NEW -j DROP') +
        filter('INPUT -m conntrack --ctstate NEW -j REJECT'),
      PACKET,
      ['REJECT icmp-port-unreachable'],
    ],
  ])('%s', (_, text, packet, expected) => {
    expect(words(fate(text, packet))).toEqual(expected);
  });
});

describe('chance', () => {
  const half = '-m statistic --mode random --probability 0.50000000000';
  const to = (n: number) => `DNAT --to-destination 10.0.0.${n}:80`;

  test.each<[string, string, string[]]>([
    [
      'a third',
      filter(`INPUT -m statistic --mode random --probability 0.33333333349 -j DROP`),
      ['0.3333 DROP', '0.6667 ACCEPT'],
    ],
    [
      'not a third',
      filter(`INPUT -m statistic --mode random ! --probability 0.33333333349 -j DROP`),
      ['0.6667 DROP', '0.3333 ACCEPT'],
    ],
    [
      'endpoints',
      nat(
        `PREROUTING -m statistic --mode random --probability 0.33333333349 -j ${to(1)}`,
        `PREROUTING ${half} -j ${to(2)}`,
        `PREROUTING -j ${to(3)}`,
      ),
      ['0.3333 to 10.0.0.1:80', '0.3333 to 10.0.0.2:80', '0.3333 to 10.0.0.3:80'],
    ],
    ['twice in a rule', filter(`INPUT ${half} ${half} -j DROP`), ['0.2500 DROP', '0.7500 ACCEPT']],
    [
      'what is drawn again is another draw',
      filter(`INPUT ${half} -j A`, `INPUT ${half} -j DROP`, 'A -s 10.0.0.1'),
      ['0.5000 DROP', '0.5000 ACCEPT'],
    ],
    [
      'ways to the same end are one',
      nat(`PREROUTING ${half} -j A`, `PREROUTING -j ${to(1)}`, `A ${half} -j ${to(2)}`, `A -j ${to(1)}`),
      ['0.2500 to 10.0.0.2:80', '0.7500 to 10.0.0.1:80'],
    ],
    [
      'a mark by chance',
      nat(
        `PREROUTING ${half} -j MARK --set-xmark 0x1/0x1`,
        `PREROUTING -m mark --mark 0x1 -j ${to(1)}`,
        `PREROUTING -j ${to(2)}`,
      ),
      ['0.5000 to 10.0.0.1:80 mark 0x1', '0.5000 to 10.0.0.2:80'],
    ],
    [
      'ways that only connection tracking tells apart are one',
      raw(`PREROUTING ${half} -j NOTRACK`),
      ['ACCEPT'],
    ],
    [
      'goes on behind a chain for those who return',
      filter('INPUT -j A', 'INPUT -j DROP', `A ${half} -j RETURN`, 'A -j REJECT'),
      ['0.5000 REJECT icmp-port-unreachable', '0.5000 DROP'],
    ],
    [
      'of what nobody can tell, nothing is drawn',
      filter(`INPUT -m set --match-set blocked src ${half} -j DROP`),
      ['ACCEPT', 'unknown: INPUT 1'],
    ],
    [
      'nor behind a draw',
      filter(`INPUT ${half} -m set --match-set blocked src -j DROP`),
      ['ACCEPT', 'unknown: INPUT 1'],
    ],
  ])('%s', (_, text, expected) => {
    expect(words(fate(text, PACKET))).toEqual(expected);
  });

  test('fractions are those that the kernel keeps', () => {
    const [first] = fate(
      filter('INPUT -m statistic --mode random --probability 0.1 -j DROP'),
      PACKET,
    ).outcomes;
    expect(first?.probability).toBe(214748365 / 2 ** 31);
  });

  test('a thousand endpoints, and two thousand marks by chance', () => {
    const endpoints = Array.from({ length: 1000 }, (_, i) => {
      const choice =
        i === 999 ? '' : ` -m statistic --mode random --probability ${(1 / (1000 - i)).toFixed(11)}`;
      return `PREROUTING${choice} -j DNAT --to-destination 10.0.0.1:${i + 1}`;
    });
    const draws = Array.from({ length: 2000 }, () => `PREROUTING ${half} -j MARK --xor-mark 0x1`);
    const targets = dnatTargets(fate(mangle(...draws) + nat(...endpoints), PACKET));
    expect(targets.size).toBe(1000);
    for (const probability of targets.values()) expect(probability).toBeCloseTo(0.001, 6);
  });
});

describe('xt_recent', () => {
  const seen = (seconds: number): SimulatedNode => ({
    ...NODE,
    recent: new Map([['CLIENTS', new Map([['198.18.0.1', seconds]])]]),
  });
  const check = (options: string) =>
    filter(`INPUT -m recent ${options} --name CLIENTS --mask 255.255.255.255 --rsource -j DROP`);

  test.each<[string, SimulatedNode, string[]]>([
    ['--set', NODE, ['DROP in CLIENTS']],
    ['! --set', NODE, ['ACCEPT in CLIENTS']],
    ['--rcheck --seconds 60 --reap', NODE, ['ACCEPT']],
    ['--rcheck --seconds 60 --reap', seen(59), ['DROP']],
    ['--rcheck --seconds 60 --reap', seen(60), ['DROP']],
    ['--rcheck --seconds 60 --reap', seen(61), ['ACCEPT']],
    ['--rcheck', seen(9999), ['DROP']],
    ['! --rcheck --seconds 60', seen(61), ['DROP']],
    ['! --rcheck --seconds 60', seen(1), ['ACCEPT']],
    ['! --rcheck --seconds 60', NODE, ['DROP']],
    ['--update --seconds 60', seen(5), ['DROP in CLIENTS']],
    ['--update --seconds 60', seen(61), ['ACCEPT']],
    ['--update --seconds 60', NODE, ['ACCEPT']],
    ['--rcheck --seconds 60 --hitcount 5', NODE, ['ACCEPT']],
    ['--rcheck --seconds 60 --hitcount 5', seen(5), ['ACCEPT', 'unknown: INPUT 1']],
    ['--remove', seen(5), ['ACCEPT', 'unknown: INPUT 1']],
  ])('%s', (options, node, expected) => {
    expect(words(fate(check(options), PACKET, { node }))).toEqual(expected);
  });

  test.each<[string, string, string[]]>([
    [
      'another list',
      filter('INPUT -m recent --rcheck --name OTHERS --mask 255.255.255.255 --rsource -j DROP'),
      ['ACCEPT'],
    ],
    [
      'the destination',
      filter('INPUT -m recent --rcheck --name CLIENTS --mask 255.255.255.255 --rdest -j DROP'),
      ['ACCEPT'],
    ],
    [
      'a network',
      filter('INPUT -m recent --set --name NETWORKS --mask 255.255.0.0 --rsource', 'INPUT -j DROP'),
      ['DROP in NETWORKS'],
    ],
    [
      'what a packet writes, it finds later',
      filter(
        'INPUT -m recent --set --name A --rsource',
        'INPUT -m recent --rcheck --seconds 1 --name A --rsource -j DROP',
      ),
      ['DROP in A'],
    ],
    [
      'who does not get so far is not written',
      filter('INPUT -s 10.0.0.1/32 -m recent --set --name A --rsource -j DROP'),
      ['ACCEPT'],
    ],
    [
      'who fails behind it, is',
      filter('INPUT -m recent --set --name A --rsource -m mark --mark 0x1 -j DROP'),
      ['ACCEPT in A'],
    ],
    [
      'who fails by the port behind it, is, too, in however long a chain',
      filter(
        'INPUT -m recent --set --name A --rsource -p tcp -m tcp --dport 81 -j DROP',
        ...Array.from({ length: 20 }, (_, i) => `INPUT -p tcp -m tcp --dport ${i + 1} -j DROP`),
      ),
      ['ACCEPT in A'],
    ],
    [
      'who may not get so far, is not',
      filter('INPUT -m set --match-set blocked src -m recent --set --name A --rsource -j DROP'),
      ['ACCEPT', 'unknown: INPUT 1'],
    ],
    [
      'base options come first, wherever they are written',
      filter('INPUT -m recent --set --name A --rsource -p udp -j DROP'),
      ['ACCEPT'],
    ],
    [
      'so does the port, where the extension of its protocol is named',
      filter('INPUT -m tcp -p tcp -m recent --set --name A --rsource --dport 81 -j DROP'),
      ['ACCEPT'],
    ],
  ])('%s', (_, text, expected) => {
    expect(words(fate(text, PACKET, { node: seen(5) }))).toEqual(expected);
  });

  test('an entry of a network', () => {
    const text = filter('INPUT -m recent --rcheck --name CLIENTS --mask 255.255.0.0 --rsource -j DROP');
    const node = { ...NODE, recent: new Map([['CLIENTS', new Map([['198.18.0.0', 1]])]]) };
    expect(words(fate(text, PACKET, { node }))).toEqual(['DROP']);
  });
});

describe('sets', () => {
  const SETS = parseIPSets(`
create blocked hash:net family inet hashsize 1024 maxelem 65536
add blocked 198.18.0.0/16
add blocked 198.18.7.0/24 nomatch
create hosts hash:ip family inet hashsize 1024 maxelem 65536 timeout 300
add hosts 198.18.0.1 timeout 12 comment "a b"
add hosts 198.18.1.0-198.18.1.9
create doors hash:ip,port family inet hashsize 1024 maxelem 65536
add doors 192.168.0.2,tcp:80
add doors 192.168.0.2,udp:53
create ports bitmap:port range 0-1023
add ports 80
create ways hash:net,iface family inet hashsize 1024 maxelem 65536
add ways 198.18.0.0/16,eth0
create all list:set size 8
add all hosts
create macs hash:mac hashsize 1024 maxelem 65536
add macs 01:02:03:04:05:06
create empty hash:ip family inet hashsize 1024 maxelem 65536
`);
  const node = { ...NODE, sets: SETS };
  test.each<[string, Partial<Packet>, 'fits' | 'does not' | 'unknown']>([
    ['blocked src', {}, 'fits'],
    ['blocked src', { source: '198.18.7.1' }, 'does not'],
    ['blocked dst', {}, 'does not'],
    ['hosts src', {}, 'fits'],
    ['hosts src', { source: '198.18.1.4' }, 'fits'],
    ['hosts src', { source: '198.18.1.10' }, 'does not'],
    ['doors dst,dst', {}, 'fits'],
    ['doors dst,dst', { destinationPort: 81 }, 'does not'],
    ['doors dst,dst', { destinationPort: undefined }, 'unknown'],
    ['doors src,dst', {}, 'does not'],
    ['ports dst', {}, 'fits'],
    ['ways src,src', {}, 'fits'],
    ['ways src,src', { inInterface: 'eth1' }, 'does not'],
    ['ways src,src', { inInterface: undefined, arrives: true }, 'unknown'],
    ['all src', {}, 'fits'],
    ['macs src', {}, 'unknown'],
    ['empty src', {}, 'does not'],
    ['missing src', {}, 'unknown'],
  ])('%s: %o', (set, changes, expected) => {
    for (const negated of [false, true]) {
      const rule = `INPUT -m set ${negated ? '! ' : ''}--match-set ${set} -j DROP`;
      const { outcomes, unknown } = fate(filter(rule), { ...PACKET, ...changes }, { node });
      const drops = expected !== 'unknown' && (expected === 'fits') !== negated;
      expect(outcomes.map(({ verdict }) => verdict)).toEqual([drops ? 'DROP' : 'ACCEPT']);
      expect(unknown).toHaveLength(expected === 'unknown' ? 1 : 0);
    }
  });

  test.each<[string, string]>([
    ['create', 'line 1: expected create NAME TYPE or add NAME ENTRY, as ipset save prints it'],
    ['create a tree:ip', 'line 1: expected the type of a set, as ipset save prints it'],
    ['add a 10.0.0.1', 'line 1: expected a set that is created before, and not a, as ipset save prints it'],
    ['flush a now', 'line 1: expected create or add, as ipset save prints it'],
  ])('%s', (text, message) => {
    expect(() => parseIPSets(text)).toThrow(message);
  });
});

test('what connection tracking keeps of a packet is what came, and its answers come from where DNAT sends it', () => {
  const rules = [
    'FORWARD -m conntrack --ctorigdst 203.0.113.9 --ctreplsrc 10.244.1.1 --ctrepldst 198.18.0.1 -j DROP',
  ];
  const text = nat('PREROUTING -d 203.0.113.9/32 -j DNAT --to-destination 10.244.1.1') + filter(...rules);
  expect(words(fate(text, THROUGH))).toEqual(['DROP']);
  expect(words(fate(text, { ...THROUGH, source: '198.18.0.2' }))).toEqual(['to 10.244.1.1:80']);
});
