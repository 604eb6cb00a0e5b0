/**
 * A kernel that behaves: tables in memory that take what iptables-restore takes and print what iptables-save prints.
 * What it refuses, and in which words, is what iptables 1.8.9 does and says, of either kind.
 */
import { lookAround } from '../../src/applier/glance.ts';
import { type ChainsByTable, parseSaved, type SavedTables } from '../../src/applier/kernel.ts';
import type { Backend } from '../../src/applier/programs.ts';
import { refusal } from '../../src/applier/restore.ts';
import type { KernelTables } from '../../src/applier/tables.ts';
import { CommandError } from '../../src/errors/command-error.ts';
import { parseRule } from '../../src/iptables/parse.ts';
import { printSavedRule } from '../../src/iptables/saved.ts';
import { targetOf } from '../../src/iptables/saved-text.ts';
import type { Family, Rule, Ruleset, TableName } from '../../src/iptables/types.ts';

const BUILT_IN = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const satisfies Record<TableName, readonly string[]>;

interface FakeRule {
  /** As iptables-save prints it, behind `-A CHAIN `. */
  text: string;
  /** The chain that it leads to. */
  target: string | undefined;
  counter: string;
}

interface FakeChain {
  /** `ACCEPT [0:0]` of a built-in chain, `- [0:0]` of another. */
  head: string;
  readonly rules: FakeRule[];
}

type FakeTable = Map<string, FakeChain>;

/** Why a line was refused; iptables-legacy keeps that to itself. */
class Refused extends Error {}

export class FakeKernel implements KernelTables {
  readonly family: Family;
  readonly backend: Backend;
  /** What was given to {@link restore}, in order. */
  readonly inputs: string[] = [];
  /** How often {@link read} was called. */
  reads = 0;
  #tables = new Map<TableName, FakeTable>();
  #packets = 0;
  #failures = 0;

  constructor(family: Family, backend: Backend = 'nft') {
    this.family = family;
    this.backend = backend;
  }

  /** A kernel that holds the same, and goes its own way from here. */
  copy(): FakeKernel {
    const copy = new FakeKernel(this.family, this.backend);
    copy.#tables = new Map([...this.#tables].map(([name, table]) => [name, copyOf(table)]));
    copy.#packets = this.#packets;
    return copy;
  }

  /** As `iptables-save --counters` prints it, a table that was never used left out. */
  save(): string {
    return [...this.#tables]
      .map(([name, table]) =>
        [
          `*${name}`,
          ...[...table].map(([chain, { head }]) => `:${chain} ${head}`),
          ...[...table].flatMap(([chain, { rules }]) =>
            rules.map(({ text, counter }) => `${counter} -A ${chain}${text}`),
          ),
          'COMMIT\n',
        ].join('\n'),
      )
      .join('');
  }

  saved(): SavedTables {
    return parseSaved(this.save());
  }

  async read(): Promise<SavedTables> {
    this.reads++;
    return this.saved();
  }

  async list(chains: ChainsByTable): Promise<SavedTables> {
    const saved = this.saved();
    return new Map(
      [...chains].map(([table, names]) => [
        table,
        new Map([...(saved.get(table) ?? [])].filter(([name]) => names.has(name))),
      ]),
    );
  }

  async glance(): Promise<SavedTables | undefined> {
    if (this.backend !== 'nft') return undefined;
    const saved = this.saved();
    const names = [...saved].flatMap(([table, chains]) =>
      [...chains.keys()].map((name) => ({ table, name })),
    );
    return await lookAround(names, async (table, name) => saved.get(table)?.get(name)?.lines ?? []);
  }

  async restore(pieces: Iterable<string>, wanted: Ruleset | undefined): Promise<void> {
    const input = [...pieces].join('');
    this.inputs.push(input);
    const stderr = this.#failures-- > 0 ? 'line 1 failed' : this.tryRestore(input);
    this.#failures = Math.max(0, this.#failures);
    if (stderr === undefined) return;
    const failure = new CommandError([`fake-${this.backend}-restore`], { exitCode: 1, stderr });
    throw refusal(failure, input, wanted);
  }

  /** Lets the next so many restores fail, whatever they are given. */
  failNext(times: number): void {
    this.#failures = times;
  }

  /** Takes input for iptables-restore. Gives what iptables says where it refuses, undefined where all is done. */
  tryRestore(input: string): string | undefined {
    let open: { readonly name: TableName; readonly table: FakeTable } | undefined;
    for (const [i, line] of input.split('\n').entries()) {
      try {
        if (line === '' || line.startsWith('#')) continue;
        if (!open) open = this.#open(line);
        else if (line === 'COMMIT') {
          this.#tables.set(open.name, open.table);
          open = undefined;
        } else this.#take(open.table, line);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return this.backend === 'nft'
          ? `line ${i + 1} failed: ${error.message}.`
          : `iptables-restore: line ${i + 1} failed`;
      }
    }
    return open && `iptables-restore: COMMIT expected at line ${input.split('\n').length}`;
  }

  /** Lets packets pass: every rule counts some, none as many as another. */
  count(): void {
    for (const { rules } of this.#chains()) {
      for (const rule of rules) {
        this.#packets++;
        rule.counter = `[${this.#packets}:${100 * this.#packets}]`;
      }
    }
  }

  #chains(): FakeChain[] {
    return [...this.#tables.values()].flatMap((table) => [...table.values()]);
  }

  #open(line: string): { name: TableName; table: FakeTable } {
    const name = (Object.keys(BUILT_IN) as TableName[]).find((table) => line === `*${table}`);
    if (!name) throw new Refused(`table name '${line.slice(1)}' invalid`);
    const fresh = BUILT_IN[name].map((chain): [string, FakeChain] => [
      chain,
      { head: 'ACCEPT [0:0]', rules: [] },
    ]);
    return { name, table: copyOf(this.#tables.get(name) ?? new Map(fresh)) };
  }

  #take(table: FakeTable, line: string): void {
    const declared = /^:(\S+) (\S+ \[\d+:\d+\])$/.exec(line);
    if (declared) declare(table, declared[1] ?? '', declared[2] ?? '');
    else this.#command(table, line);
  }

  #command(table: FakeTable, line: string): void {
    const [, counter, command, chain = '', rest = ''] =
      /^(?:(\[\d+:\d+\]) )?-([ADEINFX]) (\S+)(.*)$/s.exec(line) ?? [];
    switch (command) {
      case 'N':
        if (table.has(chain)) throw new Refused('Chain already exists');
        declare(table, chain, '- [0:0]');
        return;
      case 'X':
        remove(table, chain);
        return;
      case 'E':
        rename(table, chain, rest.trim());
        return;
      case 'F':
        chainOf(table, chain).rules.length = 0;
        return;
      case 'D': {
        if (counter !== undefined) throw new Refused("Illegal option `-c' with this command");
        const { rules } = chainOf(table, chain);
        const number = /^ (\d+)$/.exec(rest)?.[1];
        const at =
          number === undefined ? rules.findIndex(({ text }) => this.#isSame(text, rest)) : Number(number) - 1;
        if (!rules[at]) throw new Refused('Bad rule (does a matching rule exist in that chain?)');
        rules.splice(at, 1);
        return;
      }
      case 'A':
      case 'I': {
        const { rules } = chainOf(table, chain);
        const [, number, text = ''] = (command === 'I' ? /^(?: (\d+))?(.*)$/s : /^()(.*)$/s).exec(rest) ?? [];
        const at = command === 'A' ? rules.length : Number(number ?? 1) - 1;
        if (at > rules.length) throw new Refused('Index of insertion too big');
        rules.splice(at, 0, this.#rule(table, text, counter ?? '[0:0]'));
        return;
      }
      default:
        throw new Refused(`unknown option "${line.slice(0, 20)}"`);
    }
  }

  #rule(table: FakeTable, given: string, counter: string): FakeRule {
    const text = this.#canonical(given);
    const name = targetOf(text);
    const target = name !== undefined && isChain(parse(text, this.family)) ? name : undefined;
    if (target !== undefined && (!table.has(target) || isBuiltIn(table, target))) {
      throw new Refused(`Chain '${target}' does not exist`);
    }
    return { text, target, counter };
  }

  /** Rules are found by what they are, match by match; what prints otherwise than we would print it, by its text. */
  #isSame(text: string, given: string): boolean {
    return text === given || text === this.#canonical(given);
  }

  /** As it prints. `-p tcp` does not load the extension, and a rule that has it loaded is another rule. */
  #canonical(given: string): string {
    const protocolAlone = /^ .*-p \w+/.test(given) && !/ -m (?:tcp|udp|sctp) | --dport /.test(given);
    const saved = printSavedRule(parse(given, this.family), this.family);
    return protocolAlone ? saved.replace(/ -m (?:tcp|udp|sctp)(?= |$)/, '') : saved;
  }
}

function copyOf(table: FakeTable): FakeTable {
  return new Map(
    [...table].map(([name, { head, rules }]) => [name, { head, rules: rules.map((rule) => ({ ...rule })) }]),
  );
}

function chainOf(table: FakeTable, chain: string): FakeChain {
  const found = table.get(chain);
  if (!found) throw new Refused('No chain/target/match by that name');
  return found;
}

/** A chain of ours is made, or emptied; a built-in one gets its policy, and keeps its rules. */
function declare(table: FakeTable, chain: string, head: string): void {
  if (chain.length > 28) throw new Refused(`chain name '${chain}' too long (must be under 29 chars)`);
  const existing = table.get(chain);
  if (existing && isBuiltIn(table, chain)) existing.head = head;
  // A map keeps the place of a name, and so does the kernel.
  else table.set(chain, { head, rules: [] });
}

function remove(table: FakeTable, chain: string): void {
  const { rules } = chainOf(table, chain);
  if (isBuiltIn(table, chain)) throw new Refused('No chain/target/match by that name');
  const used = [...table.values()].some(({ rules }) => rules.some(({ target }) => target === chain));
  if (rules.length > 0 || used) throw new Refused('CHAIN_DEL failed (Device or resource busy)');
  table.delete(chain);
}

/** The rules that led to it lead to it still. */
function rename(table: FakeTable, from: string, to: string): void {
  const chain = chainOf(table, from);
  if (isBuiltIn(table, from)) throw new Refused('No chain/target/match by that name');
  if (table.has(to)) throw new Refused('File exists');
  table.delete(from);
  table.set(to, chain);
  for (const { rules } of table.values()) {
    for (const rule of rules.filter(({ target }) => target === from)) {
      rule.target = to;
      rule.text = rule.text.replace(new RegExp(` -j ${RegExp.escape(from)}$`), ` -j ${to}`);
    }
  }
}

function isBuiltIn(table: FakeTable, chain: string): boolean {
  return table.get(chain)?.head.startsWith('-') === false;
}

function isChain({ target }: Rule): boolean {
  return target?.target === 'jump' || (target?.target === 'unknown' && target.words[0] === '-g');
}

const parsed = new Map<string, Rule>();

/** The same texts come again and again in tests. */
export function parse(text: string, family: Family): Rule {
  const key = `${family}${text}`;
  const known = parsed.get(key);
  if (known) return known;
  const rule = parseRule(text, family);
  parsed.set(key, rule);
  return rule;
}
