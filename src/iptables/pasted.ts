/**
 * The output of iptables-save and ip6tables-save as people paste it: behind the prompts of a shell and what else it
 * printed, the one after the other, indented or quoted.
 */
import { type Family, familyOf } from '../net/address.ts';

/** The rules of one family. */
export interface PastedRules {
  /** Undefined where nothing says which it is. */
  readonly family: Family | undefined;
  /** As iptables-save prints them, each line at the place that it has in the whole text: all others are empty. */
  readonly text: string;
}

interface PastedTable {
  readonly name: string;
  /** As the program says that printed it. */
  readonly announced: Family | undefined;
  /** By their index in the whole text. */
  readonly lines: Map<number, string>;
}

/** A line that says which program printed what follows: its own remark, or a command behind a prompt. */
const PROGRAM = /\b(ip6?tables)(?:-legacy|-nft)?-save\b/;

const TABLE = /^\*(\w+)$/;
const RULE = /^(?:\[\d+:\d+\] )?-A \S+ /;

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal was told to paint with
const PAINT = /\u001b\[[\d;?]*[A-Za-z]/g;

/**
 * Takes pasted text apart, into the rules of each family. A text without a table in it comes back as it is, for whoever
 * reads it to say what is wrong with it.
 */
export function readPasted(text: string): readonly PastedRules[] {
  return asPrinted(text) ?? takeApart(text);
}

/** A line of a rule, or a COMMIT. */
const USUAL_LINE = /^(?:-A |\[\d+:\d+\] -A |COMMIT$)/;

/**
 * The rules of one family alone, just as iptables-save prints them: the text may be that of a large node, and is not taken
 * apart. Undefined where it is anything else.
 */
function asPrinted(text: string): readonly PastedRules[] | undefined {
  if (PAINT_OR_RETURN.some((character) => text.includes(character))) return undefined;
  const tables = new Map<string, number>();
  const remarks: string[] = [];
  for (let start = 0, end = 0; start < text.length; start = end + 1) {
    const newline = text.indexOf('\n', start);
    end = newline === -1 ? text.length : newline;
    if (start === end) continue;
    const last = text[end - 1];
    if (last === ' ' || last === '\t') return undefined;
    const first = text[start];
    if (first === '#') remarks.push(text.slice(start, end));
    else if (first === '*') {
      const [, name] = TABLE.exec(text.slice(start, end)) ?? [];
      if (name === undefined) continue;
      if (tables.has(name)) return undefined;
      tables.set(name, start);
    } else if (first !== ':') {
      const isRule = text.startsWith('-A ', start);
      if (!isRule && !USUAL_LINE.test(text.slice(start, end))) return undefined;
      // Rules before any table are no remark.
      if (tables.size === 0 && first !== 'C') return undefined;
    }
  }
  if (tables.size === 0) return undefined;
  const starts = [...tables.values()];
  const families = starts.map((start, i) => familyOfLines(linesOf(text.slice(start, starts[i + 1]))));
  const known = new Set(families.filter((family) => family !== undefined));
  if (families.includes(undefined)) {
    for (const remark of remarks) {
      const [, program] = REMARK.exec(remark) ?? [];
      if (program !== undefined) known.add(familyOfProgram(program));
    }
  }
  const [family, ...others] = known;
  return others.length > 0 ? undefined : [{ family, text }];
}

const REMARK = /^#.*\b(ip6?tables)(?:-legacy|-nft)?-save\b/;
const PAINT_OR_RETURN = ['\u001b', '\r'];

/** One after the other: most often the first ones say it all. */
function* linesOf(text: string): Iterable<string> {
  for (const [line] of text.matchAll(/^.+$/gm)) yield line;
}

function familyOfProgram(program: string | undefined): Family {
  return program === 'ip6tables' ? 'ipv6' : 'ipv4';
}

function takeApart(text: string): readonly PastedRules[] {
  const all = text.split('\n').map((line) => line.replace(PAINT, '').replace(/^[\s>|]+|\s+$/g, ''));
  const tables: PastedTable[] = [];
  let announced: Family | undefined;
  let open: PastedTable | undefined;
  for (const [i, line] of all.entries()) {
    const [, name] = TABLE.exec(line) ?? [];
    if (name !== undefined) {
      // One that is still open was cut short: whoever reads it finds no COMMIT.
      open = { name, announced, lines: new Map() };
      tables.push(open);
    }
    if (open) {
      // Whatever else stands among its rules is told by whoever reads it: a text that is cut must not look whole.
      if (line !== '' && !line.startsWith('#')) open.lines.set(i, line);
      if (line === 'COMMIT') open = undefined;
      continue;
    }
    // Rules that are in no table are no remark.
    if (RULE.test(line)) return [{ family: familyOfLines(all), text }];
    const [, program] = PROGRAM.exec(line) ?? [];
    if (program !== undefined) announced = familyOfProgram(program);
  }
  if (tables.length === 0) return [{ family: undefined, text }];
  return [...byFamily(tables)].map(([family, ofFamily]) => {
    const lines = new Map(ofFamily.flatMap((table) => [...table.lines]));
    return { family, text: all.map((_, i) => lines.get(i) ?? '').join('\n') };
  });
}

/** A table that says nothing of its family is of that of the others, unless that has one of its name already. */
function byFamily(tables: readonly PastedTable[]): ReadonlyMap<Family | undefined, readonly PastedTable[]> {
  const known = new Map<Family | undefined, PastedTable[]>();
  const unknown: PastedTable[] = [];
  for (const table of tables) {
    // A remark may be copied from elsewhere; an address may not.
    const family = familyOfLines(table.lines.values()) ?? table.announced;
    if (family === undefined) unknown.push(table);
    else known.set(family, [...(known.get(family) ?? []), table]);
  }
  for (const table of unknown) {
    const family = [...known.keys()].find((one) => !known.get(one)?.some(({ name }) => name === table.name));
    const [only, ...others] = known.keys();
    const other = only === 'ipv4' ? 'ipv6' : 'ipv4';
    const its = family ?? (only === undefined || others.length > 0 ? only : other);
    known.set(its, [...(known.get(its) ?? []), table]);
  }
  return known;
}

/** Whether a text has a table of rules in it, as iptables-save prints one. */
export function looksSaved(text: string): boolean {
  return (
    /^[\s>|]*\*(?:nat|filter|mangle|raw|security)[ \t\r]*$/m.test(text) &&
    /^[\s>|]*COMMIT[ \t\r]*$/m.test(text)
  );
}

/** Of the first address, or of what only one family has. */
function familyOfLines(lines: Iterable<string>): Family | undefined {
  for (const line of lines) {
    const [, address] = /^(?:\[\S*\] )?-A .*? -[sd] ([\da-fA-F.:]+)(?:\/|\s|$)/.exec(line) ?? [];
    if (address !== undefined) return familyOf(address);
    const [, answer] = /^(?:\[\S*\] )?-A .* --reject-with (icmp6?)-/.exec(line) ?? [];
    if (answer !== undefined) return answer === 'icmp6' ? 'ipv6' : 'ipv4';
  }
  return undefined;
}
