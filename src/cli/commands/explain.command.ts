/** `svc2ipt explain`: what it takes, and what its help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import {
  addClusterOptions,
  addManifestsOption,
  addRulesOptions,
  addWorkloadsOption,
  MANIFESTS_INSTEAD_OF_KERNEL,
  type OptionsOf,
  textOrJSONOption,
  WHOSE_RULES,
} from '../options.ts';
import { runAction } from '../run.ts';

function explainCommand(program: Command) {
  const explain = program
    .command('explain')
    .description('tell what a Service comes to on a node, or what a chain or a rule is there for')
    .argument(
      '<what>',
      "NAMESPACE/NAME of a Service, the name of a chain, or a line of iptables-save: '-A CHAIN ...'",
    )
    // A line of iptables-save begins like an option.
    .allowUnknownOption();
  const withOwn = addRulesOptions(addManifestsOption(explain, MANIFESTS_INSTEAD_OF_KERNEL))
    .option('--all', 'every rule of a chain, however many there are')
    .addOption(
      textOrJSONOption('how to print it; wide: with chains and rules').choices(['text', 'wide', 'json']),
    );
  return addClusterOptions(
    addWorkloadsOption(withOwn, 'with -f, make no Pods of Deployments and other workloads'),
  );
}

export type ExplainCommandOptions = OptionsOf<typeof explainCommand>;

export function addExplain(program: Command): void {
  addNotes(explainCommand(program), {
    text: `${WHOSE_RULES} Only manifests tell which endpoints get no traffic, and why.`,
    examples: [
      {
        line: 'svc2ipt explain default/web -f manifests/ --node-name node1',
        about: 'addresses, who may use them, endpoints and their shares',
      },
      { line: 'svc2ipt explain default/web', about: "by the rules in this node's kernel" },
      { line: 'svc2ipt explain KUBE-SVC-EXBNZ76JOZU7PBN2', about: 'whose chain that is' },
      {
        line: `svc2ipt explain '-A KUBE-SEP-EJERYEAV7XNEU6DK -s 172.17.0.3/32 -m comment --comment "default/simpleservice" -j KUBE-MARK-MASQ'`,
        about: 'what a rule is there for',
      },
    ],
  }).action((what, options) =>
    runAction(async () => (await import('./explain.ts')).explainAction(what, options)),
  );
}
