import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectOf, mayMeet, orderMatters } from '../../test/support/rule-order.ts';
import { inOrderOfPlaces } from './order.ts';
import { parseRule } from './parse.ts';
import { printSavedRule } from './saved.ts';
import type { Fate } from './simulator/fate.ts';
import type { Packet } from './simulator/packet.ts';
import { prepare } from './simulator/prepare.ts';
import { simulate } from './simulator/simulate.ts';
import type { Rule } from './types.ts';

const rule = (text: string): Rule => parseRule(text, 'ipv4');

/** Rules of one chain as they are wanted, and in another order; and in which order they come out. */
test.each<[string, string[], string[], string[]]>([
  [
    'another address',
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp -d 10.0.0.2 --dport 80 -j B'],
    ['B', 'A'],
    ['B', 'A'],
  ],
  [
    'another port',
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp -d 10.0.0.1 --dport 81 -j B'],
    ['B', 'A'],
    ['B', 'A'],
  ],
  [
    'another protocol',
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p udp -d 10.0.0.1 --dport 80 -j B'],
    ['B', 'A'],
    ['B', 'A'],
  ],
  ['another node port', ['-p tcp --dport 30080 -j A', '-p tcp --dport 30081 -j B'], ['B', 'A'], ['B', 'A']],
  [
    'the same address, one of them spelled as a range',
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp -d 10.0.0.1/32 --dport 80 -j B'],
    ['B', 'A'],
    ['A', 'B'],
  ],
  [
    'the same node port',
    ['-p tcp -d 127.0.0.0/8 --dport 30080 -m nfacct --nfacct-name x -j A', '-p tcp --dport 30080 -j B'],
    ['B', 'A'],
    ['A', 'B'],
  ],
  [
    'the same node port, and the same target',
    ['-p tcp --dport 30080 -j A', '-p tcp --dport 30080 -m mark --mark 1 -j A', '-p tcp --dport 30080 -j B'],
    ['B', 'A'],
    ['A', 'A', 'B'],
  ],
  [
    'an address and the node port that it has, too',
    [
      '-p tcp -d 10.0.0.1 --dport 80 -j A',
      '-m addrtype --dst-type LOCAL -p tcp --dport 80 -j B',
      '-p tcp -d 10.0.0.2 --dport 81 -j C',
    ],
    ['C', 'B', 'A'],
    ['C', 'A', 'B'],
  ],
  [
    'one for every address but one',
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp ! -d 10.0.0.1 --dport 80 -j B'],
    ['B', 'A'],
    ['A', 'B'],
  ],
  [
    'a range of ports',
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp --dport 81:90 -j B'],
    ['B', 'A'],
    ['A', 'B'],
  ],
  [
    'what must be last',
    [
      '-p tcp -d 10.0.0.1 --dport 80 -j A',
      '-p tcp -d 10.0.0.2 --dport 80 -j B',
      '-m addrtype --dst-type LOCAL -j C',
    ],
    ['C', 'B', 'A'],
    ['B', 'A', 'C'],
  ],
  [
    'what must be last, one for each address of the node',
    [
      '-p tcp -d 10.0.0.1 --dport 80 -j A',
      '-d 192.168.0.2 -j B',
      '-d 192.168.0.3 -j C',
      '-d 192.168.0.2 -j D',
    ],
    ['D', 'C', 'B', 'A'],
    ['A', 'C', 'B', 'D'],
  ],
  [
    'what counts before it looks at the port',
    [
      '-p tcp -d 10.0.0.1 --dport 80 -j A',
      '-d 10.0.0.2 -m nfacct --nfacct-name x -p tcp -m tcp --dport 80 -j B',
      '-p tcp -d 10.0.0.3 --dport 80 -j C',
    ],
    ['C', 'B', 'A'],
    ['A', 'B', 'C'],
  ],
  [
    "a match of another program's",
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp -d 10.0.0.2 --dport 80 -m set --match-set s src -j B'],
    ['B', 'A'],
    ['A', 'B'],
  ],
  [
    "a target of another program's",
    ['-p tcp -d 10.0.0.1 --dport 80 -j A', '-p tcp -d 10.0.0.2 --dport 80 -j LOG --log-prefix B'],
    ['--log-prefix', 'A'],
    ['A', '--log-prefix'],
  ],
  [
    'new ones: each behind the one that it is given behind',
    [
      '-p tcp -d 10.0.0.1 --dport 80 -j A',
      '-p tcp -d 10.0.0.2 --dport 80 -j B',
      '-p tcp -d 10.0.0.3 --dport 80 -j C',
      '-p tcp -d 10.0.0.4 --dport 80 -j D',
    ],
    ['D', 'A'],
    ['D', 'A', 'B', 'C'],
  ],
])('%s', (_, wanted, had, expected) => {
  const rules = wanted.map(rule);
  const nameOf = ({ target }: Rule) =>
    target?.target === 'jump' ? target.chain : target?.target === 'unknown' ? target.words[2] : undefined;
  const places = rules.map((rule) => {
    const place = had.indexOf(nameOf(rule) ?? '');
    return place < 0 ? undefined : place;
  });
  expect(inOrderOfPlaces(rules, places).map(nameOf)).toEqual(expected);
});

const destinations = ['', '-d 10.0.0.1', '-d 10.0.0.2', '-d 10.0.0.0/24', '! -d 10.0.0.1'];
const ports = [
  '',
  '-p tcp',
  '-p tcp --dport 80',
  '-p tcp --dport 81',
  '-p udp --dport 80',
  '-p tcp --dport 80:81',
];
const targets = ['ACCEPT', 'DROP', 'REJECT', 'RETURN', 'MARK --set-xmark 0x1/0x1'];

const anyRule = fc
  .tuple(
    fc.constantFrom(...destinations),
    fc.constantFrom(...ports),
    fc.constantFrom('', '', '', '-m mark --mark 0x1/0x1', '-m nfacct --nfacct-name x'),
    fc.constantFrom(...targets.map((target) => `-j ${target}`), ''),
    fc.boolean(),
  )
  .map(([destination, port, other, target, before]) =>
    [destination, ...(before ? [other, port] : [port, other]), target].join(' '),
  );

/** Rules, each with a number that tells it from all others; and an order that they may be found in. */
const chainAndOrder = (oneRule: fc.Arbitrary<string>) =>
  fc.array(oneRule, { minLength: 2, maxLength: 12 }).chain((texts) =>
    fc.record({
      rules: fc.constant(texts.map((text, i) => rule(`-m comment --comment ${i} ${text}`))),
      order: fc.shuffledSubarray([...texts.keys()], { minLength: texts.length }),
    }),
  );

const toServicePort = fc
  .record({
    address: fc.constantFrom(...['1', '2', '3', '4'].map((last) => `-d 10.0.0.${last}`)),
    port: fc.constantFrom('-p tcp --dport 80', '-p tcp --dport 81', '-p udp --dport 80'),
    target: fc.constantFrom(...targets),
  })
  .map(({ address, port, target }) => `${address} ${port} -j ${target}`);

/** The places that rules have in an order, which holds their indices. */
const placesIn = (order: readonly number[]) => order.map((_, i) => order.indexOf(i));

describe('whatever the rules and whatever their places', () => {
  test('of two whose order matters, each stays before or behind the other', () => {
    fc.assert(
      fc.property(chainAndOrder(anyRule), fc.infiniteStream(fc.boolean()), ({ rules, order }, known) => {
        const places = placesIn(order).map((place) => (known.next().value ? place : undefined));
        expect(effectOf(inOrderOfPlaces(rules, places))).toEqual(effectOf(rules));
      }),
      { numRuns: 2000 },
    );
  });

  test('a packet has the same fate', () => {
    const node = { isLocal: (address: string) => address === '10.0.0.2' };
    const packets = ['10.0.0.1', '10.0.0.2', '10.0.0.9'].flatMap((destination) =>
      ['tcp', 'udp'].flatMap((protocol) =>
        [80, 81].map((destinationPort): Packet => {
          return { source: '192.0.2.1', destination, protocol, destinationPort, inInterface: 'eth0' };
        }),
      ),
    );
    const fates = (rules: readonly Rule[]): Fate['outcomes'][] => {
      const leading = ['INPUT', 'FORWARD'].map((name) => {
        return { name, policy: 'DROP' as const, rules: [rule('-j KUBE-SERVICES')] };
      });
      const chains = [...leading, { name: 'KUBE-SERVICES', rules }];
      const ruleset = prepare({ family: 'ipv4', tables: [{ name: 'filter', chains }] });
      return packets.map((packet) => simulate(ruleset, packet, node).outcomes);
    };
    fc.assert(
      fc.property(chainAndOrder(anyRule), ({ rules, order }) => {
        expect(fates(inOrderOfPlaces(rules, placesIn(order)))).toEqual(fates(rules));
      }),
      { numRuns: 300 },
    );
  });
});

describe('rules for one address and port each, and what comes last', () => {
  const last = rule('-m comment --comment last -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS');

  /** An order in which those that may meet stand as they are given. */
  const allowed = (rules: readonly Rule[], order: readonly number[]): Rule[] => {
    const waiting = order.flatMap((i) => rules[i] ?? []);
    return waiting.map((rule) => {
      const same = rules.filter((other) => mayMeet(rule, other));
      const nth = waiting.filter((other) => mayMeet(rule, other)).indexOf(rule);
      return same[nth] ?? rule;
    });
  };

  test('any order in which those of one destination stand as they are given is left as it is', () => {
    fc.assert(
      fc.property(chainAndOrder(toServicePort), ({ rules, order }) => {
        const found = [...allowed(rules, order), last];
        const wanted = [...rules, last];
        const places = wanted.map((rule) => found.indexOf(rule));
        expect(inOrderOfPlaces(wanted, places).map((rule) => printSavedRule(rule, 'ipv4'))).toEqual(
          found.map((rule) => printSavedRule(rule, 'ipv4')),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('no other is', () => {
    fc.assert(
      fc.property(chainAndOrder(toServicePort), fc.nat(), fc.nat(), ({ rules, order }, one, moved) => {
        const found = [...allowed(rules, order), last];
        const first = found[one % rules.length] ?? last;
        const others = found.filter((other) => other !== first && orderMatters(first, other));
        const second = others[moved % others.length] ?? last;
        const swapped = found.map((rule) => (rule === first ? second : rule === second ? first : rule));
        const wanted = [...rules, last];
        const places = wanted.map((rule) => swapped.indexOf(rule));
        expect(inOrderOfPlaces(wanted, places)).not.toEqual(swapped);
      }),
      { numRuns: 500 },
    );
  });
});
