/** The program and its commands. A command is loaded when it is called, and what it does when it runs. */
import { Command, type CommandUnknownOpts } from 'commander';
import { HELP_LAYOUT, helpWidth } from '../manual/help-layout.ts';
import { addNotes } from '../manual/notes.ts';
import { nearest } from '../text/nearest.ts';
import { printable } from '../text/printable.ts';
import { type CalledAs, calledName } from './calling.ts';
import { mistakesExitWith, NOT_DONE } from './exit-codes.ts';
import { version } from './version.ts';

interface Row {
  /** The word that calls the command. */
  readonly name: string;
  /** Gives what adds it. */
  load(): Promise<(program: Command) => void>;
}

/** In the order in which the help lists them. */
const COMMANDS: readonly Row[] = [
  { name: 'render', load: async () => (await import('./commands/render.command.ts')).addRender },
  { name: 'graph', load: async () => (await import('./commands/graph.command.ts')).addGraph },
  { name: 'lint', load: async () => (await import('./commands/lint.command.ts')).addLint },
  { name: 'trace', load: async () => (await import('./commands/trace.command.ts')).addTrace },
  { name: 'explain', load: async () => (await import('./commands/explain.command.ts')).addExplain },
  { name: 'doctor', load: async () => (await import('./commands/doctor.command.ts')).addDoctor },
  { name: 'top', load: async () => (await import('./commands/top.command.ts')).addTop },
  { name: 'apply', load: async () => (await import('./commands/apply.command.ts')).addApply },
  { name: 'diff', load: async () => (await import('./commands/diff.command.ts')).addDiff },
  { name: 'cleanup', load: async () => (await import('./commands/cleanup.command.ts')).addCleanup },
  { name: 'agent', load: async () => (await import('./commands/agent.command.ts')).addAgent },
  { name: 'playground', load: async () => (await import('./commands/playground.command.ts')).addPlayground },
  { name: 'golden', load: async () => (await import('./commands/golden.command.ts')).addGolden },
  { name: 'completion', load: async () => (await import('./commands/completion.command.ts')).addCompletion },
];

/** The whole command line, as completion scripts and manual pages are made from it. */
export async function program(): Promise<Command> {
  return await withCommands(programAlone(), COMMANDS);
}

/**
 * The command line with what some words need: the command that they call, or all of them where they call none.
 * Prints the version, and ends the process, where they ask for it.
 * @param words what the user typed, without the name of the program
 */
export async function programFor(words: readonly string[]): Promise<Command> {
  const program = programAlone(calledName());
  const [called] = program.parseOptions([...words]).operands;
  const named = COMMANDS.filter(({ name }) => name === called);
  return await withCommands(program, named.length > 0 ? named : COMMANDS);
}

async function withCommands(program: Command, rows: readonly Row[]): Promise<Command> {
  for (const add of await Promise.all(rows.map(({ load }) => load()))) add(program);
  suggest(program);
  return program;
}

/** Has a command, and all below it, say which option or command may be meant where there is none of a name. */
function suggest(command: CommandUnknownOpts): void {
  const { outputError, ...output } = command.configureOutput();
  command.showSuggestionAfterError(false).configureOutput({
    ...output,
    outputError: (text, write) => outputError?.(text + suggestionFor(text, command), write),
  });
  if (command.commands.length === 0) refuseUnknownFirst(command);
  for (const one of command.commands) suggest(one);
}

/** Has an option that there is not told before another one that is missing: it may be that one, misspelt. */
function refuseUnknownFirst(command: CommandUnknownOpts): void {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (words) => {
    const parsed = parse(words);
    const unknown = parsed.unknown.filter((word) => word.startsWith('-') && word !== '--');
    const [first] = unknown;
    // Help is asked for by an option that the command does not count among its own.
    if (first !== undefined && !unknown.some((word) => word === '-h' || word === '--help')) {
      command.error(`error: unknown option '${first.replace(/=.*/s, '')}'`, {
        code: 'commander.unknownOption',
      });
    }
    return parsed;
  };
}

/** `(Did you mean --node-name?)`, behind an error of commander about what there is not. */
function suggestionFor(error: string, command: CommandUnknownOpts): string {
  const [, kind, word = ''] = /^error: unknown (option|command) '([^']*)'\n$/.exec(error) ?? [];
  if (kind === undefined) return '';
  const help = command.createHelp();
  const names =
    kind === 'command'
      ? help.visibleCommands(command).map((one) => one.name())
      : [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)].flatMap(
          ({ long }) => long ?? [],
        );
  const [name = ''] = word.split('=');
  const meant = nearestWord(name, names);
  return meant === undefined ? '' : `(Did you mean ${meant}?)\n`;
}

/** The one with few letters wrong; else the first one that begins with the word, or has it in it. */
function nearestWord(word: string, names: readonly string[]): string | undefined {
  const own = word.replace(/^-+/, '');
  if (own === '') return undefined;
  const part = own.length < SHORTEST_PART ? undefined : names.find((name) => name.includes(own));
  return nearest(word, names) ?? names.find((name) => name.startsWith(word)) ?? part;
}

/** A part of a word that is shorter says nothing of it. */
const SHORTEST_PART = 4;

function programAlone(name: CalledAs = 'svc2ipt'): Command {
  const program = new Command(name)
    .description('A compiler from Kubernetes Services and endpoints to iptables rules.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError('(see --help)')
    // What could not be done is told from what was found by the exit code, as of `kubectl diff` and of linters.
    .exitOverride(mistakesExitWith(NOT_DONE))
    // What a user typed comes back in messages: line by line, so that it cannot write to the terminal.
    .configureOutput({
      outputError: (text, write) => write(text.split('\n').map(printable).join('\n')),
      getOutHelpWidth: () => helpWidth(process.stdout),
      getErrHelpWidth: () => helpWidth(process.stderr),
    })
    .configureHelp(HELP_LAYOUT);
  addNotes(program, {
    examples: [
      { line: 'svc2ipt render -f manifests/', about: 'the rules for manifests' },
      { line: 'svc2ipt apply -f manifests/', about: "put them into this node's kernel" },
      { line: 'svc2ipt help trace', about: 'what a command can do' },
    ],
  });
  return program;
}
