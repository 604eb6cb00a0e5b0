/** Matches that are only words to the rest of the program. Of those that are here we know what packets fit them. */
import { addressValue, type Family, familyOf, parseAddress, parseCIDR } from '../../net/address.ts';
import { type Option, type Part, partsOf } from '../parts.ts';
import { FULL_MASK, keptProbability } from '../saved.ts';
import { CONNTRACK_STATES } from '../types.ts';
import type { Condition } from './condition.ts';
import type { Flow } from './flow.ts';
import {
  addressTest,
  addressTypeTest,
  all,
  interfaceTest,
  portTest,
  protocolTest,
  stateTest,
  type Test,
  UNDECIDED,
  unless,
} from './match-tests.ts';
import { type Recent, recentMask } from './recent.ts';
import { isInSet } from './set-members.ts';

/** What a match of words asks of a packet; whether one fits cannot be told where we do not know the words. */
export function foreignCondition(words: readonly string[], family: Family): Condition {
  const [part, ...ports] = partsOf(words) ?? [];
  const known = part && (part.head.name === '-m' ? extension(part, ports, family) : baseOption(part));
  return known ?? { condition: 'test', test: UNDECIDED };
}

function baseOption({ head, options }: Part): Condition | undefined {
  const [value = ''] = head.values;
  if (options.length > 0) return undefined;
  const test = (test: Test): Condition => ({ condition: 'test', test: unless(head.negated, test) });
  switch (head.name) {
    case '-p':
      return test(protocolTest(value));
    case '-o':
      return test(interfaceTest('outInterface', value));
    // Connection tracking puts fragments together before anybody sees them.
    case '-f':
      return test(() => false);
    default:
      return undefined;
  }
}

function extension({ head, options }: Part, ports: readonly Part[], family: Family): Condition | undefined {
  const [name = ''] = head.values;
  if (name === 'statistic') return chance(options);
  if (name === 'recent') return recent(options, family);
  const given = [...options, ...ports.map((port) => port.head)];
  if (name === 'conntrack') return { condition: 'test', test: conntrackTest(given, family) };
  if (name === 'tcp' && given.some(isTCPFlags)) return { condition: 'test', test: tcpTest(given) };
  const test = TESTS[name] ?? (() => undefined);
  return {
    condition: 'test',
    test: all(given.map((option) => unless(option.negated, test(option, name) ?? UNDECIDED))),
  };
}

/** What an option of an extension asks; undefined where we do not know. */
type OptionTest = (option: Option, extension: string) => Test | undefined;

const TESTS: Readonly<Record<string, OptionTest>> = {
  tcp: port,
  udp: port,
  sctp: port,
  dccp: port,
  udplite: port,
  multiport,
  addrtype({ name, values: [value = ''] }) {
    const side = { '--src-type': 'source' as const, '--dst-type': 'destination' as const }[name];
    return side && addressTypeTest(side, value.toUpperCase().split(','));
  },
  iprange,
  physdev,
  length,
  limit: upToRate,
  hashlimit: upToRate,
  set: memberTest,
  state: ({ name, values: [value = ''] }) => (name === '--state' ? states(value) : undefined),
};

function port({ name, values: [value = ''] }: Option, protocol: string): Test | undefined {
  const range = portRange(value);
  const side = { '--sport': 'sourcePort' as const, '--dport': 'destinationPort' as const }[name];
  return range && side && portTest(side, range, protocol);
}

/** The ports that options of xt_multiport look at: any of them. */
export const PORT_SIDES: Readonly<Record<string, readonly ('sourcePort' | 'destinationPort')[]>> = {
  '--sports': ['sourcePort'],
  '--dports': ['destinationPort'],
  '--ports': ['sourcePort', 'destinationPort'],
};

function multiport({ name, values: [value = ''] }: Option): Test | undefined {
  const ranges = value.split(',').map(portRange);
  const known = ranges.filter((range) => range !== undefined);
  const sides = PORT_SIDES[name];
  if (!sides || known.length < ranges.length) return undefined;
  // One of them fits unless none does.
  const none = sides.flatMap((side) => known.map((range) => unless(true, portTest(side, range))));
  return unless(true, all(none));
}

/** `80`, `80:90`, `80:` or `:90`. */
export function portRange(text: string): readonly [number, number] | undefined {
  const [, first, range, last] = /^(\d*)(?:(:)(\d*))?$/.exec(text) ?? [];
  if (first === undefined || (first === '' && range === undefined)) return undefined;
  if (range === undefined) return [Number(first), Number(first)];
  return [first === '' ? 0 : Number(first), last === '' ? 0xffff : Number(last)];
}

function states(text: string): Test | undefined {
  const states = text.toUpperCase().split(',');
  const known = states.every((state) => CONNTRACK_STATES.some((other) => other === state));
  return known ? stateTest(states) : undefined;
}

function chance(options: readonly Option[]): Condition | undefined {
  const given = new Map(options.map((option) => [option.name, option]));
  const probability = given.get('--probability');
  const [text = ''] = probability?.values ?? [];
  if (given.get('--mode')?.values[0] !== 'random' || !probability || !/^[\d.]+$/.test(text)) return undefined;
  const kept = keptProbability(Number(text));
  return { condition: 'chance', probability: probability.negated ? 1 - kept : kept };
}

const RECENT_OPTIONS: ReadonlySet<string> = new Set([
  ...['--set', '--rcheck', '--update', '--seconds', '--reap', '--hitcount', '--rttl'],
  ...['--name', '--mask', '--rsource', '--rdest'],
]);

function recent(options: readonly Option[], family: Family): Condition | undefined {
  const given = new Map(options.map((option) => [option.name, option]));
  const value = (name: string) => given.get(name)?.values[0];
  const what = (['set', 'rcheck', 'update'] as const).filter((operation) => given.has(`--${operation}`));
  const [operation, another] = what;
  if (!operation || another || !options.every(({ name }) => RECENT_OPTIONS.has(name))) return undefined;
  const seconds = value('--seconds');
  const recent: Recent = {
    operation,
    list: value('--name') ?? 'DEFAULT',
    side: given.has('--rdest') ? 'destination' : 'source',
    mask: recentMask(value('--mask') ?? FULL_MASK[family], family),
    seconds: seconds === undefined ? undefined : Number(seconds),
    more: given.has('--hitcount') || given.has('--rttl'),
    negated: given.get(`--${operation}`)?.negated ?? false,
  };
  return { condition: 'recent', recent };
}

/** `--src-range 10.0.0.1-10.0.0.9` (xt_iprange). */
function iprange({ name, values: [value = ''] }: Option): Test | undefined {
  const side = { '--src-range': 'source' as const, '--dst-range': 'destination' as const }[name];
  const [first = '', last = first] = value.split('-');
  const [from, to] = [parseAddress(first), parseAddress(last)];
  if (!side || from === undefined || to === undefined) return undefined;
  const [least, greatest] = [addressValue(from), addressValue(to)];
  return ({ header }) => least <= header[side].value && header[side].value <= greatest;
}

/** Which port of a bridge a packet comes by (xt_physdev): what the node itself sends comes by none. */
function physdev({ name }: Option): Test | undefined {
  const isIn = name === '--physdev-in' || name === '--physdev-is-in' || name === '--physdev-is-bridged';
  return isIn ? ({ inInterface }) => (inInterface === '' ? false : undefined) : undefined;
}

/**
 * How long a packet is, headers and all (xt_length). The first of a TCP connection has no more than headers: at the least
 * 20 bytes of TCP's, at the most 60, behind those of IP.
 */
function length({ name, values: [value = ''] }: Option): Test | undefined {
  const [, first, range, last] = /^(\d+)(?:(:)(\d*))?$/.exec(value) ?? [];
  if (name !== '--length' || first === undefined) return undefined;
  const least = Number(first);
  const greatest = range === undefined ? least : last === '' ? 0xffff : Number(last);
  return ({ header, states }) => {
    if (header.protocol !== 'tcp' || !states.includes('NEW')) return undefined;
    const ip = header.source.text.includes(':') ? 40 : 20;
    if (least <= ip + 20 && ip + 60 <= greatest) return true;
    return greatest < ip + 20 || ip + 60 < least ? false : undefined;
  };
}

/**
 * A rate (xt_limit, xt_hashlimit): one packet alone stays below it. Whoever tells of the rule says that it fits up to a
 * rate (see {@link rateOf}).
 */
function upToRate({ name }: Option): Test | undefined {
  if (name === '--limit' || name === '--hashlimit' || name === '--hashlimit-upto') return () => true;
  if (name === '--hashlimit-above') return () => false;
  // How it is counted does not matter to one packet.
  return name === '--limit-burst' || name.startsWith('--hashlimit-') ? () => true : undefined;
}

/** The rate that a match of words fits up to, or from: `5/sec`; undefined where it asks for none. */
export function rateOf(words: readonly string[]): string | undefined {
  const [part] = partsOf(words) ?? [];
  const rates = ['--limit', '--hashlimit', '--hashlimit-upto', '--hashlimit-above'];
  return part?.options.find(({ name }) => rates.includes(name))?.values[0];
}

/** Whether a packet is in a set (xt_set); how often it was, we do not count. */
function memberTest({ name, values: [set = '', sides = ''] }: Option): Test | undefined {
  if (name === '--update-counters' || name === '--update-subcounters') return () => true;
  if (name !== '--match-set') return undefined;
  return (flow, { sets }) => {
    const known = sets?.get(set);
    return sets && known ? isInSet(known, sides.split(','), flow, sets) : undefined;
  };
}

/** The set that a match of words asks for; undefined where it asks for none. */
export function setOfMatch(words: readonly string[]): string | undefined {
  const [part] = partsOf(words) ?? [];
  return part?.options.find(({ name }) => name === '--match-set')?.values[0];
}

function isTCPFlags({ name }: Option): boolean {
  return name === '--tcp-flags' || name === '--syn';
}

/** The first packet of a connection has SYN, and no other flag. */
function tcpTest(options: readonly Option[]): Test {
  const tests = options.map((option) => {
    const { name, values, negated } = option;
    if (!isTCPFlags(option)) return unless(negated, port(option, 'tcp') ?? UNDECIDED);
    const [mask = '', set = ''] = name === '--syn' ? ['FIN,SYN,RST,ACK', 'SYN'] : values;
    const asked = mask === 'ALL' ? 'FIN,SYN,RST,PSH,ACK,URG' : mask;
    const wanted = set === 'ALL' ? 'FIN,SYN,RST,PSH,ACK,URG' : set === 'NONE' ? '' : set;
    const first = asked.split(',').filter((flag) => flag === 'SYN');
    const fits = first.join() === wanted;
    return unless(negated, ({ header, states }) =>
      header.protocol !== 'tcp' ? false : states.includes('NEW') ? fits : undefined,
    );
  });
  return all(tests);
}

/**
 * What connection tracking knows of a packet (xt_conntrack's conntrack_mt). Of one that it has not seen, or that is not
 * tracked, only the state can fit.
 */
function conntrackTest(options: readonly Option[], family: Family): Test {
  const state = options.find(({ name }) => name === '--ctstate');
  const stateFits = state && unless(state.negated, states(state.values[0] ?? '') ?? UNDECIDED);
  const others = options.filter((option) => option !== state);
  const tests = all(
    others.map((option) => unless(option.negated, connectionTest(option, family) ?? UNDECIDED)),
  );
  return (flow, node) => {
    const answer = stateFits?.(flow, node);
    if (stateFits && answer === false) return false;
    const isTracked = !flow.states.includes('INVALID') && !flow.states.includes('UNTRACKED');
    if (!isTracked) return stateFits ? answer : false;
    if (others.length === 0) return answer;
    const rest = tests(flow, node);
    return rest === false ? false : stateFits && answer === undefined ? undefined : rest;
  };
}

/** Whether it is the first packet of its connection, and so goes in the direction of that. */
const isFirst = ({ states }: Flow) => states.includes('NEW');

/**
 * The options that ask for a side of a connection's first packet as it came, or of the answers to it: these come from
 * where DNAT has sent the packet, and go to where it came from as long as no SNAT has been. With `port` behind, for its port.
 */
const CONNECTION_SIDES: Readonly<
  Record<string, { readonly side: 'source' | 'destination'; readonly original: boolean }>
> = {
  '--ctorigsrc': { side: 'source', original: true },
  '--ctorigdst': { side: 'destination', original: true },
  '--ctreplsrc': { side: 'destination', original: false },
  '--ctrepldst': { side: 'source', original: false },
};

function sideTest(
  side: 'source' | 'destination',
  isPort: boolean,
  value: string,
  family: Family,
): Test | undefined {
  if (isPort) {
    const ports = portRange(value);
    return ports && portTest(`${side}Port`, ports);
  }
  const range = parseRange(value, family);
  return range === undefined ? undefined : addressTest(side, range);
}

function connectionTest({ name, values: [value = ''] }: Option, family: Family): Test | undefined {
  const ofFirst =
    (test: Test): Test =>
    (flow, node) =>
      isFirst(flow) ? test(flow, node) : undefined;
  const field = name.replace(/port$/, '');
  const asked = CONNECTION_SIDES[field];
  if (asked) {
    const test = sideTest(asked.side, field !== name, value, family);
    return (
      test && ofFirst(asked.original ? (flow, node) => test({ ...flow, header: flow.original }, node) : test)
    );
  }
  switch (name) {
    case '--ctproto':
      return protocolTest(value);
    case '--ctdir':
      return ofFirst(() => value.toUpperCase() === 'ORIGINAL');
    case '--ctstatus': {
      const wanted = value.toUpperCase().split(',');
      const has = (status: string) => wanted.includes(status);
      return ({ states }) => {
        // Nobody has answered the first packet, and it is not confirmed before it leaves.
        if (states.includes('NEW')) return false;
        if (states.includes('ESTABLISHED') && (has('SEEN_REPLY') || has('CONFIRMED'))) return true;
        return states.includes('RELATED') && has('EXPECTED') ? true : undefined;
      };
    }
    default:
      return undefined;
  }
}

/** An address or a range in canonical form, with a netmask as iptables-save may print it. */
function parseRange(text: string, family: Family): string | undefined {
  const address = parseAddress(text);
  if (address !== undefined) return familyOf(address) === family ? address : undefined;
  const range = parseCIDR(text);
  return range !== undefined && familyOf(range) === family ? range : undefined;
}
