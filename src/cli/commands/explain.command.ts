/** `svc2ipt explain`: what it takes, and what its help tells. */
import type { Command, CommandUnknownOpts } from 'commander';
import { quote } from '../../iptables/words.ts';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import {
  addClusterOptions,
  addLiveOptions,
  addManifestsOption,
  addRulesOptions,
  addShownOptions,
  addWorkloadsOption,
  allNodesOption,
  MANIFESTS_INSTEAD_OF_KERNEL,
  type OptionsOf,
  textOrJSONOption,
  WHOSE_RULES,
} from '../options.ts';
import { runAction } from '../run.ts';

function explainCommand(program: Command) {
  const explain = program
    .command('explain')
    .description('explain what a node does for a Service, or what a chain or a rule is for')
    .argument(
      '[what]',
      "a Service by name (web, shop/web, web:http), address or node port; a Pod; a chain; or a rule: '-A CHAIN ...' (default: every Service that -n, -l or -A selects)",
    );
  takeRules(explain);
  const withOwn = addRulesOptions(addManifestsOption(explain, MANIFESTS_INSTEAD_OF_KERNEL))
    .option('--all', 'every rule of a chain')
    .addOption(
      textOrJSONOption('the output format; wide adds chains and rules').choices(['text', 'wide', 'json']),
    );
  const withNode = addClusterOptions(
    addWorkloadsOption(withOwn, 'with -f, make no Pods from Deployments and other workloads'),
  ).addOption(allNodesOption('once for each Node of the manifests or the cluster'));
  return addLiveOptions(addShownOptions(withNode));
}

/** A line of iptables-save begins like the option -A, whether the shell has left it in one piece or not. */
function takeRules(explain: CommandUnknownOpts): void {
  const parse = explain.parseOptions.bind(explain);
  explain.parseOptions = (words) => {
    const start = words.findIndex(
      (word, i) => /^(?:\[\d+:\d+\] *)?-A +\S/.test(word) || (word === '-A' && isRule(words.slice(i + 1))),
    );
    if (start === -1) return parse([...words]);
    const inOnePiece = words[start] !== '-A';
    const end = inOnePiece ? start + 1 : endOfRule(words, start);
    const rule = words.slice(start, end).map((word) => (inOnePiece ? word : quote(word)));
    return parse([...words.slice(0, start), ...words.slice(end), '--', rule.join(' ')]);
  };
}

/** Whether words behind -A are those of a rule: a chain, and what iptables takes. */
function isRule([chain = '', first = '']: readonly string[]): boolean {
  return /^[^-]/.test(chain) && /^(?:!|-[sdipmjgo])$/.test(first);
}

/** Up to what is an option of this command again. */
function endOfRule(words: readonly string[], start: number): number {
  const end = words.findIndex((word, i) => i > start && AFTER_RULE.test(word));
  return end === -1 ? words.length : end;
}

const AFTER_RULE =
  /^(?:-[fknlo]|--(?:save|kernel|filename|kustomize|family|output|kubeconfig|context|cluster|user|server|node-name|namespace))(?:=|$)/;

export type ExplainCommandOptions = OptionsOf<typeof explainCommand>;

export function addExplain(program: Command): void {
  addNotes(explainCommand(program), {
    text: `${WHOSE_RULES} To see which endpoints get no traffic and why, give manifests or a cluster. ${EXITS}`,
    examples: [
      {
        line: 'svc2ipt explain default/web -f manifests/ --node-name node1',
        about: 'addresses, who may use them, endpoints and their shares',
      },
      { line: 'svc2ipt explain default/web', about: "the same, by the rules in this node's kernel" },
      {
        line: 'svc2ipt explain web:http --context prod --all-nodes',
        about: 'one port, on each node of a cluster',
      },
      {
        line: 'svc2ipt explain 10.96.0.10 -f manifests/',
        about: 'which Service has an address, and where it leads',
      },
      { line: 'svc2ipt explain -A -f manifests/', about: 'every Service' },
      { line: 'svc2ipt explain KUBE-SVC-EXBNZ76JOZU7PBN2', about: 'which Service a chain belongs to' },
      {
        line: `svc2ipt explain '-A KUBE-SEP-EJERYEAV7XNEU6DK -s 172.17.0.3/32 -m comment --comment "default/simpleservice" -j KUBE-MARK-MASQ'`,
        about: 'what a rule is for',
      },
    ],
  }).action((what, options) =>
    runAction(async () => (await import('./explain.ts')).explainAction(what, options)),
  );
}
