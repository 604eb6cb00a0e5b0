/** `svc2ipt trace`: what it takes, and what its help tells. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CONNTRACK_STATES, type ConntrackState } from '../../iptables/types.ts';
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

function traceCommand(program: Command) {
  const trace = program
    .command('trace')
    .description("follow a packet through a node's rules: where it goes, and which rules decide it");
  const withPacket = addManifestsOption(trace, MANIFESTS_INSTEAD_OF_KERNEL)
    .requiredOption('--from <who>', 'the sender: an address, node, outside, or pod/NAMESPACE/NAME')
    .requiredOption(
      '--to <where>',
      'ADDRESS:PORT/PROTOCOL, NAMESPACE/NAME:PORT of a Service (its cluster IP), node-port/NAMESPACE/NAME:PORT ' +
        '(or external-ip/, load-balancer-ip/), pod/NAMESPACE/NAME:PORT, or node:PORT',
    )
    .option('--in-interface <name>', 'the incoming interface')
    .option('--out-interface <name>', 'the outgoing interface, if it leaves the node')
    .option('--ipset <file>', "IP sets, as ipset save prints them (default for this node's kernel: its own)")
    .addOption(new Option('--mark <mark>', 'the packet mark, such as 0x4000').argParser(parseMark))
    .addOption(
      new Option(
        '--ctstate <states>',
        'the connection tracking state, such as ESTABLISHED (default: NEW)',
      ).argParser(parseStates),
    );
  const withOwn = addRulesOptions(withPacket)
    .option('--all', 'every rule that it meets, not only those that matter to it')
    .addOption(textOrJSONOption());
  const withNode = addClusterOptions(
    addWorkloadsOption(withOwn, 'with -f, make no Pods from Deployments and other workloads'),
  ).addOption(allNodesOption('once for each Node of the manifests or the cluster'));
  return addLiveOptions(addShownOptions(withNode));
}

export type TraceCommandOptions = OptionsOf<typeof traceCommand>;

export function addTrace(program: Command): void {
  addNotes(traceCommand(program), {
    text: `${WHOSE_RULES} Without manifests or a cluster, names come from the comments in the rules. If a match cannot be decided, such as one of another program, it says so and guesses nothing. ${EXITS}`,
    examples: [
      {
        line: 'svc2ipt trace --from 10.244.1.5 --to 10.96.0.10:80/tcp',
        about: 'on a node, by the rules in its kernel',
      },
      {
        line: 'svc2ipt trace --from pod/default/a --to default/web:http -f manifests/ --node-name node1',
        about: 'by the rules for manifests, and with names',
      },
      {
        line: 'ssh node1 iptables-save | svc2ipt trace --save - --from outside --to node-port/default/web --node-ip 192.168.0.1',
        about: 'by the rules of another machine',
      },
    ],
  }).action((options) => runAction(async () => (await import('./trace.ts')).traceAction(options)));
}

function parseMark(text: string): number {
  const mark = /^(?:0x[\da-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN;
  if (mark <= 0xffffffff) return mark;
  throw new InvalidArgumentError('Expected a number of 32 bits, such as 0x4000.');
}

function parseStates(text: string): ConntrackState[] {
  return text.split(',').map((word) => {
    const state = CONNTRACK_STATES.find((state) => state === word.toUpperCase());
    if (state) return state;
    throw new InvalidArgumentError(`Expected some of ${CONNTRACK_STATES.join(', ')}.`);
  });
}
