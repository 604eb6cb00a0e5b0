/** The text of whole tables, split into chains whose rules stay text. */
import { OperationalError } from '../errors/operational-error.ts';
import { SaveReader } from './save-lines.ts';

/** A text that is not one of rules. */
export class ParseError extends OperationalError {
  /** Counted from 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

/** A chain whose rules nobody has parsed yet. */
export interface TextChain {
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  /** What follows `-A CHAIN` of each rule. */
  readonly lines: readonly string[];
}

interface OpenChain extends TextChain {
  /** Of its rules, kept or not. */
  count: number;
  readonly lines: string[];
}

/**
 * Splits the output of iptables-save, with or without counters, or input for iptables-restore.
 * @param tables that there may be; all unless given
 * @param isKept the rules that are wanted, all unless given; is asked rule by rule, with its number in the chain, from 1
 * @throws ParseError where it is neither
 */
export function readSavedText(
  text: string,
  tables?: readonly string[],
  isKept: (rule: string, chain: string, number: number, table: string) => boolean = () => true,
): ReadonlyMap<string, ReadonlyMap<string, TextChain>> {
  const read = new Map<string, Map<string, OpenChain>>();
  const now: { open: { readonly name: string; readonly chains: Map<string, OpenChain> } | undefined } = {
    open: undefined,
  };
  const fail = (message: string) => new ParseError(reader.number, message);
  const opened = (line: string) => {
    if (!now.open) throw fail(`expected a table, got ${JSON.stringify(line.slice(0, 40))}`);
    return now.open;
  };
  const reader = new SaveReader({
    table(name) {
      if (now.open) throw fail(`table ${now.open.name} is not committed yet`);
      if (tables && !tables.includes(name)) throw fail(`no such table: *${name}`);
      if (read.has(name)) throw fail(`table ${name} is there twice`);
      now.open = { name, chains: new Map() };
      read.set(name, now.open.chains);
    },
    chain(name, policy) {
      const known = policy === 'ACCEPT' || policy === 'DROP' ? policy : undefined;
      opened(`:${name} ${policy}`).chains.set(name, { policy: known, lines: [], count: 0 });
    },
    rule(name, rest) {
      const open = now.open ?? opened(`-A ${name}${rest}`);
      const chain = open.chains.get(name);
      if (!chain) throw fail(`no such chain: ${name}`);
      if (isKept(rest, name, ++chain.count, open.name)) chain.lines.push(rest);
    },
    commit() {
      opened('COMMIT');
      now.open = undefined;
    },
    other(line) {
      opened(line);
      throw fail('expected a rule: -A CHAIN ...');
    },
  });
  reader.read(text);
  reader.finish();
  if (now.open) throw fail(`table ${now.open.name} is not committed`);
  return read;
}

/** The chain or target that a saved rule leads to, whatever its comment says. */
export function targetOf(line: string): string | undefined {
  // Nearly always it is the last word; a pattern would look at the whole line for it.
  const space = line.lastIndexOf(' ');
  const last = line.slice(space + 1);
  const isJump = line.endsWith(' -j', space) || line.endsWith(' -g', space);
  if (isJump && last !== '' && !last.includes('"')) return last;
  const withoutTexts = line.replaceAll(/--comment [^ "]+|"(?:[^"\\]|\\.)*"/g, '""');
  return / -[jg] (\S+)/.exec(withoutTexts)?.[1];
}
