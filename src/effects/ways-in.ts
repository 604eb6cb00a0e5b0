/** Which packets are to a Service, and to which, by their address and port alone: however they fall into classes. */
import { addressesInRules, type ServiceAddress } from '../chains/service-addresses.ts';
import { ask, localFact, type PacketClass } from '../iptables/classes/packet-class.ts';
import { type ClassNode, serviceValue } from '../iptables/classes/questions.ts';
import { holds, NOTHING, only, onlyOne, type Ranges, union } from '../iptables/classes/ranges.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { addressValue, type Family, familyOf } from '../net/address.ts';

/** A way in to a Service, in the rules before or after. */
export interface ComparedWay {
  readonly key: string;
  readonly to: ServiceAddress;
  readonly was: boolean;
  readonly is: boolean;
}

/** Packets that are all to the same ways; to none, where they are to no Service. */
export interface PartOfClass {
  readonly ways: readonly ComparedWay[];
  readonly packets: PacketClass;
}

/** The ways in that there are in either of two rulesets. */
export class WaysIn {
  readonly #byAddress = new Map<bigint, ComparedWay[]>();
  readonly #nodePorts: ComparedWay[] = [];
  readonly #local: Ranges;

  constructor(before: PreparedRuleset, after: PreparedRuleset, family: Family, { local }: ClassNode) {
    this.#local = local;
    const [was, is] = [before, after].map((ruleset) => {
      return new Map(addressesInRules(ruleset).map((to) => [keyOf(to), to]));
    });
    for (const [key, to] of new Map([...(was ?? []), ...(is ?? [])])) {
      const way: ComparedWay = { key, to, was: was?.has(key) ?? false, is: is?.has(key) ?? false };
      if (to.address === undefined) this.#nodePorts.push(way);
      else if (familyOf(to.address) === family) {
        const value = addressValue(to.address);
        const known = this.#byAddress.get(value);
        if (known) known.push(way);
        else this.#byAddress.set(value, [way]);
      }
    }
  }

  /** A class in parts that share no packet, those to no Service's address first. */
  *partsOf(packets: PacketClass, wanted: (way: ComparedWay) => boolean = () => true): Generator<PartOfClass> {
    const values = this.#within(packets.destination).filter(([, ways]) => ways.some(wanted));
    const { yes: named, no: unnamed } = toAny(
      packets,
      'destination',
      values.map(([value]) => value),
    );
    if (unnamed) yield* this.#byOwner(unnamed, [], wanted);
    if (!named) return;
    for (const [value, ways] of values) {
      const { yes } = toAny(named, 'destination', [value]);
      if (yes) yield* this.#byOwner(yes, ways, wanted);
    }
  }

  /** Most classes have one destination. */
  #within(destinations: Ranges): [bigint, readonly ComparedWay[]][] {
    const one = onlyOne(destinations);
    if (one !== undefined) return [[one, this.#byAddress.get(one) ?? []]];
    return [...this.#byAddress].filter(([value]) => holds(destinations, value));
  }

  /** An address of the node has node ports, and may be one of a Service, too. */
  *#byOwner(
    packets: PacketClass,
    ways: readonly ComparedWay[],
    wanted: (way: ComparedWay) => boolean,
  ): Generator<PartOfClass> {
    const isOwn = packets.facts.get(localFact('destination')) === true;
    const { yes: own, no: other } = isOwn
      ? { yes: packets, no: undefined }
      : ask(packets, { dimension: 'destination', ranges: this.#local });
    if (other) yield* byPort(other, ways.filter(wanted));
    if (own) yield* byPort(own, [...ways, ...this.#nodePorts].filter(wanted));
  }
}

function* byPort(packets: PacketClass, ways: readonly ComparedWay[]): Generator<PartOfClass> {
  const byValue = new Map<bigint, ComparedWay[]>();
  for (const way of ways) {
    const value = serviceValue(way.to.protocol, way.to.port);
    if (!holds(packets.service, value)) continue;
    const known = byValue.get(value);
    if (known) known.push(way);
    else byValue.set(value, [way]);
  }
  const { yes, no } = toAny(packets, 'service', [...byValue.keys()]);
  if (no) yield { ways: [], packets: no };
  if (!yes) return;
  for (const [value, ways] of byValue) {
    const { yes: part } = toAny(yes, 'service', [value]);
    if (part) yield { ways, packets: part };
  }
}

function toAny(packets: PacketClass, dimension: 'destination' | 'service', values: readonly bigint[]) {
  const ranges = values.length === 0 ? NOTHING : union(values.map(only));
  return ask(packets, { dimension, ranges });
}

function keyOf({ servicePort, protocol, address = 'node', port }: ServiceAddress): string {
  return `${servicePort} ${protocol} ${address} ${port}`;
}
