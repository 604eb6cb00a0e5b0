/** What a change of rules does to packets: Service by Service and way in, in data that words are made of. */

import { serviceOf } from '../chains/comments.ts';
import type { ServiceAddress } from '../chains/service-addresses.ts';
import {
  type ClassOutcome,
  type Comparison,
  compareRulesets,
  type Difference,
} from '../iptables/classes/compare.ts';
import { type ClassExample, exampleOf } from '../iptables/classes/example.ts';
import { type PacketClass, seenIn } from '../iptables/classes/packet-class.ts';
import { type ClassNode, markBit, rangeOf, undecidedWords } from '../iptables/classes/questions.ts';
import { countOf, holds, isEmpty, onlyOne, without } from '../iptables/classes/ranges.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { type Family, formatAddress, joinPort, LOOPBACK } from '../net/address.ts';
import { type Timeouts, timeoutsIn } from './affinity.ts';
import { type Senders, sendersOf } from './senders.ts';
import { type ComparedWay, WaysIn } from './ways-in.ts';

/** What may become of packets: the share of each endpoint, and of each end that they come to without one. */
export interface Fates {
  /** By `address:port`. */
  readonly endpoints: ReadonlyMap<string, number>;
  /** Of those that no rule sends elsewhere: `through` goes on as it is. */
  readonly ends: ReadonlyMap<'through' | 'dropped' | 'refused', number>;
  /** Of those that get to an endpoint, and are dropped or refused on the way there. */
  readonly lost: number;
  /** In how many cases the endpoint sees the node's address instead of the sender's. */
  readonly masqueraded: number;
  /** For how many seconds an endpoint remembers its client, with session affinity; undefined without. */
  readonly affinitySeconds: number | undefined;
}

/** What becomes another on a way in, for some senders. */
export interface PacketEffect {
  readonly kind: 'fate' | 'masquerading' | 'affinity' | 'mark';
  readonly senders: Senders;
  readonly before: Fates;
  readonly after: Fates;
  /** A packet that shows it. */
  readonly example: ClassExample;
  /** The classes of packets that it is made of. */
  readonly differences: readonly Difference[];
  /** Those of packets out of the usual, for which the same becomes another: the words are not about them. */
  readonly unusual: readonly Difference[];
}

export interface WayEffects {
  readonly to: ServiceAddress;
  /** It is there in the rules before, and after. */
  readonly was: boolean;
  readonly is: boolean;
  readonly effects: readonly PacketEffect[];
  /** Classes of packets that fare otherwise, too, and that no effect is about; see {@link EffectsOfPlace}. */
  readonly untold: readonly Difference[];
}

export interface ServiceEffects {
  /** `namespace/name` */
  readonly service: string;
  readonly ways: readonly WayEffects[];
}

export interface Effects {
  readonly family: Family;
  /** What was taken to be known of it. */
  readonly node: ClassNode;
  readonly services: readonly ServiceEffects[];
  /** What changes for packets that are to no Service. */
  readonly others: readonly PacketEffect[];
  /** Classes of packets to no Service that no effect is about; see {@link EffectsOfPlace}. */
  readonly untold: readonly Difference[];
  /** Matches of other programs, of which something that changes depends, in their own words. */
  readonly undecided: readonly string[];
  /** How many classes of packets were sent through both rulesets. */
  readonly classes: number;
}

/**
 * Compares two rulesets packet by packet: all of them.
 * @param node what is known of the node's addresses
 * @throws RulesetError where rules lead to chains that there are not, or in a circle
 */
export function effectsOf(before: PreparedRuleset, after: PreparedRuleset, node: ClassNode): Effects {
  return effectsIn(compareRulesets(before, after, node), before, after, node);
}

function effectsIn(
  { differences, classes }: Comparison,
  before: PreparedRuleset,
  after: PreparedRuleset,
  node: ClassNode,
): Effects {
  const { family } = before;
  const timeouts = { before: timeoutsIn(before), after: timeoutsIn(after) };
  const byWay = differencesByWay(differences, new WaysIn(before, after, family, node), timeouts);
  const of = (differences: readonly Difference[]) => effectsOfPlace(differences, timeouts, family, node);
  const ways = [...byWay.values()].flatMap(({ way, differences }) => {
    if (!way) return [];
    const { to, was, is } = way;
    return [{ to, was, is, ...of(differences) }];
  });
  const others = effectsOfOthers(byWay.get('')?.differences ?? [], of, family);
  const services = Map.groupBy(ways, ({ to }) => serviceOf(to.servicePort));
  return {
    family,
    node,
    services: [...services]
      .map(([service, ways]) => ({ service, ways: ways.toSorted(byAddress) }))
      .sort((a, b) => (a.service < b.service ? -1 : 1)),
    others: others.effects,
    untold: others.untold,
    undecided: undecidedIn(differences),
    classes,
  };
}

function byAddress({ to: a }: WayEffects, { to: b }: WayEffects): number {
  const key = ({ servicePort, way, address = '', port, protocol }: ServiceAddress) =>
    `${servicePort} ${ORDER[way]} ${address} ${String(port).padStart(5, '0')} ${protocol}`;
  return key(a) < key(b) ? -1 : 1;
}

const ORDER: Readonly<Record<ServiceAddress['way'], number>> = {
  'cluster-ip': 0,
  'external-ip': 1,
  'load-balancer-ip': 2,
  'outside-ip': 3,
  'node-port': 4,
};

interface BothTimeouts {
  readonly before: Timeouts;
  readonly after: Timeouts;
}

/**
 * What changes at each way in, by its key, and for packets to no Service, by no key. A change that comes to packets to no
 * Service, and alike to those to a Service that has no endpoint for them on either side, is one of no Service.
 */
function differencesByWay(
  differences: readonly Difference[],
  waysIn: WaysIn,
  timeouts: BothTimeouts,
): ReadonlyMap<string, { readonly way: ComparedWay | undefined; readonly differences: Difference[] }> {
  const byWay = new Map<string, { way: ComparedWay | undefined; differences: Difference[] }>();
  const add = (way: ComparedWay | undefined, difference: Difference) => {
    const found = byWay.get(way?.key ?? '');
    if (found) found.differences.push(difference);
    else byWay.set(way?.key ?? '', { way, differences: [difference] });
  };
  const told = differences.map((difference) => ({
    difference,
    label: labelWithoutEndpoints(difference, timeouts),
  }));
  const ofOthers = new Set<string>();
  for (const { difference, label } of told) {
    if (label === undefined || ofOthers.has(label)) continue;
    for (const part of waysIn.partsOf(difference.packets)) {
      if (part.ways.length > 0) continue;
      ofOthers.add(label);
      break;
    }
  }
  for (const { difference, label } of told) {
    const isOfOthers = label !== undefined && ofOthers.has(label);
    const wanted = isOfOthers ? ({ was, is }: ComparedWay) => !(was && is) : undefined;
    for (const { ways, packets } of waysIn.partsOf(difference.packets, wanted)) {
      const part = packets === difference.packets ? difference : { ...difference, packets };
      for (const way of ways.length > 0 ? ways : [undefined]) add(way, part);
    }
  }
  return byWay;
}

/** What becomes of packets that are sent to no endpoint on either side; undefined of others. */
function labelWithoutEndpoints({ before, after }: Difference, timeouts: BothTimeouts): string | undefined {
  if ([...before, ...after].some(({ dnat }) => dnat !== undefined)) return undefined;
  const shares = () => new Map<string, number>();
  const [old, now] = [fatesOf(before, timeouts.before, shares), fatesOf(after, timeouts.after, shares)];
  return kindsOf(old, now)
    .map((kind) => labelOfChange(kind, old, now))
    .join('; ');
}

/** Where packets go comes first. */
const KINDS: readonly PacketEffect['kind'][] = ['fate', 'masquerading', 'affinity', 'mark'];

function orderOf(kind: PacketEffect['kind'] | undefined): number {
  return kind === undefined ? KINDS.length : KINDS.indexOf(kind);
}

/** What changes on one way in, or for packets to no Service. */
interface EffectsOfPlace {
  readonly effects: readonly PacketEffect[];
  /**
   * What becomes another, too, and goes without saying: of packets out of the usual, where something changes for usual ones;
   * and what follows from an effect.
   */
  readonly untold: readonly Difference[];
}

/** What changes on one way in: those that change alike are told as one. */
function effectsOfPlace(
  differences: readonly Difference[],
  timeouts: BothTimeouts,
  family: Family,
  node: ClassNode,
): EffectsOfPlace {
  const shares = sharesBy();
  const all = relevant(differences, family).flatMap((difference) => {
    const before = fatesOf(difference.before, timeouts.before, shares);
    const after = fatesOf(difference.after, timeouts.after, shares);
    return kindsOf(before, after).map((kind) => ({ kind, before, after, difference }));
  });
  const told = withoutConsequences(all, family);
  const groups = Map.groupBy(told, ({ kind, before, after }) => labelOfChange(kind, before, after));
  const inOrder = [...groups.values()].sort(([a], [b]) => orderOf(a?.kind) - orderOf(b?.kind));
  const about = new Set(told.map(({ difference }) => difference));
  const effects = inOrder.flatMap((same): PacketEffect[] => {
    const alike = same.map(({ difference }) => difference);
    // A packet as it usually is shows it best, of those that there are most of.
    const [shown] = same.toSorted((a, b) => byOddness(a.difference, b.difference));
    if (!shown) return [];
    const { kind, before, after, difference } = shown;
    return [
      {
        kind,
        before,
        after,
        senders: sendersOf(alike, node, family),
        example: exampleOf(difference.packets, difference.start, family, node),
        differences: alike,
        unusual: [],
      },
    ];
  });
  return { effects, untold: differences.filter((one) => !about.has(one)) };
}

/**
 * What changes for packets to no Service: first for those as they usually are; for those out of the usual, what is not the
 * same change.
 */
function effectsOfOthers(
  differences: readonly Difference[],
  of: (differences: readonly Difference[]) => EffectsOfPlace,
  family: Family,
): EffectsOfPlace {
  const told = new Map<string, PacketEffect>();
  const untold: Difference[] = [];
  for (let left = differences; left.length > 0; ) {
    const usual = new Set(relevant(left, family));
    const here = of([...usual]);
    untold.push(...here.untold);
    for (const effect of here.effects) {
      const label = labelOfEffect(effect);
      const same = told.get(label);
      const more = same && { ...same, unusual: [...same.unusual, ...effect.differences] };
      told.set(label, more ?? effect);
    }
    left = left.filter((one) => !usual.has(one));
  }
  return { effects: [...told.values()], untold };
}

function labelOfEffect({ kind, before, after }: PacketEffect): string {
  return labelOfChange(kind, before, after);
}

interface Change {
  readonly kind: PacketEffect['kind'];
  readonly before: Fates;
  readonly after: Fates;
  readonly difference: Difference;
}

/** Without what follows from something else that is told. */
function withoutConsequences(all: readonly Change[], family: Family): readonly Change[] {
  // Which endpoint remembers a client still is a matter of how long it does.
  if (
    all.some(({ kind }) => kind === 'affinity') &&
    all.every(({ difference }) => isRemembered(difference.packets))
  ) {
    return all.filter(({ kind }) => kind === 'affinity');
  }
  // Pods that reach themselves are masqueraded: that follows from which endpoints there are, and from what is of others.
  const isOfItself = ({ kind, before, after, difference }: Change) =>
    kind === 'masquerading' && isEndpoint(difference.packets, before, after, family);
  const follows = all.some((one) => one.kind === 'fate' || (one.kind === 'masquerading' && !isOfItself(one)));
  return follows ? all.filter((one) => !isOfItself(one)) : all;
}

/** Whether these packets come from clients that a list of xt_recent holds. */
function isRemembered({ facts }: PacketClass): boolean {
  return [...facts].some(([fact, is]) => is && seenIn(fact) !== undefined);
}

/** Whether all of its packets come from one of the endpoints. */
function isEndpoint({ source }: PacketClass, before: Fates, after: Fates, family: Family): boolean {
  const address = onlyOne(source);
  if (address === undefined) return false;
  const beginning = joinPort(formatAddress(family, address), 0).slice(0, -1);
  return [...before.endpoints.keys(), ...after.endpoints.keys()].some((endpoint) =>
    endpoint.startsWith(beginning),
  );
}

function byOddness(a: Difference, b: Difference): number {
  const count = ({ packets }: Difference) => countOf(packets.destination) * countOf(packets.source);
  return oddness(a) - oddness(b) || Number(count(b) - count(a));
}

/** Facts that few packets have, and that they are the node's own. */
function oddness({ start, packets: { facts, state } }: Difference): number {
  const own = start === 'begins' ? 1 : 0;
  return own + [...facts].filter(([, is]) => is).length + (holds(state, 0n) ? 0 : 10);
}

/**
 * First packets of connections, from clients that no list remembers, without a mark, and not to a loopback address: of
 * others only where nothing else changes.
 */
function relevant(differences: readonly Difference[], family: Family): readonly Difference[] {
  const loopback = rangeOf(LOOPBACK[family]);
  const usual: readonly ((packets: PacketClass) => boolean)[] = [
    ({ state }) => holds(state, 0n),
    (packets) => !isRemembered(packets),
    ({ facts }) => ![...facts].some(([fact, is]) => is && markBit(fact) !== undefined),
    ({ destination }) => !isEmpty(without(destination, loopback)),
  ];
  return usual.reduce((left, isUsual) => {
    const some = left.filter(({ packets }) => isUsual(packets));
    return some.length > 0 ? some : left;
  }, differences);
}

function fatesOf(outcomes: readonly ClassOutcome[], timeouts: Timeouts, shares: Shares): Fates {
  const ends = new Map<'through' | 'dropped' | 'refused', number>();
  let [lost, masqueraded] = [0, 0];
  let affinitySeconds: number | undefined;
  for (const { verdict, dnat, probability, masqueraded: hides, recent } of outcomes) {
    if (hides) masqueraded += probability;
    for (const entry of recent) {
      const seconds = timeouts(entry.split(' ', 1).join());
      if (seconds !== undefined) affinitySeconds = Math.max(seconds, affinitySeconds ?? 0);
    }
    if (dnat !== undefined) {
      if (verdict !== 'ACCEPT') lost += probability;
      continue;
    }
    const end = verdict === 'ACCEPT' ? 'through' : verdict === 'DROP' ? 'dropped' : 'refused';
    ends.set(end, (ends.get(end) ?? 0) + probability);
  }
  return { endpoints: shares(outcomes), ends, lost, masqueraded, affinitySeconds };
}

/** Which share of packets gets to which endpoint, by `address:port` and in this order. */
type Shares = (outcomes: readonly ClassOutcome[]) => Fates['endpoints'];

/**
 * Shares that are the same are the same object: of a Service with very many endpoints, each of them is a sender of its own,
 * for which nearly always they are.
 */
function sharesBy(): Shares {
  const numbers = new Map<string, number>();
  const known: { readonly sums: readonly number[]; readonly endpoints: Fates['endpoints'] }[] = [];
  const sums: number[] = [];
  return (outcomes) => {
    sums.fill(0);
    for (const { dnat, probability } of outcomes) {
      if (dnat === undefined) continue;
      const number = numbers.get(dnat) ?? numbers.size;
      if (number === numbers.size) numbers.set(dnat, number);
      sums[number] = (sums[number] ?? 0) + probability;
    }
    const same = known.find((one) => sameSums(one.sums, sums));
    if (same) return same.endpoints;
    const sent = new Set(outcomes.flatMap(({ dnat }) => dnat ?? []));
    const endpoints = new Map([...sent].sort().map((to) => [to, sums[numbers.get(to) ?? 0] ?? 0]));
    known.push({ sums: [...sums], endpoints });
    return endpoints;
  };
}

/** Where one list is longer, more endpoints were known: nothing of what is behind the other one's end. */
function sameSums(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false;
  return true;
}

/** Of which kinds a change is; where packets go, and what of masquerading does not follow from that. */
function kindsOf(before: Fates, after: Fates): PacketEffect['kind'][] {
  const kinds: PacketEffect['kind'][] = [];
  if (goesElsewhere(before, after)) kinds.push('fate');
  if (
    before.affinitySeconds !== after.affinitySeconds &&
    before.endpoints.size > 0 &&
    after.endpoints.size > 0
  )
    kinds.push('affinity');
  if (staysInSight(before, after) && wholeOf(before.masqueraded) !== wholeOf(after.masqueraded))
    kinds.push('masquerading');
  if (kinds.length > 0) return kinds;
  return [before.masqueraded === after.masqueraded ? 'mark' : 'masquerading'];
}

/** Whether whom packets get to sees who sent them, before and after. */
function staysInSight(before: Fates, after: Fates): boolean {
  const arrives = ({ endpoints, ends, lost }: Fates) =>
    endpoints.size > 0 ? 1 - lost : (ends.get('through') ?? 0);
  const [old, now] = [arrives(before), arrives(after)];
  return before.endpoints.size > 0 === after.endpoints.size > 0 && old > 1e-6 && Math.abs(old - now) < 1e-6;
}

/** Where a pod may reach itself, some of its packets are masqueraded: how many follows from the number of endpoints. */
export function wholeOf(share: number): 'all' | 'some' | 'none' {
  return share > 1 - 1e-6 ? 'all' : share < 1e-6 ? 'none' : 'some';
}

function goesElsewhere(before: Fates, after: Fates): boolean {
  return placesLabel(before) !== placesLabel(after);
}

function placesLabel({ endpoints, ends, lost }: Fates): string {
  const label = ENDPOINT_LABELS.get(endpoints) ?? sharesLabel(endpoints);
  ENDPOINT_LABELS.set(endpoints, label);
  return `${[label, sharesLabel(ends)].filter(Boolean).join()} ${lost.toFixed(8)}`;
}

/** Many effects have the same endpoints. */
const ENDPOINT_LABELS = new WeakMap<Fates['endpoints'], string>();

function sharesLabel(shares: ReadonlyMap<string, number>): string {
  return [...shares].map(([place, share]) => `${place} ${share.toFixed(8)}`).join();
}

function labelOfChange(kind: PacketEffect['kind'], before: Fates, after: Fates): string {
  switch (kind) {
    case 'fate':
      return `${kind} ${placesLabel(before)} ${placesLabel(after)}`;
    case 'masquerading':
      return `${kind} ${wholeOf(before.masqueraded)} ${wholeOf(after.masqueraded)}`;
    case 'affinity':
      return `${kind} ${before.affinitySeconds} ${after.affinitySeconds}`;
    case 'mark':
      return kind;
  }
}

function undecidedIn(differences: readonly Difference[]): string[] {
  const words = new Set<string>();
  for (const { packets, before, after } of differences) {
    for (const fact of packets.facts.keys()) {
      const told = undecidedWords(fact);
      if (told !== undefined) words.add(told);
    }
    for (const outcomes of [before, after]) {
      for (const { met } of outcomes) for (const one of met) words.add(one);
    }
  }
  return [...words].sort();
}
