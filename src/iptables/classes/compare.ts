/**
 * Two rulesets, and every packet: where what becomes of one differs. Packets are divided into classes by what the rules
 * of both ask; each class is followed through both, and each packet is of one class at the start.
 */
import type { Family } from '../../net/address.ts';
import { onlyDestinationOf } from '../simulator/candidates.ts';
import type { PreparedChain, PreparedRuleset } from '../simulator/prepare.ts';
import { type AffectedBox, affectedBoxes } from './affected.ts';
import { type ClassFlow, type Start, sentTo } from './class-flow.ts';
import { type ClassEnd, type ClassRuleset, explore, forClasses } from './explore.ts';
import { MANY_WAYS, type OverlayCell, overlay } from './overlay.ts';
import {
  commonClass,
  everyPacket,
  type Facts,
  labelWithout,
  localFact,
  otherClasses,
  type PacketClass,
} from './packet-class.ts';
import { type ClassNode, markBit, rangeOf } from './questions.ts';
import { common, isEmpty, labelOf, only, union, without } from './ranges.ts';

/** What may become of packets, and how probably. */
export interface ClassOutcome {
  readonly verdict: ClassEnd['verdict'];
  readonly rejectWith: string | undefined;
  /** Where DNAT has sent them: `address:port`. */
  readonly dnat: string | undefined;
  readonly masqueraded: boolean;
  readonly snat: string | undefined;
  /** The lists of xt_recent that they are written into. */
  readonly recent: readonly string[];
  /** Other programs' targets that they met. */
  readonly met: readonly string[];
  /** The mark in the end, of the one that they began with. */
  readonly mark: ClassFlow['mark'];
  readonly probability: number;
  /** How often chance decided on the way. */
  readonly chances: number;
}

/** Packets that fare alike in each ruleset, and not the same in both. */
export interface Difference {
  readonly start: Start;
  readonly packets: PacketClass;
  readonly before: readonly ClassOutcome[];
  readonly after: readonly ClassOutcome[];
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** How many classes of packets were sent through both. */
  readonly classes: number;
}

/**
 * Probabilities that differ by no more than this are the same. Beyond it, by no more than what rounding explains: each
 * fraction of the kernel is off by up to 2^-32, as it has 31 bits.
 */
const SAME = 1e-9;
const ROUNDING = 2 ** -32;

/**
 * Compares what two rulesets do to every packet.
 * @param wholly follow those packets, too, that meet the same rules in both
 * @throws RulesetError where rules lead to chains that there are not, or in a circle
 */
export function compareRulesets(
  before: PreparedRuleset,
  after: PreparedRuleset,
  node: ClassNode,
  { wholly = false }: { readonly wholly?: boolean } = {},
): Comparison {
  const { family } = before;
  const old = forClasses(before);
  const rules = [old, forClasses(after, old.chains)] as const;
  const differences: Difference[] = [];
  let classes = 0;
  const boxes = wholly ? undefined : affectedBoxes(before, after);
  for (const to of classesTo(boxes, before, after, node)) {
    for (const start of ['arrives', 'begins'] as const) {
      const packets = startingAt(start, to, node);
      const [a, b] = rules.map((ruleset: ClassRuleset) => explore(ruleset, packets, start, node));
      if (!a || !b) continue;
      classes += Math.max(a.length, b.length);
      differences.push(...differencesOf(a, b, start, family));
    }
  }
  return { differences, classes };
}

/**
 * Nothing arrives from the node's own addresses: in IPv4 the kernel takes it for a lie (fib_validate_source in
 * fib_frontend.c), in IPv6 nobody else has them.
 */
function startingAt(start: Start, packets: PacketClass, { local, perhapsLocal }: ClassNode): PacketClass {
  if (start === 'begins') return packets;
  const facts = isEmpty(perhapsLocal) ? packets.facts : new Map([[localFact('source'), false] as const]);
  return { ...packets, source: without(packets.source, local), facts };
}

/** More boxes than this are not worth to be kept apart. */
const MANY_BOXES = 2000;

/** Packets by where they are sent, in parts: each address that has a rule of its own in a chain that many pass. */
function* classesTo(
  boxes: readonly AffectedBox[] | undefined,
  before: PreparedRuleset,
  after: PreparedRuleset,
  { local }: ClassNode,
): Generator<PacketClass> {
  const every = everyPacket(before.family);
  const all = boxes === undefined || boxes.length > MANY_BOXES ? [every] : disjoint(boxes, every);
  if (all.length === 0) return;
  const named = union([...namedDestinations(before), ...namedDestinations(after)].map(rangeOf));
  for (const packets of all) {
    const points = common(packets.destination, named);
    for (let i = 0; i < points.length; i += 2) {
      const [first = 0n, last = 0n] = points.slice(i, i + 2);
      for (let value = first; value <= last; value++) yield { ...packets, destination: only(value) };
    }
    const rest = without(packets.destination, named);
    for (const destination of [common(rest, local), without(rest, local)]) {
      if (!isEmpty(destination)) yield { ...packets, destination };
    }
  }
}

function disjoint(boxes: readonly AffectedBox[], every: PacketClass): PacketClass[] {
  const classes: PacketClass[] = [];
  const byPlace = new Map(boxes.map((box) => [`${labelOf(box.destination)} ${labelOf(box.service)}`, box]));
  for (const { destination, service } of byPlace.values()) {
    const inFamily = common(destination, every.destination);
    if (!isEmpty(inFamily)) classes.push(...apartFrom({ ...every, destination: inFamily, service }, classes));
  }
  return classes;
}

/** Addresses that have rules of their own in the chains that lead to those of Services, without going into these. */
function namedDestinations(ruleset: PreparedRuleset): ReadonlySet<string> {
  const named = new Set<string>();
  const seen = new Set<PreparedChain>();
  const todo = (['raw', 'mangle', 'nat', 'filter', 'security'] as const).flatMap((table) =>
    ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT'].flatMap((name) => ruleset.chain(table, name) ?? []),
  );
  for (let chain = todo.pop(); chain; chain = todo.pop()) {
    if (seen.has(chain)) continue;
    seen.add(chain);
    for (const rule of chain.rules) {
      const { effect, table } = rule;
      const only = onlyDestinationOf(rule);
      if (only?.by === 'address') named.add(only.address);
      else if (only === undefined && (effect.effect === 'jump' || effect.effect === 'goto')) {
        const next = ruleset.chain(table, effect.chain);
        if (next) todo.push(next);
      }
    }
  }
  return named;
}

/** A way that packets may take, and what it comes to. */
interface Way {
  readonly packets: PacketClass;
  readonly outcome: ClassOutcome;
  /** What two ways share that come to the same, but for the mark and how probable they are; and with the mark. */
  readonly label: string;
  readonly labelWithMark: string;
}

function wayOf({ flow, verdict, rejectWith }: ClassEnd, family: Family): Way {
  const { packets, translation, recent, met, probability, chances } = flow;
  const dnat = sentTo(flow, family);
  const source = typeof translation === 'object' ? translation.to : translation;
  const label = JSON.stringify([verdict, rejectWith, dnat, source, recent, met]);
  const mark = markOf(flow.mark, packets);
  const outcome: ClassOutcome = {
    verdict,
    rejectWith,
    dnat,
    masqueraded: translation === 'masquerade',
    snat: typeof translation === 'object' ? translation.to : undefined,
    recent,
    met,
    mark,
    probability,
    chances,
  };
  return { packets, outcome, label, labelWithMark: withMark(label, mark) };
}

function withMark(label: string, { keep, flip }: ClassOutcome['mark']): string {
  return `${label}|${keep}|${flip}`;
}

/** Where the ways that packets take in one ruleset come to something else than those in the other. */
function differencesOf(
  before: readonly ClassEnd[],
  after: readonly ClassEnd[],
  start: Start,
  family: Family,
): Difference[] {
  const ways = {
    before: before.map((end) => wayOf(end, family)),
    after: after.map((end) => wayOf(end, family)),
  };
  const [a, b] = [ways.before, ways.after].map((side) => Map.groupBy(side, ({ label }) => label));
  const different: PacketClass[] = [];
  for (const label of new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])) {
    for (const cell of overlay(a?.get(label) ?? [], b?.get(label) ?? [])) {
      if (!sameWays(cell)) different.push(cell.packets);
    }
  }
  // Packets that fare alike in both are told together.
  const outcomes = outcomesBy();
  const classes = different.length > MANY_WAYS ? disjointBySource(different) : disjointClasses(different);
  return classes.flatMap((packets) => {
    const within = (ways: readonly Way[]) =>
      ways.flatMap((way) => {
        const both = commonClass(way.packets, packets);
        return both ? [{ ...way, packets: both }] : [];
      });
    return overlay(within(ways.before), within(ways.after)).map(
      (cell): Difference => ({
        start,
        packets: cell.packets,
        before: outcomes(cell.before, cell.packets),
        after: outcomes(cell.after, cell.packets),
      }),
    );
  });
}

/** The same packets in classes that share none. */
function disjointClasses(classes: readonly PacketClass[]): readonly PacketClass[] {
  const disjoint: PacketClass[] = [];
  for (const packets of classes) disjoint.push(...apartFrom(packets, disjoint));
  return disjoint;
}

/** As {@link disjointClasses}, of classes that mostly differ in their sources alone. */
function disjointBySource(classes: readonly PacketClass[]): readonly PacketClass[] {
  const alike = Map.groupBy(classes, (packets) => labelWithout(packets, 'source'));
  return disjointClasses(
    [...alike.values()].flatMap((same) =>
      same.slice(0, 1).map((packets) => ({ ...packets, source: union(same.map(({ source }) => source)) })),
    ),
  );
}

/** The packets of a class that are in none of others. */
function apartFrom(packets: PacketClass, others: readonly PacketClass[]): PacketClass[] {
  let left = [packets];
  for (const other of others) {
    if (left.length === 0) break;
    left = left.flatMap((part) => otherClasses(part, other));
  }
  return left;
}

/** Whether packets take these ways, which come to the same, as probably and with the same mark in both rulesets. */
function sameWays({ packets, before, after }: OverlayCell<Way>): boolean {
  const [a, b] = [byMark(before, packets), byMark(after, packets)];
  return [...new Set([...a.keys(), ...b.keys()])].every((mark) => {
    const [left, right] = [a.get(mark) ?? NEVER, b.get(mark) ?? NEVER];
    const rounding = (left.chances + right.chances) * ROUNDING;
    return Math.abs(left.probability - right.probability) <= Math.max(SAME, rounding);
  });
}

const NEVER = { probability: 0, chances: 0 };

function byMark(ways: readonly Way[], packets: PacketClass) {
  const sums = new Map<string, typeof NEVER>();
  for (const { outcome, label } of ways) {
    const key = withMark(label, markOf(outcome.mark, packets));
    const sum = sums.get(key) ?? NEVER;
    sums.set(key, {
      probability: sum.probability + outcome.probability,
      chances: sum.chances + outcome.chances,
    });
  }
  return sums;
}

/** A mark in the end, as far as it is known of these packets what it was at the beginning. */
function markOf(mark: ClassOutcome['mark'], { facts }: PacketClass): ClassOutcome['mark'] {
  if (mark.keep === 0) return mark;
  let known = mark;
  for (const [fact, is] of facts) {
    const bit = markBit(fact);
    if (bit === undefined || (known.keep & bit) === 0) continue;
    known = { keep: (known.keep & ~bit) >>> 0, flip: is ? (known.flip ^ bit) >>> 0 : known.flip };
  }
  return known;
}

/** What a way comes to for packets with some facts. */
interface Told {
  readonly outcome: ClassOutcome;
  readonly slot: Slot;
}

/** Shared by all ways that come to the same: where that is in the outcomes that are being added up. */
interface Slot {
  turn: number;
  place: number;
}

/** What ways come to; those that come to the same are one outcome, as probable as all of them. */
function outcomesBy(): (ways: readonly Way[], packets: PacketClass) => ClassOutcome[] {
  // Of one Service, many classes of packets with the same facts take nearly the same ways.
  const byFacts = new Map<Facts, Teller>();
  let turn = 0;
  return (ways, packets) => {
    const { tell, known } = byFacts.get(packets.facts) ?? teller(packets);
    byFacts.set(packets.facts, { tell, known });
    const same = known.get(ways);
    if (same) return same;
    const outcomes: ClassOutcome[] = [];
    known.set(ways, outcomes);
    turn++;
    for (const way of ways) {
      const { outcome, slot } = tell(way);
      const same = slot.turn === turn ? outcomes[slot.place] : undefined;
      if (same) {
        const { probability, chances } = outcome;
        outcomes[slot.place] = {
          ...same,
          probability: same.probability + probability,
          chances: same.chances + chances,
        };
      } else {
        slot.turn = turn;
        slot.place = outcomes.push(outcome) - 1;
      }
    }
    return outcomes;
  };
}

interface Teller {
  readonly tell: (way: Way) => Told;
  /** Of lists of ways that were told before. */
  readonly known: WeakMap<readonly Way[], ClassOutcome[]>;
}

function teller(packets: PacketClass): Teller {
  const known = new Map<ClassOutcome, Told>();
  const slots = new Map<string, Slot>();
  const tell = ({ outcome, label, labelWithMark }: Way) => {
    const told = known.get(outcome);
    if (told) return told;
    const mark = markOf(outcome.mark, packets);
    const isKnown = mark !== outcome.mark;
    const key = isKnown ? withMark(label, mark) : labelWithMark;
    const slot = slots.get(key) ?? { turn: 0, place: 0 };
    slots.set(key, slot);
    const made = { outcome: isKnown ? { ...outcome, mark } : outcome, slot };
    known.set(outcome, made);
    return made;
  };
  return { tell, known: new WeakMap() };
}
