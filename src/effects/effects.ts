/** What a change of rules does to packets: Service by Service and way in, in data that words are made of. */

import { serviceOf } from '../chains/comments.ts';
import { addressesInRules, type ServiceAddress } from '../chains/service-addresses.ts';
import {
  type ClassOutcome,
  type Comparison,
  compareRulesets,
  type Difference,
} from '../iptables/classes/compare.ts';
import { type ClassExample, exampleOf } from '../iptables/classes/example.ts';
import { type PacketClass, seenIn } from '../iptables/classes/packet-class.ts';
import {
  type ClassNode,
  markBit,
  rangeOf,
  serviceRange,
  undecidedWords,
} from '../iptables/classes/questions.ts';
import { common, countOf, holds, isEmpty, onlyOne, without } from '../iptables/classes/ranges.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { addressValue, type Family, formatAddress, joinPort, LOOPBACK } from '../net/address.ts';
import { type Senders, sendersOf } from './senders.ts';

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
  readonly remembers: boolean;
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
}

export interface WayEffects {
  readonly to: ServiceAddress;
  /** It is there in the rules before, and after. */
  readonly was: boolean;
  readonly is: boolean;
  readonly effects: readonly PacketEffect[];
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
  const addresses = new Addresses(before, after, family, node);
  const byPlace = new Map<string, { place: Place | undefined; differences: Difference[] }>();
  for (const difference of differences) {
    const places = addresses.of(difference.packets);
    for (const place of places.length > 0 ? places : [undefined]) {
      const found = byPlace.get(place?.key ?? '');
      if (found) found.differences.push(difference);
      else byPlace.set(place?.key ?? '', { place, differences: [difference] });
    }
  }
  const of = (differences: readonly Difference[]) => effectsOfPlace(differences, family, node);
  const ways = [...byPlace.values()].flatMap(({ place, differences }) => {
    if (!place) return [];
    const { to, was, is } = place;
    return [{ to, was, is, effects: of(differences) }];
  });
  const services = Map.groupBy(ways, ({ to }) => serviceOf(to.servicePort));
  return {
    family,
    node,
    services: [...services]
      .map(([service, ways]) => ({ service, ways: ways.toSorted(byAddress) }))
      .sort((a, b) => (a.service < b.service ? -1 : 1)),
    others: of(byPlace.get('')?.differences ?? []),
    undecided: undecidedIn(differences),
    classes,
  };
}

function byAddress({ to: a }: WayEffects, { to: b }: WayEffects): number {
  const key = ({ servicePort, way, address = '', port }: ServiceAddress) =>
    `${servicePort} ${ORDER[way]} ${address} ${String(port).padStart(5, '0')}`;
  return key(a) < key(b) ? -1 : 1;
}

const ORDER: Readonly<Record<ServiceAddress['way'], number>> = {
  'cluster-ip': 0,
  'external-ip': 1,
  'load-balancer-ip': 2,
  'outside-ip': 3,
  'node-port': 4,
};

interface Place {
  readonly key: string;
  readonly to: ServiceAddress;
  readonly was: boolean;
  readonly is: boolean;
}

/** A class of packets to so many ports is one of packets to any. */
const MANY_PORTS = 1024n;

/** The addresses of Services, in both rulesets. */
class Addresses {
  readonly #byAddress = new Map<bigint, Place[]>();
  readonly #nodePorts: Place[] = [];
  readonly #node: ClassNode;

  constructor(before: PreparedRuleset, after: PreparedRuleset, family: Family, node: ClassNode) {
    this.#node = node;
    const [was, is] = [before, after].map((ruleset) => {
      return new Map(addressesInRules(ruleset).map((to) => [keyOf(to), to]));
    });
    for (const [key, to] of new Map([...(was ?? []), ...(is ?? [])])) {
      const place: Place = { key, to, was: was?.has(key) ?? false, is: is?.has(key) ?? false };
      if (to.address === undefined) this.#nodePorts.push(place);
      else if (to.address.includes(':') === (family === 'ipv6')) {
        const value = addressValue(to.address);
        this.#byAddress.set(value, [...(this.#byAddress.get(value) ?? []), place]);
      }
    }
  }

  /** Those that all packets of a class are to; none where they are to others as well. */
  of({ destination, service, facts }: PacketClass): Place[] {
    const isTo = ({ to }: Place) => {
      const port = serviceRange(to.protocol, [to.port, to.port])[0] ?? 0n;
      return holds(service, port);
    };
    const address = onlyOne(destination);
    if (countOf(service) > MANY_PORTS) return [];
    const named = address === undefined ? [] : (this.#byAddress.get(address) ?? []).filter(isTo);
    if (named.length > 0) return named;
    const { local } = this.#node;
    const isLocal = isEmpty(local) ? false : countOf(common(destination, local)) === countOf(destination);
    return isLocal || facts.get('local destination') === true ? this.#nodePorts.filter(isTo) : [];
  }
}

function keyOf({ servicePort, protocol, address = 'node', port }: ServiceAddress): string {
  return `${servicePort} ${protocol} ${address} ${port}`;
}

/** What changes on one way in: those that change alike are told as one. */
function effectsOfPlace(differences: readonly Difference[], family: Family, node: ClassNode): PacketEffect[] {
  const all = relevant(differences, family).flatMap((difference) => {
    const [before, after] = [fatesOf(difference.before), fatesOf(difference.after)];
    return kindsOf(before, after).map((kind) => ({ kind, before, after, difference }));
  });
  // Pods that reach themselves are masqueraded: that follows from which endpoints there are.
  const moves = all.some(({ kind }) => kind === 'fate');
  const told = all.filter(
    ({ kind, before, after, difference }) =>
      !moves || kind !== 'masquerading' || !isEndpoint(difference.packets, before, after, family),
  );
  const groups = Map.groupBy(told, ({ kind, before, after }) => labelOfChange(kind, before, after));
  return [...groups.values()].flatMap((same): PacketEffect[] => {
    const [first] = same;
    if (!first) return [];
    const { kind, before, after } = first;
    const alike = same.map(({ difference }) => difference);
    // A packet as it usually is shows it best.
    const shown = alike.toSorted((a, b) => oddness(a) - oddness(b))[0] ?? first.difference;
    return [
      {
        kind,
        before,
        after,
        senders: sendersOf(alike, node, family),
        example: exampleOf(shown.packets, shown.start, family, node),
        differences: alike,
      },
    ];
  });
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

/** Facts that few packets have. */
function oddness({ packets: { facts, state } }: Difference): number {
  return [...facts].filter(([, is]) => is).length + (holds(state, 0n) ? 0 : 10);
}

/**
 * First packets of connections, from clients that no list remembers, without a mark, and not to a loopback address: of
 * others only where nothing else changes.
 */
function relevant(differences: readonly Difference[], family: Family): readonly Difference[] {
  const loopback = rangeOf(LOOPBACK[family]);
  const usual: readonly ((packets: PacketClass) => boolean)[] = [
    ({ state }) => holds(state, 0n),
    ({ facts }) => ![...facts].some(([fact, is]) => is && seenIn(fact) !== undefined),
    ({ facts }) => ![...facts].some(([fact, is]) => is && markBit(fact) !== undefined),
    ({ destination }) => !isEmpty(without(destination, loopback)),
  ];
  return usual.reduce((left, isUsual) => {
    const some = left.filter(({ packets }) => isUsual(packets));
    return some.length > 0 ? some : left;
  }, differences);
}

function fatesOf(outcomes: readonly ClassOutcome[]): Fates {
  const endpoints = new Map<string, number>();
  const ends = new Map<'through' | 'dropped' | 'refused', number>();
  let [lost, masqueraded, remembers] = [0, 0, false];
  for (const { verdict, dnat, probability, masqueraded: hides, recent } of outcomes) {
    if (hides) masqueraded += probability;
    if (recent.length > 0) remembers = true;
    if (dnat !== undefined) {
      endpoints.set(dnat, (endpoints.get(dnat) ?? 0) + probability);
      if (verdict !== 'ACCEPT') lost += probability;
      continue;
    }
    const end = verdict === 'ACCEPT' ? 'through' : verdict === 'DROP' ? 'dropped' : 'refused';
    ends.set(end, (ends.get(end) ?? 0) + probability);
  }
  return { endpoints: new Map([...endpoints].sort()), ends, lost, masqueraded, remembers };
}

/** Of which kinds a change is; where packets go, and what of masquerading does not follow from that. */
function kindsOf(before: Fates, after: Fates): PacketEffect['kind'][] {
  const kinds: PacketEffect['kind'][] = [];
  if (goesElsewhere(before, after)) kinds.push('fate');
  if (before.remembers !== after.remembers && before.endpoints.size > 0 && after.endpoints.size > 0)
    kinds.push('affinity');
  const reach = before.endpoints.size > 0 && after.endpoints.size > 0;
  const through = before.endpoints.size === 0 && after.endpoints.size === 0;
  if ((reach || through) && whole(before.masqueraded) !== whole(after.masqueraded))
    kinds.push('masquerading');
  return kinds.length > 0
    ? kinds
    : [before.masqueraded !== after.masqueraded ? 'masquerading' : before.remembers ? 'affinity' : 'mark'];
}

/** Where a pod may reach itself, some of its packets are masqueraded: how many follows from the number of endpoints. */
function whole(share: number): 'all' | 'some' | 'none' {
  return share > 1 - 1e-6 ? 'all' : share < 1e-6 ? 'none' : 'some';
}

function goesElsewhere(before: Fates, after: Fates): boolean {
  return placesLabel(before) !== placesLabel(after);
}

function placesLabel({ endpoints, ends, lost }: Fates): string {
  const shares = [...endpoints, ...ends].map(([place, share]) => `${place} ${share.toFixed(8)}`);
  return `${shares.join()} ${lost.toFixed(8)}`;
}

function labelOfChange(kind: PacketEffect['kind'], before: Fates, after: Fates): string {
  switch (kind) {
    case 'fate':
      return `${kind} ${placesLabel(before)} ${placesLabel(after)}`;
    case 'masquerading':
      return `${kind} ${whole(before.masqueraded)} ${whole(after.masqueraded)}`;
    case 'affinity':
      return `${kind} ${before.remembers} ${after.remembers}`;
    case 'mark':
      return kind;
  }
}

function undecidedIn(differences: readonly Difference[]): string[] {
  const words = differences.flatMap(({ packets, before, after }) => [
    ...[...packets.facts.keys()].flatMap((fact) => undecidedWords(fact) ?? []),
    ...[...before, ...after].flatMap(({ met }) => met),
  ]);
  return [...new Set(words)].sort();
}
