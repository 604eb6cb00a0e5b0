/** Ways that are laid over each other, few and very many. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MANY_WAYS, overlay } from './overlay.ts';
import { everyPacket, inInterfaceFact, localFact, type PacketClass } from './packet-class.ts';
import { holds, only, union } from './ranges.ts';

const EVERY = everyPacket('ipv4');
const LAST_SOURCE = 12;
const PORTS = [80n, 443n];
const FACT = inInterfaceFact('eth0');

interface Way {
  readonly name: number;
  readonly packets: PacketClass;
}

const sources = fc
  .uniqueArray(fc.integer({ min: 0, max: LAST_SOURCE }), { minLength: 1, maxLength: LAST_SOURCE })
  .map((values) => union(values.map((value) => only(BigInt(value)))));

const packets = fc
  .record({
    source: sources,
    service: fc.constantFrom(union(PORTS.map(only)), ...PORTS.map(only)),
    facts: fc.constantFrom<ReadonlyMap<string, boolean>>(
      new Map(),
      new Map([[FACT, true]]),
      new Map([[FACT, false]]),
    ),
  })
  .map((parts): PacketClass => ({ ...EVERY, ...parts }));

const waysOf = (maxLength: number, minLength = 0) =>
  fc
    .array(packets, { minLength, maxLength })
    .map((all) => all.map((packets, name): Way => ({ name, packets })));

const isIn = ({ source, service, facts }: PacketClass, from: bigint, port: bigint, fact: boolean) =>
  holds(source, from) && holds(service, port) && (facts.get(FACT) ?? fact) === fact;

const names = (ways: readonly Way[] = []) => ways.map(({ name }) => name).sort((a, b) => a - b);

/** Of each packet, what the one cell that it is in says. */
function expectCells(before: readonly Way[], after: readonly Way[]): void {
  const cells = overlay(before, after);
  for (let from = 0n; from <= LAST_SOURCE; from++) {
    for (const port of PORTS) {
      for (const fact of [true, false]) {
        const mine = cells.filter(({ packets }) => isIn(packets, from, port, fact));
        const of = (ways: readonly Way[]) => names(ways.filter((way) => isIn(way.packets, from, port, fact)));
        const [was, is] = [of(before), of(after)];
        expect(mine.length).toBe(was.length + is.length > 0 ? 1 : 0);
        expect([names(mine[0]?.before), names(mine[0]?.after)]).toEqual([was, is]);
      }
    }
  }
}

test.each([
  ['few', waysOf(6)],
  ['very many', waysOf(MANY_WAYS + 20, MANY_WAYS)],
])('each packet is in one cell, with all of its ways: %s', (_, ways) => {
  fc.assert(
    fc.property(ways, ways, (before, after) => expectCells(before, after)),
    { numRuns: 30 },
  );
});

test('very many that tell apart whose own the source is', () => {
  fc.assert(
    fc.property(waysOf(MANY_WAYS + 2, MANY_WAYS + 1), (ways) => {
      const [first, ...others] = ways;
      if (!first) throw new Error('no ways');
      const own = { ...first.packets, facts: new Map([[localFact('source'), true]]) };
      const cells = overlay([{ ...first, packets: own }, ...others], []);
      // Those of which it is not known are in two parts.
      for (const { packets, before } of cells) {
        expect(before.some(({ name }) => name === 0)).toBe(packets.facts.get(localFact('source')) === true);
      }
    }),
    { numRuns: 3 },
  );
});
