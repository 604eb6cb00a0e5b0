/** The commands and their options. What a command does is loaded when it runs. */
import { Argument, Command } from 'commander';
import { HELP_LAYOUT, helpWidth } from '../manual/help-layout.ts';
import { addNotes } from '../manual/notes.ts';
import { printable } from '../text/printable.ts';
import { addAgent, addApply, addCleanup, addDiff } from './kernel-commands.ts';
import { addExplain, addGraph, addLint, addRender, addTrace } from './looking-commands.ts';
import { runAction } from './run.ts';
import { version } from './version.ts';

/** The command line, as it is parsed, and as completion scripts and manual pages are made from it. */
export function program(): Command {
  const program = new Command('svc2ipt')
    .description('A compiler from Kubernetes Services and endpoints to iptables rules.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
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
  addRender(program);
  addGraph(program);
  addLint(program);
  addTrace(program);
  addExplain(program);
  addApply(program);
  addDiff(program);
  addCleanup(program);
  addAgent(program);
  addGolden(program);
  addCompletion(program);
  return program;
}

function addGolden(program: Command): void {
  const golden = program
    .command('golden')
    .description(
      'compare the rules of clusters with golden files, so that a change in rules is seen before it ships',
    )
    .helpCommand(false);
  const about = {
    fixtures:
      'a folder of clusters: each folder in it with manifests, and config.yaml and host.yaml beside them',
    golden: 'a folder of golden files: CLUSTER/ipv4.rules and CLUSTER/ipv6.rules',
  };
  const check = golden
    .command('check')
    .description('print how the rules differ from the golden files; exit with 1 when any does')
    .argument('<fixtures-folder>', about.fixtures)
    .argument('<golden-folder>', about.golden)
    .action((fixtures, folder) =>
      runAction(async () => (await import('./golden.ts')).check(fixtures, folder)),
    );
  const update = golden
    .command('update')
    .description('write the golden files anew')
    .argument('<fixtures-folder>', about.fixtures)
    .argument('<golden-folder>', about.golden)
    .action((fixtures, folder) =>
      runAction(async () => (await import('./golden.ts')).update(fixtures, folder)),
    );
  addNotes(golden, {
    text: 'A cluster is a folder with manifests; config.yaml and host.yaml in it are its configuration and its node.',
    examples: [
      {
        line: 'svc2ipt golden update clusters/ golden/',
        about: 'write the golden files, then see whether they still hold',
      },
      { line: 'svc2ipt golden check clusters/ golden/', about: 'exit with 1 when any rule changed' },
    ],
  });
  addNotes(check, {
    examples: [
      {
        line: 'svc2ipt golden check clusters/ golden/',
        about: 'a difference for each chain that changed',
      },
    ],
  });
  addNotes(update, {
    text: 'Files of clusters that are there no more are removed.',
    examples: [
      {
        line: 'svc2ipt golden update clusters/ golden/',
        about: 'after a change of rules that is meant',
      },
    ],
  });
}

function addCompletion(program: Command): void {
  const completion = program
    .command('completion')
    .description('print a script by which a shell completes command lines of svc2ipt')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
    .action((shell) => runAction(async () => (await import('./completion.ts')).completion(shell, program)));
  addNotes(completion, {
    examples: [
      { line: 'source <(svc2ipt completion bash)', about: 'bash, in ~/.bashrc' },
      { line: 'source <(svc2ipt completion zsh)', about: 'zsh, in ~/.zshrc after compinit' },
      { line: 'svc2ipt completion fish > ~/.config/fish/completions/svc2ipt.fish', about: 'fish' },
    ],
  });
}
