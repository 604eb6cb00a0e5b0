/** `svc2ipt agent`: what it takes, and what its help tells. Its flags are in `agent/settings/flags.ts`. */
import type { Command } from 'commander';
import { agentOptions, type GivenFlags } from '../../agent/settings/agent-options.ts';
import { addNotes } from '../../manual/notes.ts';
import { mistakesExitWith } from '../exit-codes.ts';
import { runAction } from '../run.ts';
import { version } from '../version.ts';

/** The types of its options are as wide as those of any flag: they are made from a table. */
function agentCommand(program: Command): Command<[], GivenFlags> {
  const agent = program
    .command('agent')
    .description(
      "keep this node's rules up to date with a cluster, in place of kube-proxy and with its configuration file and flags; needs root",
    );
  for (const option of agentOptions()) agent.addOption(option);
  agent.exitOverride(mistakesExitWith(CANNOT_GO_ON));
  const parse = agent.parseOptions.bind(agent);
  agent.parseOptions = (args) => parse(args.map(withDashes));
  return agent;
}

/** As kube-proxy exits. */
const CANNOT_GO_ON = 1;

/** kube-proxy takes underscores in the names of flags for dashes. */
function withDashes(word: string): string {
  return word.replace(/^--[^=]+/, (name) => name.replaceAll('_', '-'));
}

export function addAgent(program: Command): void {
  addNotes(agentCommand(program), {
    text: 'SIGTERM ends the agent; the rules stay. SIGHUP makes it compare all rules with the kernel. SIGUSR1 makes it log more, SIGUSR2 resets that. Exit codes are those of kube-proxy: 0, ended by a signal; 1, cannot go on.',
    examples: [
      {
        line: 'svc2ipt agent --config /var/lib/kube-proxy/config.conf',
        about: 'in place of kube-proxy, with its configuration',
      },
      {
        line: 'svc2ipt agent --manifests /etc/svc2ipt/manifests',
        about: 'watch a folder of manifests, without a cluster',
      },
      {
        line: 'svc2ipt agent --kubeconfig node.conf --dry-run -v 2',
        about: 'do everything except write rules',
      },
      {
        line: 'curl -s 127.0.0.1:10249/debug/drift',
        about: 'how the kernel differs from the rules that the agent wants',
      },
    ],
  }).action((given) =>
    runAction(async () => (await import('./agent.ts')).agentAction(given, version()), CANNOT_GO_ON),
  );
}
