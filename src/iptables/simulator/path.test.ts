import { expect, test } from 'vitest';
import { printRule } from '../print.ts';
import type { Packet, SimulatedNode } from './packet.ts';
import type { Stage, Step } from './path.ts';
import { prepareSaved } from './prepare.ts';
import { simulate } from './simulate.ts';

const NODE: SimulatedNode = { isLocal: () => false };

const PACKET: Packet = {
  source: '10.244.1.2',
  destination: '10.96.0.10',
  protocol: 'tcp',
  destinationPort: 80,
  inInterface: 'veth1',
};

/** As a command could print it. */
function lines(path: readonly Stage[] | undefined): string[] {
  return (path ?? []).flatMap(({ table, chain, packets, steps, policy }) => [
    `${chain} ${table}: ${packets.map(({ destination, probability }) => `${probability} ${destination}`).join(', ')}`,
    ...steps.map(lineOf),
    ...(policy === undefined ? [] : [`  policy ${policy}`]),
  ]);
}

function lineOf({ depth, chain, number, rule, comes, fits, because, undecided }: Step): string {
  const answer = undecided ? 'who knows' : fits === 0 ? 'no' : fits === comes ? 'yes' : `${fits} of ${comes}`;
  const reason = because ? ` (${printRule({ matches: [because] }).trim()})` : '';
  return `${'  '.repeat(depth + 1)}${chain} ${number}${printRule(rule)}: ${answer}${reason}`;
}

function pathOf(text: string, packet = PACKET) {
  return lines(simulate(prepareSaved(text, 'ipv4'), packet, NODE, { record: true }).path);
}

test('rules in the order in which a packet comes to them, and what each says', () => {
  const text = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:SERVICES - [0:0]
:A - [0:0]
:B - [0:0]
-A PREROUTING -j SERVICES
-A PREROUTING -j RETURN
-A SERVICES -d 10.96.0.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.9:80
-A SERVICES -p udp -m set --match-set blocked src -j DROP
-A SERVICES -m set --match-set blocked src -j DROP
-A SERVICES -m statistic --mode random --probability 0.5 -j A
-A SERVICES -j B
-A A -s 10.244.1.3/32 -j MARK --set-xmark 0x4000/0x4000
-A A -p tcp -m tcp -j DNAT --to-destination 10.0.0.1:8080
-A B -p tcp -m tcp -j DNAT --to-destination 10.0.0.2:8080
-A POSTROUTING -d 10.0.0.2/32 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate DNAT -j LOG
-A FORWARD -m mark ! --mark 0x4000/0x4000 -j ACCEPT
COMMIT
`;
  expect(pathOf(text)).toEqual([
    'PREROUTING nat: 1 10.96.0.10:80',
    '  PREROUTING 1 -j SERVICES: yes',
    '    SERVICES 1 -d 10.96.0.9 -m tcp -p tcp --dport 80 -j DNAT --to-destination 10.0.0.9:80: no (-d 10.96.0.9)',
    '    SERVICES 2 -p udp -m set --match-set blocked src -j DROP: no (-p udp)',
    '    SERVICES 3 -m set --match-set blocked src -j DROP: who knows (-m set --match-set blocked src)',
    '    SERVICES 4 -m statistic --mode random --probability 0.5000000000 -j A: 0.5 of 1',
    '      A 1 -s 10.244.1.3 -j MARK --or-mark 0x00004000: no (-s 10.244.1.3)',
    '      A 2 -m tcp -p tcp -j DNAT --to-destination 10.0.0.1:8080: yes',
    '    SERVICES 5 -j B: yes',
    '      B 1 -m tcp -p tcp -j DNAT --to-destination 10.0.0.2:8080: yes',
    'FORWARD filter: 0.5 10.0.0.1:8080, 0.5 10.0.0.2:8080',
    '  FORWARD 1 -m conntrack --ctstate INVALID -j DROP: no (-m conntrack --ctstate INVALID)',
    '  FORWARD 2 -m conntrack --ctstate DNAT -j LOG: yes',
    '  FORWARD 3 -m mark ! --mark 0x00004000/0x00004000 -j ACCEPT: yes',
    'POSTROUTING nat: 0.5 10.0.0.1:8080',
    '  POSTROUTING 1 -d 10.0.0.2 -j MASQUERADE: no (-d 10.0.0.2)',
    '  policy ACCEPT',
    'POSTROUTING nat: 0.5 10.0.0.2:8080',
    '  POSTROUTING 1 -d 10.0.0.2 -j MASQUERADE: yes',
  ]);
});

test.each<[string, string, string[]]>([
  ['the same answers', 'FORWARD -d 10.0.0.9/32 -j LOG', ['0.5 10.0.0.1:80, 0.5 10.0.0.2:80']],
  ['another answer', 'FORWARD -d 10.0.0.1/32 -j LOG', ['0.5 10.0.0.1:80', '0.5 10.0.0.2:80']],
  [
    'the same answer for another reason',
    'FORWARD -d 10.0.0.1/32 -m mark --mark 0x1 -j LOG',
    ['0.5 10.0.0.1:80', '0.5 10.0.0.2:80'],
  ],
])('packets have their way in common: %s', (_, rule, expected) => {
  const half = '-m statistic --mode random --probability 0.5';
  const text = `*nat
:PREROUTING ACCEPT
-A PREROUTING ${half} ${half} -j DNAT --to-destination 10.0.0.1:80
-A PREROUTING -m statistic --mode random --probability 0.33333333349 -j DNAT --to-destination 10.0.0.1:80
-A PREROUTING -j DNAT --to-destination 10.0.0.2:80
COMMIT
*filter
:FORWARD ACCEPT
-A ${rule}
COMMIT
`;
  const { path } = simulate(prepareSaved(text, 'ipv4'), PACKET, NODE, { record: true });
  const packets = path
    ?.slice(1)
    .map((stage) =>
      stage.packets
        .map(({ destination, probability }) => `${probability.toFixed(1)} ${destination}`)
        .join(', '),
    );
  expect(packets).toEqual(expected);
});

test('a target that nobody knows', () => {
  const text = '*filter\n:FORWARD ACCEPT\n-A FORWARD -j NFQUEUE --queue-num 1\nCOMMIT\n';
  expect(pathOf(text)).toEqual([
    'FORWARD filter: 1 10.96.0.10:80',
    '  FORWARD 1 -j NFQUEUE --queue-num 1: who knows',
    '  policy ACCEPT',
  ]);
});

test('a mark, and a packet without ports', () => {
  const text =
    '*mangle\n:FORWARD ACCEPT\n-A FORWARD -j MARK --set-xmark 0x1/0x1\nCOMMIT\n*filter\n:FORWARD ACCEPT\nCOMMIT\n';
  const packet: Packet = { ...PACKET, protocol: 'icmp', destinationPort: undefined };
  const { path } = simulate(prepareSaved(text, 'ipv4'), packet, NODE, { record: true });
  expect(path?.map(({ packets }) => packets)).toEqual([
    [{ destination: '10.96.0.10', mark: 0, probability: 1 }],
    [{ destination: '10.96.0.10', mark: 1, probability: 1 }],
  ]);
});

test('no path unless asked for', () => {
  expect(simulate(prepareSaved('', 'ipv4'), PACKET, NODE)).not.toHaveProperty('path');
});
