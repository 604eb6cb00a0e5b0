import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import { packetsTo } from '../../test/support/reachability.ts';
import { withJumps } from '../chains/jumps.ts';
import { compile } from '../compiler/compile.ts';
import { printRuleset } from '../iptables/print.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import { prepare, prepareSaved } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { FAMILIES } from '../net/address.ts';
import { formatTrace, formatTraceJSON } from './report.ts';
import { tracePacket } from './trace.ts';

const NODE: SimulatedNode = { isLocal: (address) => address === '192.168.0.2' || address === '127.0.0.1' };

const PACKET: Packet = {
  source: '10.244.1.5',
  destination: '10.96.0.10',
  protocol: 'tcp',
  destinationPort: 80,
  inInterface: 'veth1',
};

/** A table: built-in chains are those with capital letters only. */
function table(name: string, ...rules: string[]): string {
  const chains = new Set(rules.map((rule) => rule.split(' ')[0] ?? ''));
  const policy = (chain: string) => (/^[A-Z]+$/.test(chain) && chain !== 'SEP' ? 'ACCEPT' : '-');
  return [
    `*${name}`,
    ...[...chains].map((chain) => `:${chain} ${policy(chain)} [0:0]`),
    ...rules.map((rule) => `-A ${rule}`),
    'COMMIT\n',
  ].join('\n');
}

function traced(text: string, packet: Packet = PACKET, all = false, node = NODE) {
  return tracePacket(prepareSaved(text, 'ipv4'), packet, node, { all });
}

const plain = (_: string, text: string) => text;

test('the text', () => {
  const text =
    table(
      'nat',
      'PREROUTING -m comment --comment "all Services" -j services',
      ...[1, 2, 3, 4].map(
        (i) => `services -d 10.96.0.${i}/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.${i}`,
      ),
      'services -d 10.96.0.10/32 -p tcp -m tcp --dport 443 -j web',
      'services -d 10.96.0.10/32 -p tcp -m comment --comment "shop/web cluster IP" -m tcp --dport 80 -j web',
      'web ! -s 10.244.0.0/16 -j MARK --set-xmark 0x4000/0x4000',
      'web -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.244.1.1:8080',
      'web -p tcp -j DNAT --to-destination 10.244.2.1:8080',
      'POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    ) + table('filter', 'FORWARD -m set --match-set blocked src -j DROP');
  const asked = { packet: PACKET, notes: ['shop/web, cluster IP 10.96.0.10:80'] };
  expect(formatTrace(asked, traced(text), plain, 200)).toBe(`\
It goes to one of 2 destinations, 1/2 each, with its own source, if the rule that cannot be decided has nothing to say.
  1/2  ACCEPT  to 10.244.1.1:8080
  1/2  ACCEPT  to 10.244.2.1:8080

Not decided:
  filter FORWARD 1  -m set --match-set blocked src -j DROP
    unknown: the members of set blocked; give them with --ipset

A tcp packet from 10.244.1.5 to 10.96.0.10:80, the first of its connection, incoming interface veth1
  shop/web, cluster IP 10.96.0.10:80

PREROUTING, nat table
  yes      PREROUTING 1  -j services
             # all Services
             every packet
  …          4 rules of services do not match
  no         services 5  -d 10.96.0.10/32 -p tcp -m tcp --dport 443 -j web
               its destination port is 80
  yes        services 6  -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j web
               # shop/web cluster IP
               tcp 10.96.0.10:80
  no           web 1  ! -s 10.244.0.0/16 -j MARK --set-xmark 0x4000/0x4000
                 its source 10.244.1.5 is in 10.244.0.0/16
  1/2          web 2  -m statistic --mode random --probability 0.50000000000 -j DNAT --to-destination 10.244.1.1:8080
                 1/2 of those that come here
  1/2          web 3  -p tcp -j DNAT --to-destination 10.244.2.1:8080
                 tcp

FORWARD, filter table, to 2 destinations
  ?        FORWARD 1  -m set --match-set blocked src -j DROP
             unknown: the members of set blocked; give them with --ipset
           policy of FORWARD: ACCEPT

POSTROUTING, nat table, to 2 destinations
  yes      POSTROUTING 1  -m mark ! --mark 0x4000/0x4000 -j RETURN
             not marked 0x4000
           policy of POSTROUTING: ACCEPT
`);
  for (const line of formatTrace(asked, traced(text), plain, 80).split('\n'))
    expect(line.length).toBeLessThanOrEqual(80);
  const all = formatTrace(asked, traced(text, PACKET, true), plain, 200);
  expect(all).not.toContain('…');
  expect(all).toContain('services 3  -d 10.96.0.3/32');
  expect(JSON.parse(formatTraceJSON(asked, traced(text)))).toMatchObject({
    packet: PACKET,
    sentence: expect.stringMatching(/^It goes to one of 2/),
    outcomes: [
      { dnat: '10.244.1.1:8080', probability: 0.5 },
      { dnat: '10.244.2.1:8080', probability: 0.5 },
    ],
    unknown: [{ table: 'filter', chain: 'FORWARD', number: 1 }],
    stages: [
      {
        table: 'nat',
        chain: 'PREROUTING',
        lines: expect.arrayContaining([{ chain: 'services', depth: 1, rest: 'no-match', rules: 4 }]),
      },
      { table: 'filter', chain: 'FORWARD' },
      { table: 'nat', chain: 'POSTROUTING' },
    ],
  });
});

test('what comes from elsewhere writes nothing to the terminal', () => {
  const text = table('filter', 'FORWARD -m comment --comment "\u001b[31mred" -m \u001b[31m -j DROP');
  expect(formatTrace({ packet: PACKET, notes: [] }, traced(text), plain, 80)).not.toContain('\u001b');
});

describe('why a rule is taken, or not', () => {
  test.each<[string, Partial<Packet>, string]>([
    ['', {}, 'yes: every packet'],
    ['-s 10.244.0.0/16', {}, 'yes: from 10.244.0.0/16'],
    ['-s 10.244.1.6/32', {}, 'no: its source 10.244.1.5 is not 10.244.1.6'],
    ['-s 10.0.0.0/16', {}, 'no: its source 10.244.1.5 is not in 10.0.0.0/16'],
    ['! -s 10.244.0.0/16', {}, 'no: its source 10.244.1.5 is in 10.244.0.0/16'],
    ['! -d 10.96.0.10/32', {}, 'no: its destination 10.96.0.10 is 10.96.0.10'],
    ['-p udp', {}, 'no: it is tcp, not udp'],
    ['-p tcp -m tcp --dport 443', {}, 'no: its destination port is 80'],
    ['-p tcp -m tcp --dport 80', {}, 'yes: tcp port 80'],
    ['-p tcp -m tcp --dport 80', { protocol: 'icmp', destinationPort: undefined }, 'no: it is icmp, not tcp'],
    ['-p tcp -m tcp --dport 80', { destinationPort: undefined }, 'unknown: no destination port is given'],
    ['-i eth0', {}, 'no: its incoming interface is not eth0'],
    ['! -i veth+', {}, 'no: its incoming interface is veth+'],
    [
      '-i eth0',
      { inInterface: undefined, arrives: true },
      'unknown: incoming interface unknown: give it with --in-interface',
    ],
    ['-m mark --mark 0x4000/0x4000', {}, 'no: its mark 0x0 has not 0x4000'],
    ['-m mark ! --mark 0x4000/0x4000', { mark: 0x4001 }, 'no: its mark 0x4001 has 0x4000'],
    ['-m mark --mark 0x1', { mark: 2 }, 'no: its mark 0x2 is not 0x1'],
    ['-m mark --mark 0x1/0x3', { mark: 2 }, 'no: its mark 0x2 is not 0x1 of 0x3'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', {}, 'no: its connection is not RELATED or ESTABLISHED'],
    ['-m conntrack ! --ctstate NEW', {}, 'no: its connection is NEW'],
    ['-m addrtype --dst-type LOCAL', {}, 'no: its destination 10.96.0.10 is no address of this node'],
    ['-m statistic --mode random --probability 0.25', {}, 'chance: 1/4 of those that come here'],
    ['-p tcp -m statistic --mode random --probability 0.25', {}, 'chance: tcp: 1/4 of those that come here'],
    [
      '-m recent --rcheck --seconds 60 --reap --name web --rsource',
      {},
      'no: 10.244.1.5 is taken for a client that was not there in the last 60 s',
    ],
    ['-m recent --set --name web --rsource', {}, 'yes: remembered'],
    [
      '-m set --match-set blocked src',
      {},
      'unknown: unknown: the members of set blocked; give them with --ipset',
    ],
    ['-m state --state ESTABLISHED', {}, 'no: -m state --state ESTABLISHED does not hold'],
    ['-o eth0', {}, 'unknown: outgoing interface unknown: give it with --out-interface'],
    ['-m owner --uid-owner 0', {}, 'unknown: unknown: which user or process sends it'],
    ['-m conntrack --ctdir REPLY', { states: ['ESTABLISHED'] }, 'unknown: unknown: whether it is an answer'],
    ['-p tcp -m tcp --sport 53', {}, 'unknown: unknown: its source port (ADDRESS:PORT behind --from)'],
    ['-m somebody --new 1', {}, 'unknown: match undecided: -m somebody --new 1'],
    ['-m limit --limit 5/sec', {}, 'yes: up to 5/sec: more than that do not match'],
  ])('%s: %o', (match, changes, expected) => {
    const [stage] = traced(table('filter', `FORWARD ${match} -j DROP`), { ...PACKET, ...changes }).stages;
    const said = (stage?.lines ?? []).map((line) =>
      'reason' in line ? `${line.answer}: ${line.reason}` : '',
    );
    expect(said).toEqual([expected]);
  });

  test("where the node's addresses are not known", () => {
    const node = { isLocal: () => undefined };
    const text = table(
      'filter',
      'FORWARD -m addrtype --src-type LOCAL -j DROP',
      'FORWARD -m addrtype --dst-type LOCAL -j DROP',
    );
    const [stage] = traced(text, PACKET, false, node).stages;
    expect(stage?.lines.map((line) => ('reason' in line ? line.reason : ''))).toEqual([
      'unknown: whether it is from the node, as its addresses are unknown',
      'unknown: whether it is to the node, as its addresses are unknown',
    ]);
  });

  test('a target that nobody knows, and a rule that changes nothing', () => {
    const text = table(
      'filter',
      'FORWARD -j NFQUEUE --queue-num 1',
      'FORWARD -m set --match-set a src -j LOG',
    );
    const [stage] = traced(text).stages;
    expect(stage?.lines.map((line) => ('reason' in line ? line.reason : ''))).toEqual([
      'effect unknown: -j NFQUEUE --queue-num 1',
      '-m set --match-set a src does not hold, or cannot be told; the rule changes nothing',
    ]);
  });

  test('the mark that it has by then', () => {
    const text = table(
      'mangle',
      'FORWARD -j MARK --set-xmark 0x1/0x1',
      'FORWARD -m mark --mark 0x2/0x2 -j DROP',
      'FORWARD -m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x8/0x8',
      'FORWARD -m mark --mark 0x2/0x2 -j DROP',
    );
    const [stage] = traced(text).stages;
    expect(stage?.lines.map((line) => ('reason' in line ? line.reason : ''))).toEqual([
      'every packet',
      'its mark 0x1 has not 0x2',
      '1/2 of those that come here',
      'its mark has not 0x2',
    ]);
  });
});

describe('what becomes of it', () => {
  const half = '-m statistic --mode random --probability 0.5';
  const dnat = (n: number) => `-j DNAT --to-destination 10.0.0.${n}:80`;
  test.each<[string, string, string]>([
    ['nothing', '', 'It goes on to 10.96.0.10:80, which no rule rewrites, with its own source.'],
    ['DNAT', table('nat', `PREROUTING ${dnat(1)}`), 'It goes to 10.0.0.1:80, with its own source.'],
    [
      'DNAT, masqueraded',
      table('nat', `PREROUTING ${dnat(1)}`, 'POSTROUTING -j MASQUERADE'),
      'It goes to 10.0.0.1:80, masqueraded.',
    ],
    [
      'SNAT',
      table('nat', 'POSTROUTING -j SNAT --to-source 192.168.0.2'),
      'It goes on to 10.96.0.10:80, which no rule rewrites, with the source 192.168.0.2.',
    ],
    [
      'two',
      table('nat', `PREROUTING ${half} ${dnat(1)}`, `PREROUTING ${dnat(2)}`),
      'It goes to one of 2 destinations, 1/2 each, with its own source.',
    ],
    [
      'two, one of them masqueraded',
      table(
        'nat',
        `PREROUTING ${half} ${dnat(1)}`,
        `PREROUTING ${dnat(2)}`,
        'POSTROUTING -d 10.0.0.2/32 -j MASQUERADE',
      ),
      'It goes to one of 2 destinations, 1/2 each, masqueraded in 1/2 of all cases.',
    ],
    [
      'not alike',
      table(
        'nat',
        `PREROUTING -m statistic --mode random --probability 0.25 ${dnat(1)}`,
        `PREROUTING ${dnat(2)}`,
      ),
      'It goes to one of 2 destinations, not all alike, with its own source.',
    ],
    [
      'one with a different source',
      table(
        'nat',
        `PREROUTING ${half} ${dnat(1)}`,
        `PREROUTING ${dnat(2)}`,
        'POSTROUTING -d 10.0.0.2/32 -j SNAT --to-source 192.168.0.2',
      ),
      'It goes to one of 2 destinations, 1/2 each, with a source that depends on where it goes.',
    ],
    [
      'dropped by a rule',
      table('filter', 'FORWARD -m comment --comment "shop/db has no local endpoints" -j DROP'),
      'It is dropped by rule 1 of FORWARD in the filter table (shop/db has no local endpoints).',
    ],
    [
      'refused by a rule',
      table('filter', 'FORWARD -p tcp -j REJECT --reject-with tcp-reset'),
      'It is refused with tcp-reset by rule 1 of FORWARD in the filter table.',
    ],
    [
      'dropped by a policy',
      '*filter\n:FORWARD DROP [0:0]\nCOMMIT\n',
      'It is dropped by the policy of FORWARD in the filter table.',
    ],
    [
      'dropped by either of two rules',
      table('filter', `FORWARD ${half} -j DROP`, 'FORWARD -j DROP'),
      'It is dropped by more than one rule.',
    ],
    [
      'left to chance',
      table('filter', 'FORWARD -m statistic --mode random --probability 0.25 -j DROP'),
      'With probability 3/4 it goes on to 10.96.0.10:80, which no rule rewrites, with its own source, with probability 1/4 it ' +
        'is dropped by rule 1 of FORWARD in the filter table.',
    ],
    [
      'not decided',
      table('filter', 'FORWARD -m set --match-set a src -j DROP', 'FORWARD -m set --match-set b src -j DROP'),
      'It goes on to 10.96.0.10:80, which no rule rewrites, with its own source, if the 2 rules that cannot be decided have ' +
        'nothing to say.',
    ],
  ])('%s', (_, text, expected) => {
    expect(traced(text).sentence).toBe(expected);
  });
});

test.each<[NonNullable<Packet['states']>, string]>([
  [
    ['ESTABLISHED'],
    'It is let through, and translated like the first packet of its connection: only that one reaches the nat table.',
  ],
  [
    ['INVALID'],
    'It goes on to 10.96.0.10:80 unchanged: only packets of new connections reach the nat table.',
  ],
  [['NEW', 'DNAT'], 'It goes to 10.0.0.1:80, with its own source.'],
])('what becomes of a packet whose connection is %s', (states, expected) => {
  const text = table('nat', 'PREROUTING -j DNAT --to-destination 10.0.0.1:80');
  expect(traced(text, { ...PACKET, states }).sentence).toBe(expected);
});

describe('what is left out', () => {
  /** `CHAIN NUMBER`, or `... HOW MANY KIND`. */
  const shown = (text: string) =>
    traced(text).stages.flatMap(({ lines }) =>
      lines.map((line) =>
        'rest' in line ? `... ${line.rules} ${line.rest}` : `${line.chain} ${line.number}`,
      ),
    );
  const others = (count: number) =>
    Array.from({ length: count }, (_, i) => `FORWARD -d 10.0.0.${i}/32 -j DROP`);
  const shares = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      i === count - 1
        ? `PREROUTING -j DNAT --to-destination 10.0.0.${i}:80`
        : `PREROUTING -m statistic --mode random --probability ${1 / (count - i)} -j DNAT --to-destination 10.0.0.${i}:80`,
    );

  test.each<[string, string, string[]]>([
    ['a few rules are not', table('filter', ...others(3)), ['FORWARD 1', 'FORWARD 2', 'FORWARD 3']],
    ['many rules are', table('filter', ...others(4)), ['... 4 no-match']],
    [
      'many rules on either side of one that fits',
      table('filter', ...others(5), 'FORWARD -p tcp', ...others(4)),
      ['... 5 no-match', 'FORWARD 6', '... 4 no-match'],
    ],
    [
      'those for the same destination are not',
      table('filter', ...others(4), 'FORWARD -d 10.96.0.10/32 -p udp -j DROP', ...others(4)),
      ['... 4 no-match', 'FORWARD 5', '... 4 no-match'],
    ],
    [
      'those for the same source are not',
      table('filter', ...others(4), 'FORWARD -s 10.244.1.5/32 -p udp -j DROP'),
      ['... 4 no-match', 'FORWARD 5'],
    ],
    [
      'those that cannot be decided are not',
      table('filter', ...others(4), 'FORWARD -m set --match-set a src -j DROP'),
      ['... 4 no-match', 'FORWARD 5'],
    ],
    ['a few shares are not', table('nat', ...shares(4)), [1, 2, 3, 4].map((i) => `PREROUTING ${i}`)],
    ['many shares are', table('nat', ...shares(9)), ['PREROUTING 1', 'PREROUTING 2', '... 7 share']],
  ])('%s', (_, text, expected) => {
    expect(shown(text)).toEqual(expected);
  });
});

test('random clusters: the outcomes are those of the simulator, and nothing is lost', () => {
  fc.assert(
    fc.property(rawCluster, fc.constantFrom(...FAMILIES), (raw, family) => {
      const { cluster, node, options } = load(raw);
      const ruleset = compile(cluster, node, options(family));
      const kernel = new FakeKernel(family);
      expect(kernel.tryRestore(printRuleset(ruleset))).toBeUndefined();
      const prepared = prepare(withJumps(ruleset));
      for (const { from, port, ...packet } of [...packetsTo([kernel.saved()], family).values()]
        .flat()
        .slice(0, 40)) {
        const asked: Packet = { ...packet, inInterface: from, destinationPort: port };
        const fate = simulate(prepared, asked, NODE, { record: true });
        const [folded, whole] = [false, true].map((all) => tracePacket(prepared, asked, NODE, { all }));
        expect(new Set(whole?.outcomes)).toEqual(new Set(fate.outcomes));
        expect(folded?.sentence).toBe(whole?.sentence);
        const steps = (fate.path ?? []).flatMap(({ steps }) =>
          steps.map(({ chain, number }) => `${chain} ${number}`),
        );
        const told = whole?.stages.flatMap(({ lines }) =>
          lines.map((line) => ('rest' in line ? '' : `${line.chain} ${line.number}`)),
        );
        expect(told).toEqual(steps);
        // What decides is never left out.
        const deciding = (stages: NonNullable<typeof whole>['stages']) =>
          stages.flatMap(({ lines }) => lines.filter((line) => 'fits' in line && line.fits === 1));
        expect(deciding(folded?.stages ?? [])).toEqual(deciding(whole?.stages ?? []));
      }
    }),
    { numRuns: 25 },
  );
});
