/** From the matches of rules to the questions that they put to the packets of a class. */
import {
  addressBits,
  addressValue,
  type Family,
  familyOf,
  formatAddress,
  LOOPBACK,
  parseAddress,
  prefixLength,
} from '../../net/address.ts';
import { isHairpinProgram } from '../hairpin-program.ts';
import { type Option, type Part, partsOf } from '../parts.ts';
import { PORT_SIDES, portRange } from '../simulator/foreign-matches.ts';
import { canonicalProtocol, protocolNumber, WITH_PORTS } from '../simulator/protocols.ts';
import type { Match } from '../types.ts';
import type { ClassFlow } from './class-flow.ts';
import {
  ask,
  type ClassQuestion,
  everyPacket,
  fitsPattern,
  inInterfaceFact,
  localFact,
  STATES,
  seenFact,
  TO_ITSELF,
} from './packet-class.ts';
import { between, holds, NOTHING, only, onlyOne, type Ranges, union, without } from './ranges.ts';

/** Where a class of packets is on its way, and what is known of the node. */
export interface Here extends ClassNode {
  readonly family: Family;
  readonly hook: string;
  /** The interfaces by which it has come and goes: one is `initial` where each packet has its own. */
  readonly inInterface: '' | 'lo' | 'initial';
  readonly outInterface: '' | 'lo' | 'unknown';
}

/** What is known of the node that packets come to. */
export interface ClassNode {
  /** The node's own addresses, 127.0.0.0/8 or ::1 among them. */
  readonly local: Ranges;
  /** Addresses that may be the node's own or not: classes are split by that, too. */
  readonly perhapsLocal: Ranges;
}

/**
 * @param own the node's own addresses, without those of loopback
 * @param isAll whether it has no others
 */
export function classNode(own: readonly string[], family: Family, isAll: boolean): ClassNode {
  const local = union([...own, LOOPBACK[family]].map(rangeOf));
  return { local, perhapsLocal: isAll ? NOTHING : without(everyPacket(family).source, local) };
}

/** What packets are sorted into. */
export interface SortedFlows {
  readonly yes: readonly ClassFlow[];
  readonly no: readonly ClassFlow[];
}

/** Shared by all that have nobody. */
const NOBODY: readonly ClassFlow[] = [];

/** Sorts a class by whether its packets fit. */
export type Sorter = (flow: ClassFlow, here: Here) => SortedFlows;

export const ALL: Sorter = (flow) => ({ yes: [flow], no: NOBODY });
export const NONE: Sorter = (flow) => ({ yes: NOBODY, no: [flow] });

const constant = (fits: boolean): Sorter => (fits ? ALL : NONE);

/** Those that fit each, one after the other. */
export function every(sorters: readonly Sorter[]): Sorter {
  const [single, another] = sorters;
  if (single && !another) return single;
  return (flow, here) => {
    let yes: readonly ClassFlow[] = [flow];
    const no: ClassFlow[] = [];
    for (const sorter of sorters) {
      if (yes.length === 0) break;
      yes = yes.flatMap((flow) => {
        const sorted = sorter(flow, here);
        no.push(...sorted.no);
        return sorted.yes;
      });
    }
    return { yes, no };
  };
}

export function unlessFits(negated: boolean, sorter: Sorter): Sorter {
  if (!negated) return sorter;
  return (flow, here) => {
    const { yes, no } = sorter(flow, here);
    return { yes: no, no: yes };
  };
}

function some(sorters: readonly Sorter[]): Sorter {
  return unlessFits(true, every(sorters.map((sorter) => unlessFits(true, sorter))));
}

/** Puts a question to the packets as they came. */
function put(question: ClassQuestion): Sorter {
  return (flow) => {
    const { yes, no } = ask(flow.packets, question);
    if (yes === flow.packets) return { yes: [flow], no: NOBODY };
    if (no === flow.packets) return { yes: NOBODY, no: [flow] };
    return {
      yes: yes ? [{ ...flow, packets: yes }] : NOBODY,
      no: no ? [{ ...flow, packets: no }] : NOBODY,
    };
  };
}

/** A range of addresses as numbers. */
export function rangeOf(range: string): Ranges {
  const [base = range] = range.split('/');
  const first = addressValue(base);
  if (!range.includes('/')) return only(first);
  const rest = (1n << BigInt(addressBits(familyOf(base)) - prefixLength(range))) - 1n;
  return between(first & ~rest, first | rest);
}

type Side = 'source' | 'destination';

/** Whether an address is in these, as it is now. */
export function addressSorter(side: Side, ranges: Ranges): Sorter {
  const initial = put({ dimension: side, ranges });
  return (flow, here) => {
    const now = flow[side];
    return now === undefined ? initial(flow, here) : constant(holds(ranges, now))(flow, here);
  };
}

function interfaceSorter(side: 'in' | 'out', pattern: string): Sorter {
  return (flow, here) => {
    const name = side === 'in' ? here.inInterface : here.outInterface;
    if (pattern === '+') return { yes: [flow], no: NOBODY };
    switch (name) {
      case '':
      case 'lo':
        return constant(fitsPattern(name, pattern))(flow, here);
      case 'initial':
        // What comes in by the loopback interface began on the node.
        return pattern === 'lo' ? NONE(flow, here) : put({ fact: inInterfaceFact(pattern) })(flow, here);
      case 'unknown': {
        if (pattern === 'lo') return NONE(flow, here);
        const { destination } = flow;
        const to = destination === undefined ? '' : ` to ${formatAddress(here.family, destination)}`;
        return put({ fact: `out-interface ${pattern}${to}` })(flow, here);
      }
    }
  };
}

const PORT_BITS = 16n;

/** The number of a protocol and a port, as the dimension `service` has it. */
export function serviceValue(protocol: string, port: number): bigint {
  return (BigInt(protocolNumber(protocol) ?? 0) << PORT_BITS) + BigInt(port);
}

/** All packets of a protocol, or those to some of its ports. */
export function serviceRange(
  protocol: string,
  [first, last]: readonly [number, number] = [0, 0xffff],
): Ranges {
  return between(serviceValue(protocol, first), serviceValue(protocol, last));
}

function protocolSorter(text: string): Sorter {
  const protocol = canonicalProtocol(text);
  if (protocol === 'all' || protocol === '0') return ALL;
  return protocolNumber(protocol) === undefined
    ? put({ fact: `protocol ${protocol}` })
    : put({ dimension: 'service', ranges: serviceRange(protocol) });
}

/** Whether a port is one of these, of the protocols that are meant, as it is now. */
export function portSorter(
  side: 'sourcePort' | 'destinationPort',
  [first, last]: readonly [number, number],
  protocols: readonly string[],
): Sorter {
  const ofProtocol = put({
    dimension: 'service',
    ranges: union(protocols.map((name) => serviceRange(name))),
  });
  const initial =
    side === 'sourcePort'
      ? every([ofProtocol, put({ dimension: 'sourcePort', ranges: between(BigInt(first), BigInt(last)) })])
      : put({
          dimension: 'service',
          ranges: union(protocols.map((name) => serviceRange(name, [first, last]))),
        });
  return (flow, here) => {
    const now = flow[side];
    if (now === undefined) return initial(flow, here);
    return first <= now && now <= last ? ofProtocol(flow, here) : NONE(flow, here);
  };
}

function markSorter(value: number, mask: number): Sorter {
  // No mark has bits beyond the mask.
  if ((value & ~mask) !== 0) return NONE;
  const bits = Array.from({ length: 32 }, (_, i) => (1 << i) >>> 0).filter((bit) => (mask & bit) !== 0);
  return every(
    bits.map((bit): Sorter => {
      const wanted = (value & bit) !== 0;
      const initial = put({ fact: `mark ${hex(bit)}` });
      return (flow, here) => {
        const flipped = (flow.mark.flip & bit) !== 0;
        if ((flow.mark.keep & bit) === 0) return constant(flipped === wanted)(flow, here);
        return unlessFits(flipped === wanted, initial)(flow, here);
      };
    }),
  );
}

/** The bit of the mark that a fact is about; undefined where it is about something else. */
export function markBit(fact: string): number | undefined {
  return fact.startsWith('mark ') ? Number(fact.slice('mark '.length)) : undefined;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** The facts of a connection that was translated before, whose later packets meet no NAT. */
export const TRANSLATED = { DNAT: 'connection DNAT', SNAT: 'connection SNAT' } as const;

/** What connection tracking says of it now. */
export function stateSorter(states: readonly string[]): Sorter {
  const places = STATES.flatMap((state, i) => (states.includes(state) ? [only(BigInt(i))] : []));
  const initial = places.length > 0 ? put({ dimension: 'state', ranges: union(places) }) : NONE;
  const ofConnection = put({ dimension: 'state', ranges: between(1n, 2n) });
  const translated = (['DNAT', 'SNAT'] as const)
    .filter((state) => states.includes(state))
    .map((state): Sorter => {
      const before = every([ofConnection, put({ fact: TRANSLATED[state] })]);
      return (flow, here) => ((state === 'DNAT' ? flow.isDNAT : flow.isSNAT) ? ALL : before)(flow, here);
    });
  const any = some([initial, ...translated]);
  return (flow, here) => {
    switch (flow.tracked) {
      case 'not yet':
        return constant(states.includes('INVALID'))(flow, here);
      case 'not at all':
        return constant(states.includes('UNTRACKED'))(flow, here);
      case 'untouched':
        return any(flow, here);
    }
  };
}

/** Whether an address is the node's own. */
export function localSorter(side: Side): Sorter {
  return (flow, here) => {
    const now = flow[side];
    const perhaps = localFact(now === undefined ? side : formatAddress(here.family, now));
    const sorter = some([
      addressSorter(side, here.local),
      every([addressSorter(side, here.perhapsLocal), put({ fact: perhaps })]),
    ]);
    return sorter(flow, here);
  };
}

const MULTICAST: Readonly<Record<Family, Ranges>> = {
  ipv4: rangeOf('224.0.0.0/4'),
  ipv6: rangeOf('ff00::/8'),
};

function addressTypeSorter(side: Side, types: readonly string[]): Sorter {
  const others = types.some((type) => type !== 'LOCAL' && type !== 'MULTICAST');
  const local = localSorter(side);
  return (flow, here) => {
    const multicast = addressSorter(side, MULTICAST[here.family]);
    const notLocal = unlessFits(true, local);
    return some([
      ...(types.includes('LOCAL') ? [local] : []),
      ...(types.includes('MULTICAST') ? [every([notLocal, multicast])] : []),
      ...(others
        ? [every([notLocal, unlessFits(true, multicast), asItIs(`addrtype ${side} ${types.join()}`)])]
        : []),
    ])(flow, here);
  };
}

function hairpinSorter(): Sorter {
  const itself = put({ fact: TO_ITSELF });
  return (flow, here) => {
    const [source, destination] = [
      flow.source ?? onlyOne(flow.packets.source),
      flow.destination ?? onlyOne(flow.packets.destination),
    ];
    if (destination !== undefined) return addressSorter('source', only(destination))(flow, here);
    if (source !== undefined) return addressSorter('destination', only(source))(flow, here);
    return itself(flow, here);
  };
}

/** What cannot be decided, of a packet as it is here: the same words answer the same of the same packet. */
function asItIs(words: string): Sorter {
  return (flow, here) => {
    const now = [flow.destination, flow.destinationPort, flow.source, flow.sourcePort].map(
      (part) => part ?? '',
    );
    const { keep, flip } = flow.mark;
    const fact = `${OPAQUE}${words}${SEPARATOR}${here.hook} ${now.join()} ${keep}/${flip} ${flow.tracked}`;
    return put({ fact })(flow, here);
  };
}

const OPAQUE = 'match ';
const SEPARATOR = ' @ ';

/** The words of another program's match, of a fact that is what it answers; undefined for any other fact. */
export function undecidedWords(fact: string): string | undefined {
  return fact.startsWith(OPAQUE) ? fact.slice(OPAQUE.length, fact.indexOf(SEPARATOR)) : undefined;
}

/** The fact that an address is in a list of xt_recent. */
export function recentSorter(
  { list, side, mask, seconds, more }: RecentQuestion,
  flow: ClassFlow,
  here: Here,
): SortedFlows {
  const entry = recentEntry({ list, side, mask }, flow);
  if (!more && flow.recent.includes(entry)) return { yes: [flow], no: NOBODY };
  const fact = seenFact(entry, seconds);
  return more ? asItIs(`recent ${fact}`)(flow, here) : put({ fact })(flow, here);
}

export interface RecentQuestion {
  readonly list: string;
  readonly side: Side;
  readonly mask: bigint | undefined;
  readonly seconds: number | undefined;
  readonly more: boolean;
}

/** An address in a list, as one text. */
export function recentEntry(
  { list, side, mask }: Pick<RecentQuestion, 'list' | 'side' | 'mask'>,
  flow: ClassFlow,
): string {
  return `${list} ${mask ?? ''}${side === 'source' ? '' : ' destination'}${flow[side] ?? ''}`.trimEnd();
}

/**
 * How the packets of a class are sorted by a match that only looks.
 * @param protocol of the rule, which its ports are meant for; undefined where it has none
 */
export function sorterOf(match: Match, family: Family, protocol: string | undefined): Sorter {
  switch (match.match) {
    case 'comment':
    case 'nfacct':
      return ALL;
    case 'source':
    case 'destination':
      return unlessFits(match.negated === true, addressSorter(match.match, rangeOf(match.address)));
    case 'in-interface':
      return unlessFits(match.negated === true, interfaceSorter('in', match.name));
    case 'protocol':
      return protocolSorter(match.protocol);
    case 'destination-port':
      return portSorter(
        'destinationPort',
        [match.port, match.last ?? match.port],
        protocol === undefined ? WITH_PORTS : [protocol],
      );
    case 'mark':
      return unlessFits(match.negated === true, markSorter(match.value, match.mask));
    case 'conntrack':
      return unlessFits(match.negated === true, stateSorter(match.states));
    case 'addrtype':
      return unlessFits(match.negated === true, addressTypeSorter(match.side, [match.type]));
    case 'bpf':
      return isHairpinProgram(match.bytecode) ? hairpinSorter() : asItIs(`bpf ${match.bytecode}`);
    case 'unknown':
      return foreignSorter(match.words, family);
    case 'statistic':
    case 'recent':
      throw new Error(`${match.match} does more than look`);
  }
}

function foreignSorter(words: readonly string[], family: Family): Sorter {
  const [part, ...ports] = partsOf(words) ?? [];
  const known = part && (part.head.name === '-m' ? extension(part, ports, family) : baseOption(part));
  return known ?? asItIs(words.join(' '));
}

function baseOption({ head, options }: Part): Sorter | undefined {
  const [value = ''] = head.values;
  if (options.length > 0) return undefined;
  switch (head.name) {
    case '-p':
      return unlessFits(head.negated, protocolSorter(value));
    case '-o':
      return unlessFits(head.negated, interfaceSorter('out', value));
    case '-f':
      return unlessFits(head.negated, NONE);
    default:
      return undefined;
  }
}

function extension({ head, options }: Part, ports: readonly Part[], family: Family): Sorter | undefined {
  const [name = ''] = head.values;
  const given = [...options, ...ports.map((port) => port.head)];
  const sorters = given.map((option) => {
    const sorter = optionSorter(name, option, family);
    return sorter && unlessFits(option.negated, sorter);
  });
  const known = sorters.filter((sorter) => sorter !== undefined);
  if (given.length === 0) return WITH_PORTS.includes(name) ? ALL : undefined;
  return known.length === given.length ? every(known) : undefined;
}

function optionSorter(extension: string, { name, values }: Option, family: Family): Sorter | undefined {
  const [value = ''] = values;
  switch (extension) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'dccp':
    case 'udplite': {
      const range = portRange(value);
      const side = PORTS[name];
      return range && side && portSorter(side, range, [extension]);
    }
    case 'multiport': {
      const ranges = value
        .split(',')
        .map(portRange)
        .filter((range) => range !== undefined);
      const sides = PORT_SIDES[name];
      if (!sides || ranges.length < value.split(',').length) return undefined;
      return some(sides.flatMap((side) => ranges.map((range) => portSorter(side, range, WITH_PORTS))));
    }
    case 'conntrack':
    case 'state':
      return name === '--ctstate' || name === '--state'
        ? stateSorter(value.toUpperCase().split(','))
        : undefined;
    case 'addrtype': {
      const side = { '--src-type': 'source' as const, '--dst-type': 'destination' as const }[name];
      return side && addressTypeSorter(side, value.toUpperCase().split(','));
    }
    case 'iprange': {
      const side = { '--src-range': 'source' as const, '--dst-range': 'destination' as const }[name];
      const [first = '', last = first] = value.split('-');
      const [from, to] = [parseAddress(first), parseAddress(last)];
      if (!side || from === undefined || to === undefined || familyOf(from) !== family) return undefined;
      return addressSorter(side, between(addressValue(from), addressValue(to)));
    }
    default:
      return undefined;
  }
}

const PORTS: Readonly<Record<string, 'sourcePort' | 'destinationPort'>> = {
  '--sport': 'sourcePort',
  '--dport': 'destinationPort',
};
