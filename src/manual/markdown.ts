/** The reference of the commands in Markdown: what their help tells, and nothing else. */
import { block, code, plain, prose, table } from '../text/markdown-text.ts';
import { asSentence, optionGroups, siblings, withoutHelp } from './pages.ts';
import { type CommandNode, flatten, type OptionNode } from './tree.ts';

export interface MarkdownPage {
  /** The name of its file: `render.md`. */
  readonly file: string;
  readonly text: string;
}

const NOTICE = '<!-- Written by `npm run docs` from the help of the commands. -->';

/** A page that lists the commands, and one for each of them but `help`, with those below it on the same page. */
export function commandPages(root: CommandNode): MarkdownPage[] {
  const program = withoutHelp(root);
  return [
    { file: 'README.md', text: page([...commandSections(program, program, 1)]) },
    ...program.commands.map((command) => ({
      file: fileOf(command),
      text: page([...commandSections(command, program, 1), ...seeAlso(command, program)]),
    })),
  ];
}

function page(parts: readonly string[]): string {
  return `${[NOTICE, ...parts].join('\n\n')}\n`;
}

/**
 * All about a command, and about those below it where they have no pages of their own.
 * @param level of its heading: 1 for that of a page
 */
function commandSections(node: CommandNode, root: CommandNode, level: number): string[] {
  const { commands, description, notes, options } = node;
  const section = (heading: string, parts: readonly string[]) =>
    parts.length === 0 ? [] : [`${'#'.repeat(level + 1)} ${heading}`, ...parts];
  const text = proseOf(node);
  return [
    `${'#'.repeat(level)} ${plain(called(node))}`,
    text(asSentence(description, '.')),
    block('text', `${called(node)} ${node.usage}`),
    ...(notes?.text ? [text(notes.text)] : []),
    ...section('Commands', commandTable(node, root)),
    ...section('Arguments', argumentTable(node)),
    ...section(
      'Options',
      optionGroups(options).flatMap(({ heading, options }) => [
        ...(heading === undefined ? [] : [`${'#'.repeat(level + 2)} ${plain(heading)}`]),
        optionTable(options, text),
      ]),
    ),
    ...section('Examples', examples(node)),
    ...(node === root ? [] : commands.flatMap((command) => commandSections(command, root, level + 1))),
  ];
}

function commandTable({ commands }: CommandNode, root: CommandNode): string[] {
  if (commands.length === 0) return [];
  const rows = commands.map((command) => [linkTo(command, root), proseOf(command)(command.description)]);
  return [table(['command', 'what it does'], rows)];
}

function argumentTable(node: CommandNode): string[] {
  if (node.arguments.length === 0) return [];
  const rows = node.arguments.map(({ name, description, expects }) => [
    code(`<${name}>`),
    `${plain(withoutChoices(description))}${oneOf(expects)}`,
  ]);
  return [table(['argument', 'meaning'], rows)];
}

/** The help's own text of an argument ends with its choices. */
function withoutChoices(description: string): string {
  return description.replace(/ \(choices: .*\)$/, '');
}

function optionTable(options: readonly OptionNode[], text: (words: string) => string): string {
  const rows = options.map((option) => ({ ...toldOf(option), names: spellings(option) }));
  const hasDefaults = rows.some(({ defaultValue }) => defaultValue !== undefined);
  return table(
    ['option', 'meaning', ...(hasDefaults ? ['default'] : [])],
    rows.map(({ names, meaning, choices, defaultValue }) => [
      names,
      `${text(meaning)}${choices}`,
      ...(hasDefaults ? [defaultValue ?? ''] : []),
    ]),
  );
}

/** `-o`, `--output <format>`. */
function spellings({ names, value }: OptionNode): string {
  const written = value && (value.optional ? ` [${value.name}]` : ` <${value.name}>`);
  return names.map((name, i) => code(i === names.length - 1 ? `${name}${written ?? ''}` : name)).join(', ');
}

/** What the description of an option says of its default stands in a column of its own. */
function toldOf({ summary, value, defaultValue }: OptionNode) {
  const { meaning = summary, told } =
    /^(?<meaning>.*) \(default: (?<told>[^()]+)\)$/.exec(summary)?.groups ?? {};
  return {
    meaning,
    choices: value && value.name !== 'bool' ? oneOf(value.expects) : '',
    defaultValue:
      defaultValue !== undefined ? code(defaultValue) : told === undefined ? undefined : word(told),
  };
}

/** A value is code; several words describe it. */
function word(text: string): string {
  return text.includes(' ') ? plain(text) : code(text);
}

function oneOf(expects: readonly string[] | string): string {
  if (typeof expects === 'string') return '';
  return `; ${expects.slice(0, -1).map(code).join(', ')} or ${code(expects.at(-1) ?? '')}`;
}

function examples({ notes }: CommandNode): string[] {
  return (notes?.examples ?? []).flatMap(({ about, line }) => [
    plain(asSentence(about, ':')),
    block('sh', line),
  ]);
}

function seeAlso(command: CommandNode, root: CommandNode): string[] {
  const others = siblings(command, root).map((other) => linkTo(other, root));
  return ['## See also', [`[all commands](README.md)`, ...others].join(', ')];
}

/** Commands below another are sections of its page. */
function linkTo(command: CommandNode, root: CommandNode): string {
  const [, page = '', ...below] = command.words;
  const owner = root.commands.find(({ words }) => words[1] === page) ?? command;
  const section = below.length === 0 ? '' : `#${command.words.join('-')}`;
  return `[${code(called(command))}](${fileOf(owner)}${section})`;
}

function fileOf({ words }: CommandNode): string {
  return `${words.slice(1).join('-')}.md`;
}

function called({ words }: CommandNode): string {
  return words.join(' ');
}

/** For texts of a command, in which its options are code. */
function proseOf(node: CommandNode): (text: string) => string {
  const names = new Set(flatten(node).flatMap(({ options }) => options.flatMap(({ names }) => names)));
  return (text) => prose(text, (word) => names.has(word));
}
