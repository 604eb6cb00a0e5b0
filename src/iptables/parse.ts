/** From the text of iptables-save or for iptables-restore to rulesets. */
import { type Family, familyOf, parseAddress, parseCIDR } from '../net/address.ts';
import { DEFAULT_REJECT } from './saved.ts';
import {
  type Chain,
  CONNTRACK_STATES,
  type ConntrackState,
  type Match,
  PROTOCOLS,
  type Rule,
  type Ruleset,
  type Table,
  type TableName,
  type Target,
} from './types.ts';
import { splitWords } from './words.ts';

/** A text that is not one of rules. */
export class ParseError extends Error {
  /** Counted from 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.name = 'ParseError';
    this.line = line;
  }
}

const TABLES: readonly TableName[] = ['filter', 'nat', 'mangle', 'raw', 'security'];

/**
 * Parses the text of whole tables: what iptables-save prints, or what `printRuleset` does. What svc2ipt does not know
 * of a rule is kept as words.
 * @throws ParseError where the text is not of that form
 */
export function parseRuleset(text: string, family: Family): Ruleset {
  const tables: Table[] = [];
  let open:
    | { name: TableName; chains: Map<string, { policy?: 'ACCEPT' | 'DROP'; rules: Rule[] }> }
    | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    const fail = (message: string) => new ParseError(i + 1, message);
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('*')) {
      const name = TABLES.find((table) => table === line.slice(1).trim());
      if (open || !name)
        throw fail(open ? `table ${open.name} is not committed yet` : `no such table: ${line}`);
      open = { name, chains: new Map() };
    } else if (!open) {
      throw fail(`expected a table, got ${JSON.stringify(line.slice(0, 40))}`);
    } else if (line.trim() === 'COMMIT') {
      tables.push({
        name: open.name,
        chains: [...open.chains].map(([name, chain]): Chain => ({ name, ...chain })),
      });
      open = undefined;
    } else if (line.startsWith(':')) {
      const [name = '', policy] = line.slice(1).split(' ');
      const rules: Rule[] = [];
      open.chains.set(name, policy === 'ACCEPT' || policy === 'DROP' ? { policy, rules } : { rules });
    } else {
      const appended = /^(?:\[\d+:\d+\] )?-A (\S+)(.*)$/.exec(line);
      const chain = open.chains.get(appended?.[1] ?? '');
      if (!appended || !chain)
        throw fail(appended ? `no such chain: ${appended[1]}` : 'expected a rule: -A CHAIN ...');
      chain.rules.push(parseRule(appended[2] ?? '', family));
    }
  }
  if (open) throw new ParseError(text.split('\n').length, `table ${open.name} is not committed`);
  return { family, tables };
}

/** Parses what follows `-A CHAIN`. What is not known is kept as words. */
export function parseRule(text: string, family: Family): Rule {
  const matches: Match[] = [];
  let target: Target | undefined;
  for (const part of partsOf(splitWords(text))) {
    if (part.kind === 'target') target = parseTarget(part.words, family);
    else matches.push(...parseMatch(part));
  }
  return target ? { matches, target } : { matches };
}

/** A base option (`-s` ...), a match extension (`-m` ...) or the target, with all the words that are its own. */
interface Part {
  readonly kind: 'base' | 'extension' | 'target';
  /** A `!` stands where it stood, or in front. */
  readonly words: string[];
}

const BASE_OPTIONS = new Set(['-s', '-d', '-i', '-o', '-p', '-f']);

const LONG_OPTIONS: Readonly<Record<string, string>> = {
  '--source': '-s',
  '--destination': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--protocol': '-p',
  '--match': '-m',
  '--jump': '-j',
  '--goto': '-g',
};

function partsOf(words: readonly string[]): Part[] {
  const parts: Part[] = [];
  let negation: string[] = [];
  let protocol: string | undefined;
  /** The extension that an option belongs to which stands behind a base option, as in `-m tcp -d 10.0.0.1 --dport 80`. */
  let extension: Part | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = LONG_OPTIONS[words[i] ?? ''] ?? words[i] ?? '';
    if (word === '!') {
      negation = ['!'];
    } else if (BASE_OPTIONS.has(word)) {
      const value = word === '-f' ? [] : words.slice(i + 1, i + 2);
      parts.push({ kind: 'base', words: [...negation, word, ...value] });
      if (word === '-p') protocol = value[0];
      i += value.length;
      negation = [];
    } else if (word === '-m') {
      extension = { kind: 'extension', words: ['-m', words[++i] ?? ''] };
      parts.push(extension);
    } else if (word === '-j' || word === '-g') {
      parts.push({ kind: 'target', words: [word, ...words.slice(i + 1)] });
      break;
    } else {
      // `-p tcp --dport 80` loads the protocol's extension without being told.
      if (!extension && protocol !== undefined) {
        extension = { kind: 'extension', words: ['-m', protocol] };
        parts.push(extension);
      }
      const owner = ownerOf(word, parts, protocol) ?? extension;
      if (owner) owner.words.push(...negation, word);
      else parts.push({ kind: 'extension', words: [...negation, word] });
      negation = [];
    }
  }
  return parts;
}

/** Port options go to the protocol's extension, whichever was named last. */
function ownerOf(word: string, parts: readonly Part[], protocol: string | undefined): Part | undefined {
  if (word !== '--dport' && word !== '--sport') return undefined;
  return parts.find(({ kind, words }) => kind === 'extension' && words[1] === protocol);
}

function parseMatch({ kind, words }: Part): Match[] {
  const known = kind === 'base' ? parseBase(words) : parseExtension(words);
  return known ?? [{ match: 'unknown', words }];
}

function parseBase(words: readonly string[]): Match[] | undefined {
  const negated = words[0] === '!' ? ({ negated: true } as const) : {};
  const [option, value = ''] = words[0] === '!' ? words.slice(1) : words;
  switch (option) {
    case '-s':
    case '-d': {
      const address = value.includes('/') ? parseCIDR(value) : parseAddress(value);
      if (address === undefined) return undefined;
      return [{ match: option === '-s' ? 'source' : 'destination', address: shortest(address), ...negated }];
    }
    case '-i':
      return [{ match: 'in-interface', name: value, ...negated }];
    case '-p': {
      const protocol = PROTOCOLS.find((name) => name === value);
      return protocol && !('negated' in negated) ? [{ match: 'protocol', protocol }] : undefined;
    }
    default:
      return undefined;
  }
}

/** A range of one address is that address. */
function shortest(address: string): string {
  const whole = familyOf(address) === 'ipv4' ? '/32' : '/128';
  return address.endsWith(whole) ? address.slice(0, -whole.length) : address;
}

/** Undefined where anything about the extension is not known. */
function parseExtension(words: readonly string[]): Match[] | undefined {
  const options = optionsOf(words.slice(2));
  if (!options) return undefined;
  const { negated, given } = options;
  const names = Object.keys(given).sort().join(' ');
  const not = negated.size > 0 ? ({ negated: true } as const) : {};
  const plain = negated.size === 0;
  const value = (name: string) => given[name] ?? '';

  switch (words[1]) {
    case 'comment':
      return plain && names === '--comment' ? [{ match: 'comment', comment: value('--comment') }] : undefined;
    case 'tcp':
    case 'udp':
    case 'sctp': {
      if (names === '') return [];
      const port = Number(value('--dport'));
      return plain && names === '--dport' && Number.isInteger(port)
        ? [{ match: 'destination-port', port }]
        : undefined;
    }
    case 'mark': {
      const mark = /^(\w+)(?:\/(\w+))?$/.exec(value('--mark'));
      const [bits, mask] = [Number(mark?.[1]), mark?.[2] === undefined ? 0xffffffff : Number(mark[2])];
      if (names !== '--mark' || Number.isNaN(bits) || Number.isNaN(mask)) return undefined;
      return [{ match: 'mark', value: bits, mask, ...not }];
    }
    case 'conntrack': {
      const states = value('--ctstate').split(',');
      return names === '--ctstate' && states.every(isState)
        ? [{ match: 'conntrack', states, ...not }]
        : undefined;
    }
    case 'addrtype': {
      if (!plain || value(names) !== 'LOCAL') return undefined;
      if (names !== '--src-type' && names !== '--dst-type') return undefined;
      return [{ match: 'addrtype', side: names === '--src-type' ? 'source' : 'destination', type: 'LOCAL' }];
    }
    case 'statistic': {
      const probability = Number(value('--probability'));
      const random = plain && names === '--mode --probability' && value('--mode') === 'random';
      return random && !Number.isNaN(probability) ? [{ match: 'statistic', probability }] : undefined;
    }
    case 'recent':
      return plain ? parseRecent(given) : undefined;
    case 'nfacct':
      return plain && names === '--nfacct-name'
        ? [{ match: 'nfacct', name: value('--nfacct-name') }]
        : undefined;
    default:
      return undefined;
  }
}

function parseRecent(given: Readonly<Record<string, string>>): Match[] | undefined {
  const { '--name': name = 'DEFAULT', '--mask': mask, '--rsource': _, ...rest } = given;
  // The mask that prints where none was given: the whole address.
  if (mask !== undefined && mask !== '255.255.255.255' && !/^ffff(:ffff){7}$/.test(mask)) return undefined;
  const names = Object.keys(rest).sort().join(' ');
  if (names === '--set') return [{ match: 'recent', operation: 'set', name }];
  const seconds = Number(rest['--seconds']);
  if (names !== '--rcheck --reap --seconds' || !Number.isInteger(seconds)) return undefined;
  return [{ match: 'recent', operation: 'rcheck', name, seconds }];
}

function parseTarget(words: string[], family: Family): Target {
  const [flag, name = ''] = words;
  const options = optionsOf(words.slice(2));
  const unknown: Target = { target: 'unknown', words };
  if (flag !== '-j' || !options || options.negated.size > 0) return unknown;
  const { given } = options;
  const names = Object.keys(given).sort().join(' ');
  switch (name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return names === '' ? { target: name } : unknown;
    case 'REJECT':
      return names === '' || given['--reject-with'] === DEFAULT_REJECT[family]
        ? { target: 'REJECT' }
        : unknown;
    case 'MASQUERADE':
      if (names !== '' && names !== '--random-fully') return unknown;
      return { target: 'MASQUERADE', randomFully: names !== '' };
    case 'DNAT':
      return names === '--to-destination' ? { target: 'DNAT', to: given['--to-destination'] ?? '' } : unknown;
    case 'MARK':
      return parseMark(names, given[names] ?? '') ?? unknown;
    default:
      // Chains have no options; a target that is not known most likely has some, or is spelled in capitals only.
      return names === '' && !EXTENSION_TARGETS.has(name) ? { target: 'jump', chain: name } : unknown;
  }
}

/** Targets that may stand without options, and are no chains. */
const EXTENSION_TARGETS = new Set([
  'LOG',
  'NFLOG',
  'TRACE',
  'NOTRACK',
  'NETMAP',
  'QUEUE',
  'NFQUEUE',
  'CHECKSUM',
  'REDIRECT',
  'AUDIT',
]);

function parseMark(option: string, text: string): Target | undefined {
  const [first = '', second] = text.split('/');
  const [value, given] = [Number(first), Number(second)];
  if (first === '' || Number.isNaN(value) || (second !== undefined && Number.isNaN(given))) return undefined;
  switch (option) {
    case '--or-mark':
      return { target: 'MARK', value, mask: value };
    case '--xor-mark':
      return { target: 'MARK', value, mask: 0 };
    case '--and-mark':
      return { target: 'MARK', value: 0, mask: ~value >>> 0 };
    case '--set-xmark':
      return { target: 'MARK', value, mask: second === undefined ? 0xffffffff : given };
    default:
      return undefined;
  }
}

interface Options {
  readonly given: Readonly<Record<string, string>>;
  readonly negated: ReadonlySet<string>;
}

/** Options and their values, '' for those without; undefined where one is there twice or a value stands alone. */
function optionsOf(words: readonly string[]): Options | undefined {
  const given: Record<string, string> = {};
  const negated = new Set<string>();
  let not = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '!') {
      not = true;
      continue;
    }
    if (!isOption(word) || Object.hasOwn(given, word)) return undefined;
    if (not) negated.add(word);
    not = false;
    const next = words[i + 1];
    const hasValue = next !== undefined && next !== '!' && (!isOption(next) || word === '--comment');
    given[word] = hasValue ? next : '';
    if (hasValue) i++;
  }
  return { given, negated };
}

function isOption(word: string): boolean {
  return word.startsWith('--');
}

function isState(text: string): text is ConntrackState {
  return CONNTRACK_STATES.some((state) => state === text);
}
