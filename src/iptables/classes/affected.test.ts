/** Packets that need not be followed are none that fare differently. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressValue } from '../../net/address.ts';
import { parseRuleset } from '../parse.ts';
import { prepare, prepareSaved } from '../simulator/prepare.ts';
import { affectedBoxes } from './affected.ts';
import { type Comparison, compareRulesets } from './compare.ts';
import { classNode, serviceValue } from './questions.ts';
import { holds } from './ranges.ts';

const NODE = classNode(['192.168.0.2'], 'ipv4', true);

/** Rules of which each part is left out by some: one address with three protocols, node ports, refusals, policies. */
const LINES: readonly string[] = [
  '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A',
  '-A KUBE-SERVICES -d 10.96.0.1/32 -p udp -m udp --dport 80 -j KUBE-SVC-B',
  '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-B',
  '-A KUBE-SERVICES -d 10.96.0.2/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-B',
  '-A KUBE-SERVICES -s 10.9.0.0/16 -j RETURN',
  '-A KUBE-SERVICES -d 10.96.0.0/16 -p tcp -j KUBE-TREE',
  '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
  '-A KUBE-NODEPORTS -d 127.0.0.0/8 -p tcp -m tcp --dport 30080 -j KUBE-SVC-B',
  '-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SVC-A',
  '-A KUBE-NODEPORTS -p udp -m udp --dport 30080 -j KUBE-SVC-A',
  '-A KUBE-NODEPORTS -p tcp -m tcp --dport 30081 -j KUBE-SVC-B',
  '-A KUBE-TREE -d 10.96.7.0/24 -p tcp -m tcp --dport 80 -j KUBE-SVC-A',
  '-A KUBE-TREE -d 10.96.8.8/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-B',
  '-A KUBE-SVC-A -s 10.244.1.5/32 -j MARK --set-xmark 0x4000/0x4000',
  '-A KUBE-SVC-A -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.244.1.5:8080',
  '-A KUBE-SVC-A -p tcp -j DNAT --to-destination 10.244.1.6:8080',
  '-A KUBE-SVC-B -p tcp -j DNAT --to-destination 10.96.0.3:8080',
  '-A PREROUTING -j KUBE-SERVICES',
  '-A OUTPUT -j KUBE-SERVICES',
];

const FILTER: readonly string[] = [
  '-A FORWARD -d 10.96.0.3/32 -p tcp -m tcp --dport 8080 -j REJECT',
  '-A FORWARD -d 10.96.0.4/32 -p tcp -m tcp --dport 80 -j REJECT',
  '-A FORWARD -s 10.1.0.0/16 -j DROP',
];

const CHAINS = [
  'PREROUTING',
  'OUTPUT',
  'KUBE-SERVICES',
  'KUBE-NODEPORTS',
  'KUBE-TREE',
  'KUBE-SVC-A',
  'KUBE-SVC-B',
];

function text(nat: readonly string[], filter: readonly string[]): string {
  const built = (name: string) => (name.startsWith('KUBE') ? `:${name} - [0:0]` : `:${name} ACCEPT [0:0]`);
  return [
    ...['*nat', ...CHAINS.map(built), ...nat, 'COMMIT'],
    ...['*filter', ':FORWARD ACCEPT [0:0]', ...filter, 'COMMIT', ''],
  ].join('\n');
}

/** What differences say of some packets, whatever parts they come in. */
function told({ differences }: Comparison): string[] {
  const texts = differences.flatMap(({ start, packets, before, after }) =>
    PLACES.flatMap(([address, protocol, port]) => {
      const service = serviceValue(protocol, port);
      const isThere = holds(packets.destination, addressValue(address)) && holds(packets.service, service);
      const sides = [before, after].map((side) =>
        side.map(({ dnat, verdict }) => `${verdict} ${dnat}`).sort(),
      );
      return isThere ? [JSON.stringify([start, address, protocol, port, sides])] : [];
    }),
  );
  return [...new Set(texts)].sort();
}

const PLACES: readonly (readonly [string, string, number])[] = [
  ...[
    '10.96.0.1',
    '10.96.0.2',
    '10.96.0.3',
    '10.96.0.4',
    '10.96.7.9',
    '10.96.8.8',
    '192.168.0.2',
    '127.0.0.1',
  ],
].flatMap((address) =>
  (['tcp', 'udp'] as const).flatMap((protocol) =>
    [80, 443, 8080, 30080, 30081].map((port): [string, string, number] => [address, protocol, port]),
  ),
);

test('what is left out changes for nobody, in text and as data', () => {
  const some = fc.tuple(fc.subarray([...LINES], { minLength: LINES.length - 2 }), fc.subarray([...FILTER]));
  let followed = 0;
  fc.assert(
    fc.property(some, some, fc.boolean(), (one, other, asData) => {
      const [before, after] = [one, other].map(([nat, filter]) =>
        asData ? prepare(parseRuleset(text(nat, filter), 'ipv4')) : prepareSaved(text(nat, filter), 'ipv4'),
      );
      if (!before || !after) return;
      if (affectedBoxes(before, after) !== undefined) followed++;
      const [few, all] = [{}, { wholly: true }].map((how) => compareRulesets(before, after, NODE, how));
      if (!few || !all) return;
      expect(told(few)).toEqual(told(all));
      expect(few.differences.length > 0).toBe(all.differences.length > 0);
    }),
    { numRuns: 150 },
  );
  expect(followed).toBeGreaterThan(10);
});

describe('what may fare differently', () => {
  const boxes = (change: (lines: readonly string[]) => readonly string[], filter = FILTER.slice(0, 0)) =>
    affectedBoxes(
      prepareSaved(text(LINES, filter), 'ipv4'),
      prepareSaved(text(change(LINES), filter), 'ipv4'),
    );

  test('nothing, where the rules are the same', () => {
    expect(boxes((lines) => lines)).toEqual([]);
  });

  test('all ports of an address of which one rule is gone', () => {
    const [box] = boxes((lines) => lines.slice(1)) ?? [];
    expect(box && holds(box.destination, addressValue('10.96.0.1'))).toBe(true);
    expect(box && holds(box.destination, addressValue('10.96.0.2'))).toBe(false);
    for (const [protocol, port] of [
      ['tcp', 80],
      ['udp', 80],
      ['tcp', 443],
    ] as const) {
      const service = serviceValue(protocol, port);
      expect(box && holds(box.service, service)).toBe(true);
    }
  });

  test('everything, where a rule for any packet is another', () => {
    expect(boxes((lines) => lines.filter((line) => !line.includes('10.9.0.0')))).toBeUndefined();
  });
});
