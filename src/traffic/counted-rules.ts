/** Rules as iptables-save prints them, with what each has counted. */
import { OperationalError } from '../errors/operational-error.ts';
import { SaveReader } from '../iptables/save-lines.ts';
import { ParseError } from '../iptables/saved-text.ts';
import type { Family, TableName } from '../iptables/types.ts';

/** Rules were saved without their counters. */
export class NoCountersError extends OperationalError {}

/** A chain of a node's rules. */
export interface SavedRulesChain {
  readonly table: TableName;
  readonly name: string;
  /** What follows `-A CHAIN` of each rule, with the space before it. */
  readonly lines: readonly string[];
  /** The index of each rule among all of its family, in the same order. */
  readonly indexes: readonly number[];
}

/** The rules of one family, without their counters: the same object for as long as they are the same. */
export interface SavedRules {
  readonly family: Family;
  /** How many there are. */
  readonly count: number;
  /** @returns undefined where there is no such chain, or it has no rules */
  chain(table: TableName, name: string): SavedRulesChain | undefined;
  /** `-A CHAIN ...` of each rule, by its index. */
  readonly texts: readonly string[];
  /** The table of each rule, by its index. */
  readonly tables: readonly TableName[];
}

/** Rules, and how many packets each has counted. */
export interface CountedRules {
  readonly rules: SavedRules;
  /** By the index of the rule; NaN where nobody has looked. */
  readonly packets: Float64Array;
}

/**
 * Reads what `iptables-save --counters` prints.
 * @param former what was read before; where the rules are the same, only their counters are read
 * @throws ParseError where the text is not of that form; NoCountersError where it has no counters
 */
export function readCountedRules(text: string, family: Family, former?: SavedRules): CountedRules {
  const packets = former?.family === family ? packetsOfSame(text, former) : undefined;
  return former && packets ? { rules: former, packets } : readAll(text, family);
}

interface OpenChain extends SavedRulesChain {
  readonly lines: string[];
  readonly indexes: number[];
}

function readAll(text: string, family: Family): CountedRules {
  const byName = new Map<string, OpenChain>();
  const texts: string[] = [];
  const tables: TableName[] = [];
  const packets: number[] = [];
  let table: TableName | undefined;
  const fail = (message: string) => new ParseError(reader.number, message);
  const reader = new SaveReader({
    table(name) {
      // Whatever its name: a table that we do not know is never asked for.
      table = name as TableName;
    },
    rule(name, rest, counters) {
      if (table === undefined) throw fail(`expected a table, got ${JSON.stringify(`-A ${name}`)}`);
      if (counters === undefined) throw new NoCountersError('has no counters: iptables-save -c prints them');
      const key = `${table} ${name}`;
      const chain = byName.get(key) ?? { table, name, lines: [], indexes: [] };
      byName.set(key, chain);
      chain.lines.push(rest);
      chain.indexes.push(texts.length);
      texts.push(`-A ${name}${rest}`);
      tables.push(table);
      packets.push(Number(counters.slice(1, counters.indexOf(':'))));
    },
    commit() {
      table = undefined;
    },
    other(text) {
      throw fail(`expected a rule: -A CHAIN ..., got ${JSON.stringify(text.slice(0, 40))}`);
    },
  });
  reader.read(text);
  reader.finish();
  // A text that was cut must not look whole.
  if (reader.problem !== undefined) throw new ParseError(reader.number, reader.problem);
  const rules: SavedRules = {
    family,
    count: texts.length,
    chain: (ofTable, name) => byName.get(`${ofTable} ${name}`),
    texts,
    tables,
  };
  return { rules, packets: Float64Array.from(packets) };
}

const [NEWLINE, STAR, BRACKET, COLON, ZERO] = [10, 42, 91, 58, 48];

/**
 * The counters of a text whose rules are the same as those of another: a large node has 60,000, and they are read every few
 * seconds.
 * @returns undefined where any rule is another one
 */
function packetsOfSame(text: string, { texts, tables }: SavedRules): Float64Array | undefined {
  const packets = new Float64Array(texts.length);
  let table: string | undefined;
  let index = 0;
  for (let start = 0; start < text.length; ) {
    const first = text.charCodeAt(start);
    if (first === BRACKET) {
      const wanted = texts[index];
      if (wanted === undefined || tables[index] !== table) return undefined;
      let at = start + 1;
      let count = 0;
      for (let code = text.charCodeAt(at); code !== COLON; code = text.charCodeAt(++at)) {
        if (!(code >= ZERO && code <= ZERO + 9)) return undefined;
        count = count * 10 + (code - ZERO);
      }
      const rule = text.indexOf(' ', at) + 1;
      const end = rule + wanted.length;
      if (rule === 0 || !text.startsWith(wanted, rule) || text.charCodeAt(end) !== NEWLINE) return undefined;
      packets[index++] = count;
      start = end + 1;
      continue;
    }
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    if (first === STAR) table = text.slice(start + 1, end);
    // A rule that is not ours to count has no counters in front of it, and is read as all others are.
    else if (text.startsWith('-A ', start)) return undefined;
    start = end + 1;
  }
  return index === texts.length ? packets : undefined;
}

const GENERATED = /^# Generated by \S*save\b.* on (.+)$/m;

/**
 * When iptables-save printed a text, in milliseconds since 1970, as its first remark says in local time.
 * @returns undefined where it says nothing
 */
export function savedAt(text: string): number | undefined {
  const [, date = ''] = GENERATED.exec(text) ?? [];
  const at = Date.parse(date);
  return Number.isNaN(at) ? undefined : at;
}
