/** Manual pages, in the macros of man(7): what the help of the commands tells, and nothing else. */
import { asSentence, optionGroups, siblings, withoutHelp } from './pages.ts';
import { type CommandNode, flatten, type OptionNode } from './tree.ts';

export interface ManPage {
  /** The name of its file, with the section: `svc2ipt-golden-check.1`. */
  readonly file: string;
  readonly text: string;
}

/** What stands at the foot of each page. */
export interface Edition {
  readonly version: string;
  /** As in `2026-01-31`. */
  readonly date: string;
}

/** A page for the program, and one for each command but `help`, which manual pages stand for. */
export function manPages(root: CommandNode, edition: Edition): ManPage[] {
  return flatten(withoutHelp(root)).map((node) => ({
    file: `${pageName(node)}.1`,
    text: manPage(node, root, edition),
  }));
}

function manPage(node: CommandNode, root: CommandNode, { version, date }: Edition): string {
  const [program = ''] = root.words;
  const lines = [
    `.TH "${pageName(node).toUpperCase()}" "1" "${date}" "${program} ${version}" "${program}"`,
    // Words that are copied must not be hyphenated, nor spaced out.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${roff(pageName(node))} \\- ${roff(node.description)}`,
    '.SH SYNOPSIS',
    `${bold(node.words.join(' '))} ${roff(node.usage)}`,
    ...section('DESCRIPTION', description(node)),
    ...section('COMMANDS', node.commands.flatMap(commandEntry)),
    ...section(
      'ARGUMENTS',
      node.arguments.flatMap(({ name, description }) => entry(italic(name), roff(description))),
    ),
    ...optionSections(node.options),
    ...section('EXAMPLES', examples(node)),
    ...section('SEE ALSO', seeAlso(node, root)),
  ];
  return `${lines.join('\n')}\n`;
}

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${heading}`, ...lines];
}

function description({ description, notes }: CommandNode): string[] {
  const first = roff(asSentence(description, '.'));
  return notes?.text ? [first, '.PP', roff(notes.text)] : [first];
}

function commandEntry(command: CommandNode): string[] {
  const called = `${bold(command.words.slice(1).join(' '))} ${roff(command.usage)}`;
  return entry(called, `${roff(command.description)}; ${reference(command)}`);
}

/** Options that stand below headings of their own have them here, too. */
function optionSections(options: readonly OptionNode[]): string[] {
  return section(
    'OPTIONS',
    optionGroups(options).flatMap(({ heading, options }) => [
      ...(heading === undefined ? [] : [`.SS ${roff(heading)}`]),
      ...options.flatMap(optionEntry),
    ]),
  );
}

function optionEntry({ names, value, description }: OptionNode): string[] {
  const written = value && (value.optional ? `[${italic(value.name)}]` : italic(value.name));
  return entry([names.map(bold).join(', '), written].filter(Boolean).join(' '), roff(description));
}

function entry(term: string, text: string): string[] {
  return ['.TP', term, text];
}

function examples({ notes }: CommandNode): string[] {
  return (notes?.examples ?? []).flatMap(({ about, line }, i) => [
    ...(i === 0 ? [] : ['.PP']),
    roff(asSentence(about, ':')),
    '.PP',
    '.in +4n',
    '.EX',
    roff(line),
    '.EE',
    '.in',
  ]);
}

/** The program's page for a command; for the program, what it stands for. */
function seeAlso(node: CommandNode, root: CommandNode): string[] {
  if (node === root || node.words.length === 1) return [`${bold('iptables')}(8)`];
  const parent = { words: node.words.slice(0, -1) };
  return [[parent, ...siblings(node, root)].map(reference).join(', ')];
}

function reference(node: Pick<CommandNode, 'words'>): string {
  return `${bold(pageName(node))}(1)`;
}

function pageName({ words }: Pick<CommandNode, 'words'>): string {
  return words.join('-');
}

function bold(text: string): string {
  return `\\fB${roff(text)}\\fR`;
}

function italic(text: string): string {
  return `\\fI${roff(text)}\\fR`;
}

/** Characters that roff would take for commands, or print as others. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

function roff(text: string): string {
  const escaped = text.replaceAll(/[\\\-'`^~]/g, (char) => ESCAPES[char] ?? char);
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}
