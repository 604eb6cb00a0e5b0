/** The program with its commands. What a command does is loaded when it runs. */
import { Command } from 'commander';
import { printable } from '../api/problem.ts';
import { HELP_LAYOUT, helpWidth } from '../manual/help-layout.ts';
import { addNotes } from '../manual/notes.ts';
import { addAgent } from './commands/agent.command.ts';
import { addApply } from './commands/apply.command.ts';
import { addCleanup } from './commands/cleanup.command.ts';
import { addCompletion } from './commands/completion.command.ts';
import { addDiff } from './commands/diff.command.ts';
import { addExplain } from './commands/explain.command.ts';
import { addGolden } from './commands/golden.command.ts';
import { addGraph } from './commands/graph.command.ts';
import { addLint } from './commands/lint.command.ts';
import { addRender } from './commands/render.command.ts';
import { addTrace } from './commands/trace.command.ts';
import { version } from './version.ts';

/** In the order in which the help lists them. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  addRender,
  addGraph,
  addLint,
  addTrace,
  addExplain,
  addApply,
  addDiff,
  addCleanup,
  addAgent,
  addGolden,
  addCompletion,
];

/** The command line, as it is parsed, and as completion scripts and manual pages are made from it. */
export function program(): Command {
  const program = new Command('svc2ipt')
    .description('A compiler from Kubernetes Services and endpoints to iptables rules.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError('(--help tells more)')
    // What a user typed comes back in messages: line by line, so that it cannot write to the terminal.
    .configureOutput({
      outputError: (text, write) => write(text.split('\n').map(printable).join('\n')),
      getOutHelpWidth: () => helpWidth(process.stdout),
      getErrHelpWidth: () => helpWidth(process.stderr),
    })
    .configureHelp(HELP_LAYOUT);
  addNotes(program, {
    examples: [
      { line: 'svc2ipt render -f manifests/', about: 'the rules that manifests come to' },
      { line: 'svc2ipt apply -f manifests/', about: "put them into this node's kernel" },
      { line: 'svc2ipt help trace', about: 'what a command can do' },
    ],
  });
  for (const add of COMMANDS) add(program);
  return program;
}
