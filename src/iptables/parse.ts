/** From the text of iptables-save or for iptables-restore to rulesets. */
import { present } from '../errors/invariant.ts';
import { addressBits, type Family, familyOf, joinPort, parseAddress, parseCIDR } from '../net/address.ts';
import { isTarget, type Option, type Part, partsOf, protocolName, wordsOf } from './parts.ts';
import { DEFAULT_REJECT, FULL_MASK } from './saved.ts';
import { readSavedText, type TextChain } from './saved-text.ts';
import {
  type Chain,
  CONNTRACK_STATES,
  type ConntrackState,
  type Match,
  PROTOCOLS,
  type Protocol,
  type Rule,
  type Ruleset,
  type Table,
  type TableName,
  type Target,
} from './types.ts';
import { splitWords } from './words.ts';

const TABLES: readonly TableName[] = ['filter', 'nat', 'mangle', 'raw', 'security'];

/**
 * Parses the text of whole tables: what iptables-save prints, or what `printRuleset` does. What svc2ipt does not know
 * of a rule is kept as words.
 * @throws ParseError where the text is not of that form
 */
export function parseRuleset(text: string, family: Family): Ruleset {
  const read = readSavedText(text, TABLES);
  return {
    family,
    tables: [...read].map(([name, chains]) => parseTable(name as TableName, chains, family)),
  };
}

/** Parses the rules of a table that is text so far. */
export function parseTable(name: TableName, chains: ReadonlyMap<string, TextChain>, family: Family): Table {
  return {
    name,
    chains: [...chains].map(([name, { policy, lines }]): Chain => {
      const rules = lines.map((line) => parseRule(line, family));
      return policy ? { name, policy, rules } : { name, rules };
    }),
  };
}

/**
 * Parses what follows `-A CHAIN`. An extension of which anything is not known is kept as words, all of it, and so is a
 * base option whose value is not one that we would write: nothing is taken for what it is only almost. What iptables
 * would not take at all is one match of words.
 */
export function parseRule(text: string, family: Family): Rule {
  const words = splitWords(text);
  const parts = partsOf(words);
  if (!parts) return { matches: [{ match: 'unknown', words }] };
  const protocol = protocolOf(parts);
  const matches: Match[] = [];
  let target: Target | undefined;
  for (const part of parts) {
    if (isTarget(part)) target = parseTarget(part, family) ?? { target: 'unknown', words: wordsOf(part) };
    else if (protocol && isOfProtocol(part, protocol)) matches.push(...parseProtocol(part, protocol, parts));
    else if (part.owner)
      continue; // Its words are with those of its extension.
    else matches.push(parseMatch(part, family) ?? { match: 'unknown', words: unknownWords(part, parts) });
  }
  return target ? { matches, target } : { matches };
}

function unknownWords(part: Part, parts: readonly Part[]): string[] {
  return [part, ...parts.filter(({ owner }) => owner === part)].flatMap(wordsOf);
}

/** The protocol, where all that the rule says of it is known: a destination port at the most. */
function protocolOf(parts: readonly Part[]): Protocol | undefined {
  const [given, another] = parts.filter(({ head }) => head.name === '-p');
  const protocol = PROTOCOLS.find((name) => name === protocolName(given?.head.values[0] ?? ''));
  if (!given || !protocol || given.head.negated || another) return undefined;
  const [extension, second] = parts.filter((part) => part !== given && isExtension(part, protocol));
  const [port, anotherPort] = parts.filter(({ owner }) => owner !== undefined);
  const known =
    !second &&
    !anotherPort &&
    (extension?.options ?? []).length === 0 &&
    (!port || (port.owner === extension && portsOf(port) !== undefined));
  return known ? protocol : undefined;
}

function isExtension({ head }: Part, name: string): boolean {
  return head.name === '-m' && head.values[0] === name;
}

function isOfProtocol(part: Part, protocol: Protocol): boolean {
  return part.head.name === '-p' || isExtension(part, protocol) || part.owner !== undefined;
}

/** The protocol stands where its extension does, if that is named: from there on the port can be given. */
function parseProtocol(part: Part, protocol: Protocol, parts: readonly Part[]): Match[] {
  const ports = part.owner && portsOf(part);
  if (ports) return [{ match: 'destination-port', ...ports }];
  if (isExtension(part, protocol)) return [{ match: 'protocol', protocol }];
  return parts.some((other) => isExtension(other, protocol))
    ? []
    : [{ match: 'protocol', protocol, bare: true }];
}

/** A destination port, or a range of several as iptables-save prints it. */
function portsOf({ head }: Part): { port: number; last?: number } | undefined {
  if (head.name !== '--dport' || head.negated || head.values.length !== 1) return undefined;
  const [first = '', end, ...more] = (head.values[0] ?? '').split(':');
  const port = integer(first, 0xffff);
  if (port === undefined || more.length > 0) return undefined;
  if (end === undefined) return { port };
  const last = integer(end, 0xffff);
  return last !== undefined && port < last ? { port, last } : undefined;
}

function parseMatch(part: Part, family: Family): Match | undefined {
  const { head, options } = part;
  const [value = ''] = head.values;
  const negated = head.negated ? ({ negated: true } as const) : {};
  switch (head.name) {
    case '-s':
    case '-d': {
      const address = parseRange(value, family);
      if (address === undefined) return undefined;
      return { match: head.name === '-s' ? 'source' : 'destination', address, ...negated };
    }
    case '-i':
      return value === '' ? undefined : { match: 'in-interface', name: value, ...negated };
    case '-m':
      return head.negated ? undefined : parseExtension(value, options);
    default:
      return undefined;
  }
}

/**
 * An address, or a range, of which one of a single address is that address. iptables takes numbers with a leading zero
 * for octal ones, and no other program does, so they stay what they are.
 */
function parseRange(text: string, family: Family): string | undefined {
  if (family === 'ipv4' ? /(?:^|[./])0\d/.test(text) : /\/0\d/.test(text)) return undefined;
  const address = text.includes('/') ? parseCIDR(text) : parseAddress(text);
  if (address === undefined || familyOf(address) !== family) return undefined;
  const whole = `/${addressBits(family)}`;
  return address.endsWith(whole) ? address.slice(0, -whole.length) : address;
}

/** Undefined where anything about the extension is not known. */
function parseExtension(name: string, options: readonly Option[]): Match | undefined {
  const not = options.some(({ negated }) => negated) ? ({ negated: true } as const) : {};
  const given = valuesOf(options);
  const names = [...given.keys()].sort().join(' ');
  const value = (option: string) => present(given.get(option), 'value of an option');
  const canBeNegated = name === 'mark' || name === 'conntrack' || name === 'addrtype';
  if (given.size !== options.length || ('negated' in not && !canBeNegated)) return undefined;

  switch (`${name} ${names}`) {
    case 'comment --comment':
      return { match: 'comment', comment: value('--comment') };
    case 'mark --mark': {
      const [bits, mask] = parseMarkAndMask(value('--mark'));
      return bits === undefined || mask === undefined
        ? undefined
        : { match: 'mark', value: bits, mask, ...not };
    }
    case 'conntrack --ctstate': {
      const states = value('--ctstate').toUpperCase().split(',');
      return states.every(isState) ? { match: 'conntrack', states, ...not } : undefined;
    }
    case 'addrtype --src-type':
    case 'addrtype --dst-type': {
      const side = names === '--src-type' ? 'source' : 'destination';
      return value(names).toUpperCase() === 'LOCAL'
        ? { match: 'addrtype', side, type: 'LOCAL', ...not }
        : undefined;
    }
    case 'statistic --mode --probability': {
      const probability = Number(value('--probability') || Number.NaN);
      const random = value('--mode') === 'random' && probability >= 0 && probability <= 1;
      return random ? { match: 'statistic', probability } : undefined;
    }
    case 'bpf --bytecode':
      return { match: 'bpf', bytecode: value('--bytecode') };
    case 'nfacct --nfacct-name':
      return { match: 'nfacct', name: value('--nfacct-name') };
    default:
      return name === 'recent' ? parseRecent(given) : undefined;
  }
}

function parseRecent(given: ReadonlyMap<string, string>): Match | undefined {
  const { '--name': name = 'DEFAULT', '--mask': mask, '--rsource': _, ...rest } = Object.fromEntries(given);
  if (['--set', '--rcheck', '--reap', '--rsource'].some((flag) => given.get(flag))) return undefined;
  // The mask that prints where none was given: the whole address.
  if (mask !== undefined && !Object.values(FULL_MASK).some((full) => full === mask)) return undefined;
  const names = Object.keys(rest).sort().join(' ');
  if (names === '--set') return { match: 'recent', operation: 'set', name };
  const seconds = integer(rest['--seconds'], 0xffffffff);
  if (names !== '--rcheck --reap --seconds' || seconds === undefined) return undefined;
  return { match: 'recent', operation: 'rcheck', name, seconds };
}

function parseTarget({ head, options }: Part, family: Family): Target | undefined {
  const [name = ''] = head.values;
  const given = valuesOf(options);
  const names = [...given.keys()].sort().join(' ');
  const negated = [head, ...options].some((option) => option.negated);
  if (head.name !== '-j' || negated || given.size !== options.length) return undefined;
  switch (`${name} ${names}`.trim()) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'REJECT':
      return { target: name as 'ACCEPT' | 'DROP' | 'RETURN' | 'REJECT' };
    case 'REJECT --reject-with':
      return given.get(names) === DEFAULT_REJECT[family] ? { target: 'REJECT' } : undefined;
    case 'MASQUERADE':
    case 'MASQUERADE --random-fully':
      if (given.get('--random-fully')) return undefined;
      return { target: 'MASQUERADE', randomFully: names !== '' };
    case 'DNAT --to-destination': {
      const to = parseEndpoint(present(given.get(names), 'value of an option'), family);
      return to === undefined ? undefined : { target: 'DNAT', to };
    }
    default:
      if (name === 'MARK') return parseMark(names, given.get(names) ?? '');
      return names === '' && name !== '' && !EXTENSION_TARGETS.has(name)
        ? { target: 'jump', chain: name }
        : undefined;
  }
}

/** Targets of iptables-extensions(8) and of older versions. No chain can have their names. */
const EXTENSION_TARGETS: ReadonlySet<string> = new Set(
  (
    'AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK IDLETIMER LED LOG MARK ' +
    'MASQUERADE MIRROR NETMAP NFLOG NFQUEUE NOTRACK QUEUE RATEEST REDIRECT REJECT SAME SECMARK SET SNAT SNPT ' +
    'SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG'
  ).split(' '),
);

/** `address:port`, canonical; undefined for ranges and for an address or a port alone. */
function parseEndpoint(text: string, family: Family): string | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const address = parseRange(bracketed ?? plain ?? '', family);
  const port = integer(digits, 0xffff);
  const isAddress =
    address !== undefined && !address.includes('/') && (bracketed !== undefined) === (family === 'ipv6');
  // A leading zero would be octal elsewhere, and is refused here.
  return isAddress && port !== undefined && String(port) === digits ? joinPort(address, port) : undefined;
}

function parseMark(option: string, text: string): Target | undefined {
  const bits = integer(text, 0xffffffff);
  const [value, mask] = parseMarkAndMask(text);
  switch (option) {
    case '--or-mark':
      return bits === undefined ? undefined : { target: 'MARK', value: bits, mask: bits };
    case '--xor-mark':
      return bits === undefined ? undefined : { target: 'MARK', value: bits, mask: 0 };
    case '--and-mark':
      return bits === undefined ? undefined : { target: 'MARK', value: 0, mask: ~bits >>> 0 };
    case '--set-xmark':
      return value === undefined || mask === undefined ? undefined : { target: 'MARK', value, mask };
    case '--set-mark':
      return value === undefined || mask === undefined
        ? undefined
        : { target: 'MARK', value, mask: (mask | value) >>> 0 };
    default:
      return undefined;
  }
}

/** `value` or `value/mask`; without a mask all bits count. */
function parseMarkAndMask(text: string): [number | undefined, number | undefined] {
  const [value, mask, ...rest] = text.split('/');
  if (rest.length > 0) return [undefined, undefined];
  return [integer(value, 0xffffffff), mask === undefined ? 0xffffffff : integer(mask, 0xffffffff)];
}

/** A number as iptables reads it, by C's strtoul: decimal, `0x` hexadecimal, or octal behind a zero. */
function integer(text = '', most: number): number | undefined {
  if (!/^(?:[1-9]\d*|0[xX][\da-fA-F]+|0[0-7]*)$/.test(text)) return undefined;
  const value = /^0[0-7]/.test(text) ? Number.parseInt(text, 8) : Number(text);
  return value <= most ? value : undefined;
}

/** The value of each option, '' for those without. Fewer than options where one is there twice or has several. */
function valuesOf(options: readonly Option[]): ReadonlyMap<string, string> {
  return new Map(
    options.flatMap(({ name, values }) =>
      name === '' || values.length > 1 ? [] : [[name, values[0] ?? ''] as const],
    ),
  );
}

function isState(text: string): text is ConntrackState {
  return CONNTRACK_STATES.some((state) => state === text);
}
