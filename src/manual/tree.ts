/** A command line as data: what completion scripts and manual pages are made from. */
import type { Argument, CommandUnknownOpts, Option } from 'commander';
import { type Notes, notesOf } from './notes.ts';

export interface CommandNode {
  /** The words that call it, the program's name first. */
  readonly words: readonly string[];
  readonly description: string;
  /** How it is called, after its words: `[options] <fixtures-folder>`. */
  readonly usage: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly commands: readonly CommandNode[];
  readonly notes: Notes | undefined;
}

export interface OptionNode {
  /** `-o` and `--output`, or one of them. */
  readonly names: readonly string[];
  /** Without its choices and its default. */
  readonly summary: string;
  readonly description: string;
  /** The heading that it stands below in the help. */
  readonly group: string;
  readonly value: (Value & { readonly optional: boolean }) | undefined;
  /** The value that it has where it is not given, if its description does not tell. */
  readonly defaultValue: string | undefined;
  readonly repeatable: boolean;
}

export interface ArgumentNode extends Value {
  readonly description: string;
}

export interface Value {
  readonly name: string;
  readonly expects: Expected;
}

/** What may stand there: one of some words, or what only a file system knows, or the input, or what nobody knows. */
export type Expected = readonly string[] | 'file' | 'folder' | KnownName | 'anything';

/** What the input or the cluster has names of. */
export type KnownName = 'service' | 'node' | 'namespace';

/** The command with everything below it that its help shows. */
export function commandTree(command: CommandUnknownOpts): CommandNode {
  return visit(command, []);
}

function visit(command: CommandUnknownOpts, before: readonly string[]): CommandNode {
  const help = command.createHelp();
  const words = [...before, command.name()];
  const shown = help.visibleCommands(command);
  const commands = shown.map((child) => visit(child, words));
  const names = shown.map((child) => child.name());
  return {
    words,
    description: command.description(),
    usage: command.usage(),
    options: help.visibleOptions(command).map((option) => optionNode(option, help.optionDescription(option))),
    arguments: command.registeredArguments.map((argument) =>
      argumentNode(argument, help.argumentDescription(argument)),
    ),
    commands: commands.map((child) => withCommandNames(child, names)),
    notes: notesOf(command),
  };
}

/** `help [command]` is the only one whose words are other commands. */
function withCommandNames(node: CommandNode, names: readonly string[]): CommandNode {
  if (node.words.at(-1) !== 'help') return node;
  return { ...node, arguments: node.arguments.map((argument) => ({ ...argument, expects: names })) };
}

function optionNode(option: Option, description: string): OptionNode {
  return {
    names: [option.short, option.long].filter((name) => name !== undefined),
    summary: option.description,
    description,
    group: option.helpGroupHeading ?? 'Options:',
    value: optionValue(option),
    defaultValue: typeof option.defaultValue === 'string' ? option.defaultValue : undefined,
    // Only what collects its values has something to do with each of them.
    repeatable: option.variadic || (option.parseArg !== undefined && !option.argChoices),
  };
}

function optionValue({ flags, long = '', argChoices, required, optional }: Option): OptionNode['value'] {
  const name = /[<[]([^\]>]+)[\]>]/.exec(flags)?.[1];
  if (name === undefined || !(required || optional)) return undefined;
  return { name, expects: argChoices ?? KNOWN[long] ?? expectedOf(name), optional };
}

function argumentNode(argument: Argument, description: string): ArgumentNode {
  const name = argument.name();
  return { name, description, expects: argument.argChoices ?? KNOWN[name] ?? expectedOf(name) };
}

/** Options and arguments whose values are names in the input. */
const KNOWN: Readonly<Record<string, KnownName>> = {
  what: 'service',
  service: 'service',
  '--service': 'service',
  '--node-name': 'node',
  '--namespace': 'namespace',
};

/** What a value is called says what it is. */
function expectedOf(name: string): Expected {
  if (/\b(file|path)$/.test(name)) return 'file';
  if (/\bfolder$/.test(name)) return 'folder';
  return name === 'bool' ? ['true', 'false'] : 'anything';
}

/** The command and all below it, each before its own. */
export function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)];
}
