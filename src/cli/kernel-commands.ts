/** The commands that work on this node's kernel. */
import { type Command, Option } from 'commander';
import { agentOptions } from '../agent/settings/agent-options.ts';
import { addNotes } from '../manual/notes.ts';
import { addClusterOptions, backendOption, collect } from './options.ts';
import { runAction } from './run.ts';
import { version } from './version.ts';

export function addApply(program: Command): void {
  const apply = program
    .command('apply')
    .description("make this node's kernel hold the rules of a cluster given as files; needs root");
  addClusterOptions(apply, [
    new Option('--dry-run', 'print what would change, and change nothing'),
    new Option('-o, --output <format>', 'how to print what changed')
      .choices(['text', 'json'])
      .default('text'),
    backendOption(),
  ]);
  apply.action((options) => runAction(async () => (await import('./apply.ts')).apply(options)));
  addNotes(apply, {
    text: 'Only the difference is written: nothing at all where the kernel holds the rules already. Rules and chains of other programs stay as they are. Whenever it is stopped, traffic keeps flowing, and the next run completes the work.',
    examples: [
      { line: 'svc2ipt apply -f manifests/ --dry-run', about: 'what would change' },
      {
        line: 'svc2ipt apply -f manifests/ --config kube-proxy.yaml',
        about: 'with the configuration that kube-proxy has',
      },
    ],
  });
}

export function addDiff(program: Command): void {
  const diff = program
    .command('diff')
    .description(
      "compare this node's kernel with the rules of manifests, or two sets of manifests; exit with 1 when they differ",
    );
  addClusterOptions(diff, [
    new Option('--from <path>', 'manifests as they were; no kernel is looked at').argParser(collect),
    new Option('--to <path>', 'manifests as they will be').argParser(collect),
    new Option('--family <family>', 'only this IP family').choices(['ipv4', 'ipv6']),
    backendOption(),
  ]);
  diff.action((options) => runAction(async () => (await import('./diff.ts')).diff(options)));
  addNotes(diff, {
    examples: [
      { line: 'svc2ipt diff -f manifests/', about: 'what apply would change; needs root to read the kernel' },
      { line: 'svc2ipt diff --from old/ --to new/', about: 'what a change to a Service will do to a node' },
    ],
  });
}

export function addCleanup(program: Command): void {
  const cleanup = program
    .command('cleanup')
    .description('take every jump, chain and canary of svc2ipt and kube-proxy out of the kernel; needs root')
    .addOption(
      new Option('--backend <name>', 'only this iptables; both unless given').choices(['nft', 'legacy']),
    )
    .action((options) => runAction(async () => (await import('./cleanup.ts')).cleanup(options)));
  addNotes(cleanup, {
    text: 'Rules and chains of other programs stay as they are. Services cannot be reached through this node any more, until something writes their rules again.',
    examples: [
      { line: 'svc2ipt cleanup', about: 'before a node leaves its cluster' },
      {
        line: 'svc2ipt cleanup --backend legacy',
        about: 'what is left in the other iptables after a change of backends',
      },
    ],
  });
}

/** kube-proxy takes underscores in the names of flags for dashes. */
function withDashes(word: string): string {
  return word.replace(/^--[^=]+/, (name) => name.replaceAll('_', '-'));
}

export function addAgent(program: Command): void {
  const agent = program
    .command('agent')
    .description(
      "keep this node's rules equal to a cluster, in kube-proxy's place: with its configuration file and flags; needs root",
    );
  for (const option of agentOptions()) agent.addOption(option);
  const parse = agent.parseOptions.bind(agent);
  agent.parseOptions = (args) => parse(args.map(withDashes));
  agent.action((given) => runAction(async () => (await import('./agent.ts')).agent(given, version())));
  addNotes(agent, {
    text: 'SIGTERM ends it, and the rules stay. SIGHUP compares everything with the kernel. SIGUSR1 tells more in the log, SIGUSR2 as much as at the start.',
    examples: [
      { line: 'svc2ipt agent --config /var/lib/kube-proxy/config.conf', about: 'where kube-proxy was' },
      {
        line: 'svc2ipt agent --manifests /etc/svc2ipt/manifests',
        about: 'a folder that is watched; no cluster needed',
      },
      { line: 'svc2ipt agent --kubeconfig node.conf --dry-run -v 2', about: 'everything but the writing' },
      { line: 'curl -s 127.0.0.1:10249/debug/drift', about: 'how the kernel differs from what is wanted' },
    ],
  });
}
