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

/** What stands behind the name of a chain: `-` for one that is nobody's built-in. */
function policyOf(word: string | undefined): TextChain['policy'] {
  return word === 'ACCEPT' || word === 'DROP' ? word : undefined;
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
      opened(`:${name} ${policy}`).chains.set(name, { policy: policyOf(policy), lines: [], count: 0 });
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

/** A chain whose rules are one text, taken apart when somebody asks for them. */
export interface WholeTextChain {
  readonly policy: TextChain['policy'];
  /** The same only for the same rules. */
  readonly text: string;
  /** What follows `-A CHAIN` of each rule. */
  readonly rules: readonly string[];
}

/**
 * As {@link readSavedText}, chain by chain: a large node has 160,000 rules in 60,000 chains, and who compares two of them
 * looks at the rules of few.
 * @throws ParseError where the text is not of that form
 */
export function readSavedChains(text: string): ReadonlyMap<string, ReadonlyMap<string, WholeTextChain>> {
  const plain = plainChains(text);
  if (plain) return plain;
  const chains = (ofTable: ReadonlyMap<string, TextChain>) =>
    new Map(
      [...ofTable].map(([name, { policy, lines }]) => [
        name,
        { policy, rules: lines, text: lines.join('\n') },
      ]),
    );
  return new Map([...readSavedText(text)].map(([table, ofTable]) => [table, chains(ofTable)]));
}

/** Chains of a text just as iptables-save prints it without counters; undefined where anything in it is another thing. */
function plainChains(text: string): Map<string, Map<string, WholeTextChain>> | undefined {
  if (text.includes('\r') || !text.endsWith('\n')) return undefined;
  const read = new Map<string, Map<string, RunChain>>();
  let open: Map<string, RunChain> | undefined;
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    end = text.indexOf('\n', start);
    const first = text[start];
    if (first === '-') {
      const runEnd = endOfRun(text, start, end);
      const chain = open?.get(text.slice(start + APPEND.length, endOfName(text, start, end)));
      if (!chain || !text.startsWith(APPEND, start)) return undefined;
      chain.add(text.slice(start, runEnd));
      end = runEnd - 1;
    } else if (first === ':' && open) {
      const [name = '', policy] = text.slice(start + 1, end).split(' ');
      open.set(name, new RunChain(name, policyOf(policy)));
    } else if (first === '*' && !open) {
      const table = text.slice(start + 1, end);
      if (read.has(table)) return undefined;
      open = new Map();
      read.set(table, open);
    } else if (open && text.slice(start, end) === 'COMMIT') open = undefined;
    else if (first !== '#' && first !== '\n') return undefined;
  }
  return open ? undefined : read;
}

const APPEND = '-A ';

/** Where the name of the chain ends, to which a line appends. */
function endOfName(text: string, start: number, end: number): number {
  const space = text.indexOf(' ', start + APPEND.length);
  return space === -1 || space > end ? end : space;
}

/** Where the last line ends that appends to the same chain as the first: rules of a chain stand together. */
function endOfRun(text: string, start: number, end: number): number {
  const beginning = text.slice(start, endOfName(text, start, end));
  let after = end + 1;
  while (text.startsWith(beginning, after)) {
    const next = text[after + beginning.length];
    if (next !== ' ' && next !== '\n') break;
    after = text.indexOf('\n', after) + 1;
  }
  return after;
}

/** A chain of a text, taken apart when somebody asks for its rules. */
class RunChain implements WholeTextChain {
  readonly policy: TextChain['policy'];
  readonly #name: string;
  #text = '';
  #rules: readonly string[] | undefined;

  constructor(name: string, policy: TextChain['policy']) {
    this.#name = name;
    this.policy = policy;
  }

  add(run: string): void {
    this.#text = this.#text === '' ? run : this.#text + run;
  }

  get text(): string {
    return this.#text;
  }

  get rules(): readonly string[] {
    const before = APPEND.length + this.#name.length;
    this.#rules ??= this.#text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.slice(before));
    return this.#rules;
  }
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
