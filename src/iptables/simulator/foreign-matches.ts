/** Matches that are only words to the rest of the program. Of those that are here we know what packets fit them. */
import type { Family } from '../../net/address.ts';
import { type Option, type Part, partsOf } from '../parts.ts';
import { FULL_MASK, keptProbability } from '../saved.ts';
import { CONNTRACK_STATES } from '../types.ts';
import type { Condition } from './condition.ts';
import {
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
  conntrack: ({ name, values: [value = ''] }) => (name === '--ctstate' ? states(value) : undefined),
  state: ({ name, values: [value = ''] }) => (name === '--state' ? states(value) : undefined),
};

function port({ name, values: [value = ''] }: Option, protocol: string): Test | undefined {
  const range = portRange(value);
  const side = { '--sport': 'sourcePort' as const, '--dport': 'destinationPort' as const }[name];
  return range && side && portTest(side, range, protocol);
}

const PORT_SIDES: Readonly<Record<string, readonly ('sourcePort' | 'destinationPort')[]>> = {
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
function portRange(text: string): readonly [number, number] | undefined {
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
