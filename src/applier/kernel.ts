/** What is in a node's tables, as iptables-save prints it. */

import { present } from '../errors/invariant.ts';
import { sameList, sameRule } from '../iptables/compare.ts';
import { ruleMeaning } from '../iptables/meaning.ts';
import { inOrderOfPlaces } from '../iptables/order.ts';
import { parseRule } from '../iptables/parse.ts';
import { printRule } from '../iptables/print.ts';
import { SaveReader } from '../iptables/save-lines.ts';
import { printSavedRule } from '../iptables/saved.ts';
import { targetOf } from '../iptables/saved-text.ts';
import type { Chain, Family, Rule, TableName } from '../iptables/types.ts';
import { NOTHING_COUNTED, PackedChain, TextStore } from './packed-chain.ts';

/**
 * A chain as it was read. Its rules stay text until somebody must know what they mean. Whoever needs its lists more than once
 * keeps them: what has been read of a whole table is packed, and taken apart each time.
 */
export interface SavedChain {
  readonly name: string;
  /** Made by the kernel, not by a program; it has a policy. */
  readonly builtIn: boolean;
  /** What follows `-A CHAIN` of each rule, with the space before it. */
  readonly lines: readonly string[];
  /** `[packets:bytes]` of each rule. */
  readonly counters: readonly string[];
}

/** The tables of one family. A table that nobody has used yet is not there. */
export type SavedTables = ReadonlyMap<TableName, ReadonlyMap<string, SavedChain>>;

/** Names of chains by their table. */
export type ChainsByTable = ReadonlyMap<TableName, ReadonlySet<string>>;

/** The chains in the output of `iptables-save --counters`. */
export function parseSaved(text: string): SavedTables {
  const reader = new SavedReader();
  reader.read(text);
  reader.finish();
  return reader.tables;
}

/** Splits the output of `iptables-save --counters` into chains while it comes. */
export class SavedReader {
  readonly #tables = new Map<TableName, Map<string, PackedChain>>();
  #chains = new Map<string, PackedChain>();
  /** The chain of the last rule, of which there are likely more. */
  #chain: PackedChain | undefined;
  readonly #store = new TextStore();
  readonly #reader = new SaveReader({
    table: (name) => {
      this.#chains = new Map();
      this.#leave();
      // Whatever its name: a table that we do not know is never asked for.
      this.#tables.set(name as TableName, this.#chains);
    },
    chain: (name, policy) => {
      this.#chains.set(name, new PackedChain(name, policy !== '-'));
    },
    rule: (name, text, counters) => {
      if (this.#chain?.name !== name) {
        this.#leave();
        this.#chain = this.#chains.get(name);
      }
      this.#chain?.add(text, counters ?? NOTHING_COUNTED);
    },
  });

  read(chunk: string): void {
    this.#reader.read(chunk);
  }

  /** See {@link SaveReader.problem}; known once all has been read. */
  get problem(): string | undefined {
    return this.#reader.problem;
  }

  finish(): void {
    this.#reader.finish();
    this.#leave();
  }

  #leave(): void {
    this.#chain?.pack(this.#store);
    this.#chain = undefined;
  }

  /** What has been read; all of it after {@link finish}. */
  get tables(): SavedTables {
    return this.#tables;
  }
}

/** A chain in the kernel: read from it, or known because we wrote it. */
export type CurrentChain = SavedChain | Chain;

/** Each rule's text behind `-A CHAIN`, as iptables-restore takes it to find or add the rule. */
export function linesOf(chain: CurrentChain): readonly string[] {
  return 'lines' in chain ? chain.lines : chain.rules.map(printRule);
}

/** The chains that a chain's rules lead to. */
export function targetsOf(chain: CurrentChain): string[] {
  if ('rules' in chain) {
    return chain.rules.flatMap(({ target }) => (target?.target === 'jump' ? [target.chain] : []));
  }
  return chain.lines.flatMap((line) => targetOf(line) ?? []);
}

/** Whether a chain in the kernel has the rules that are wanted, however they are spelled. */
export function isCurrent(current: CurrentChain, wanted: Chain, family: Family): boolean {
  if (current === wanted) return true;
  if ('rules' in current) {
    return sameList(current.rules, wanted.rules, sameRule);
  }
  const { lines } = current;
  if (lines.length !== wanted.rules.length) return false;
  return wanted.rules.every((rule, i) => isCurrentRule(present(lines[i], 'line of a rule'), rule, family));
}

/** Whether a saved line is a rule. */
export function isCurrentRule(line: string, rule: Rule, family: Family): boolean {
  return line === printSavedRule(rule, family) || ruleMeaning(parseRule(line, family)) === ruleMeaning(rule);
}

/**
 * A chain that is wanted, in the order that its rules have in the kernel where no packet can tell. It is the same
 * object where that is the order that it has.
 */
export function inOrderOf(current: CurrentChain, wanted: Chain, family: Family): Chain {
  const rules = inOrderOfPlaces(wanted.rules, placesIn(current, wanted, family));
  return rules === wanted.rules ? wanted : { ...wanted, rules };
}

/** Where each rule that is wanted stands in a chain; undefined for one that it does not have. */
function placesIn(current: CurrentChain, { rules }: Chain, family: Family): (number | undefined)[] {
  // Nearly all are the same objects, or spelled as we spell them. Only the others are asked what they mean.
  const places =
    'rules' in current
      ? placesOf(rules, current.rules)
      : placesOf(
          rules.map((rule) => printSavedRule(rule, family)),
          current.lines,
        );
  const missing = [...rules.entries()].filter(([i]) => places[i] === undefined);
  const found = new Set(places);
  const left = [...linesOrRules(current).entries()].filter(([place]) => !found.has(place));
  if (missing.length === 0 || left.length === 0) return places;
  const meanings = left.map(([, rule]) =>
    ruleMeaning(typeof rule === 'string' ? parseRule(rule, family) : rule),
  );
  const placesLeft = placesOf(
    missing.map(([, rule]) => ruleMeaning(rule)),
    meanings,
  );
  for (const [j, [i]] of missing.entries()) places[i] = left[placesLeft[j] ?? left.length]?.[0];
  return places;
}

function linesOrRules(chain: CurrentChain): readonly (string | Rule)[] {
  return 'lines' in chain ? chain.lines : chain.rules;
}

/** Where each of the items is among others, of which none is taken twice. */
function placesOf<T>(items: readonly T[], among: readonly T[]): (number | undefined)[] {
  const places = new Map<T, number[]>();
  for (const [place, item] of among.entries()) {
    const same = places.get(item);
    if (same) same.push(place);
    else places.set(item, [place]);
  }
  return items.map((item) => places.get(item)?.shift());
}
