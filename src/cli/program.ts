/** The commands and their options. What a command does is loaded when it runs. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { agentOptions } from '../agent/agent-options.ts';
import { printable } from '../api/problem.ts';
import { CONNTRACK_STATES, type ConntrackState } from '../iptables/types.ts';
import { runAction } from './run.ts';

/** The command line, as it is parsed, and as completion scripts and man pages are made from it. */
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
    });

  const render = program
    .command('render')
    .description(
      "print the rules that a cluster's Services come to on a node, as kube-proxy would write them",
    )
    .showHelpAfterError('(manifests are named with -f; --help tells more)');
  addClusterOptions(render, [
    new Option('--family <family>', 'the IP family').choices(['ipv4', 'ipv6']).default('ipv4'),
    new Option('--table <table>', 'only this table').choices(['nat', 'filter']),
    new Option('--service <namespace/name>', "only the chains that this Service's traffic can walk"),
    new Option('-o, --output <format>', 'restore text, or the ruleset as data')
      .choices(['restore', 'json', 'yaml'])
      .default('restore'),
  ]);
  render
    .addHelpText(
      'after',
      `
Examples:
  svc2ipt render -f manifests/                         every manifest in a folder
  helm template shop ./chart | svc2ipt render          what a chart's Services come to
  kubectl get svc,endpointslices,nodes -A -o yaml | svc2ipt render --node-name node1
  svc2ipt render -f web.yaml --service default/web     one Service
  svc2ipt render -f web.yaml | iptables-restore --noflush --test`,
    )
    .action((options) => runAction(async () => (await import('./render.ts')).render(options)));

  const graph = program
    .command('graph')
    .description("draw a cluster's chains and the jumps between them, with the share of each endpoint");
  addClusterOptions(graph, [
    new Option('--family <family>', 'the IP family').choices(['ipv4', 'ipv6']).default('ipv4'),
    new Option(
      '--service <namespace/name>',
      "only the chains that this Service's traffic can walk; may be repeated",
    ).argParser(collect),
    new Option('-o, --output <format>', 'for Graphviz, for Markdown, a picture, or a page to look around in')
      .choices(['dot', 'mermaid', 'svg', 'html'])
      .default('html'),
    new Option('--collapse', 'one box for each Service (default for large svg and html)'),
    new Option('--no-collapse', 'all chains of all Services'),
  ]);
  graph
    .addHelpText(
      'after',
      `
Examples:
  svc2ipt graph -f manifests/ > graph.html             a page of one file: drag, zoom, search, click
  svc2ipt graph -f web.yaml --service default/web -o mermaid
  svc2ipt graph -f manifests/ -o svg > graph.svg`,
    )
    .action((options) => runAction(async () => (await import('./graph.ts')).graph(options)));

  const lint = program
    .command('lint')
    .description('tell what is legal in manifests and will surprise on a node; exit with 1 for an error');
  addClusterOptions(lint, [
    new Option('-o, --output <format>', 'how to print the findings')
      .choices(['text', 'json', 'sarif'])
      .default('text'),
    new Option('--fail-on <severity>', 'exit with 1 from this severity on')
      .choices(['error', 'warning', 'info', 'never'])
      .default('error'),
  ]);
  lint
    .addHelpText(
      'after',
      `
Examples:
  svc2ipt lint -f manifests/ --fail-on warning
  kubectl get svc,endpointslices,nodes -A -o yaml | svc2ipt lint --node-name node1
  svc2ipt lint -f manifests/ -o sarif > svc2ipt.sarif    for what shows findings beside the lines of a change`,
    )
    .action((options) => runAction(async () => (await import('./lint.ts')).lint(options, version())));

  const backend = () =>
    new Option('--backend <name>', "which iptables to use; the machine's own choice unless given").choices([
      'nft',
      'legacy',
    ]);

  const trace = program
    .command('trace')
    .description(
      "walk a packet through a node's rules, and tell what each of them has to say and what becomes of it",
    );
  addClusterOptions(
    trace,
    [
      new Option(
        '--from <who>',
        'an address, node, outside, or pod/NAMESPACE/NAME of the manifests',
      ).makeOptionMandatory(),
      new Option(
        '--to <where>',
        'ADDRESS:PORT/PROTOCOL, NAMESPACE/NAME:PORT of a Service (its cluster IP), node-port/NAMESPACE/NAME:PORT ' +
          '(or external-ip/, load-balancer-ip/), pod/NAMESPACE/NAME:PORT, or node:PORT',
      ).makeOptionMandatory(),
      new Option('--in-interface <name>', 'the interface that it comes in by'),
      new Option('--out-interface <name>', 'the interface that it leaves the node by, if it does'),
      new Option('--mark <mark>', 'the mark that it comes with, such as 0x4000').argParser(parseMark),
      new Option(
        '--ctstate <states>',
        'what connection tracking says of it, such as ESTABLISHED (default: NEW)',
      ).argParser(parseStates),
      ...rulesOptions(backend()),
      new Option('--all', 'every rule that it comes to, not only those that say something about it'),
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    ],
    MANIFESTS_INSTEAD_OF_KERNEL,
  );
  trace
    .addHelpText(
      'after',
      `
The rules are this node's own (needs root), those of an iptables-save (--save), or those that manifests come to (-f).
With --save and -f, the rules are the saved ones, and the manifests tell what names stand for. Without manifests, the
comments in the rules do. What cannot be decided, as a match of another program, is told and never guessed.

Examples:
  svc2ipt trace --from 10.244.1.5 --to 10.96.0.10:80/tcp              on a node, by the rules in its kernel
  svc2ipt trace --from pod/default/a --to default/web:http -f manifests/ --node-name node1
  ssh node1 iptables-save | svc2ipt trace --save - --from outside --to node-port/default/web --node-ip 192.168.0.2`,
    )
    .action((options) => runAction(async () => (await import('./trace.ts')).trace(options)));

  const explain = program
    .command('explain')
    .description('tell what a Service comes to on a node, or what a chain or a rule is there for')
    .argument(
      '<what>',
      "NAMESPACE/NAME of a Service, the name of a chain, or a line of iptables-save: '-A CHAIN ...'",
    )
    // A line of iptables-save begins like an option.
    .allowUnknownOption();
  addClusterOptions(
    explain,
    [
      ...rulesOptions(backend()),
      new Option('--all', 'every rule of a chain, however many there are'),
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    ],
    MANIFESTS_INSTEAD_OF_KERNEL,
  );
  explain
    .addHelpText(
      'after',
      `
The rules are this node's own (needs root), those of an iptables-save (--save), or those that manifests come to (-f).
Only manifests tell which endpoints get no traffic, and why.

Examples:
  svc2ipt explain default/web -f manifests/ --node-name node1    addresses, who may use them, endpoints and their shares
  svc2ipt explain default/web                                    by the rules in this node's kernel
  svc2ipt explain KUBE-SVC-EXBNZ76JOZU7PBN2                      whose chain that is
  svc2ipt explain '-A KUBE-SEP-EJERYEAV7XNEU6DK -s 172.17.0.3/32 -j KUBE-MARK-MASQ' --save node1.save`,
    )
    .action((what, options) => runAction(async () => (await import('./explain.ts')).explain(what, options)));

  const apply = program
    .command('apply')
    .description("make this node's kernel hold the rules of a cluster given as files; needs root");
  addClusterOptions(apply, [
    new Option('--dry-run', 'print what would change, and change nothing'),
    new Option('-o, --output <format>', 'how to print what changed')
      .choices(['text', 'json'])
      .default('text'),
    backend(),
  ]);
  apply
    .addHelpText(
      'after',
      `
Only the difference is written: nothing at all where the kernel holds the rules already. Rules and chains of other
programs stay as they are. Whenever it is stopped, traffic keeps flowing, and the next run completes the work.

Examples:
  svc2ipt apply -f manifests/ --dry-run
  svc2ipt apply -f manifests/ --config kube-proxy.yaml`,
    )
    .action((options) => runAction(async () => (await import('./apply.ts')).apply(options)));

  const diff = program
    .command('diff')
    .description(
      "compare this node's kernel with the rules of manifests, or two sets of manifests; exit with 1 when they differ",
    );
  addClusterOptions(diff, [
    new Option('--from <path>', 'manifests as they were; no kernel is looked at').argParser(collect),
    new Option('--to <path>', 'manifests as they will be').argParser(collect),
    new Option('--family <family>', 'only this IP family').choices(['ipv4', 'ipv6']),
    backend(),
  ]);
  diff
    .addHelpText(
      'after',
      `
Examples:
  svc2ipt diff -f manifests/                    what apply would change; needs root to read the kernel
  svc2ipt diff --from old/ --to new/            what a change to a Service will do to a node`,
    )
    .action((options) => runAction(async () => (await import('./diff.ts')).diff(options)));

  program
    .command('cleanup')
    .description('take every jump, chain and canary of svc2ipt and kube-proxy out of the kernel; needs root')
    .addOption(
      new Option('--backend <name>', 'only this iptables; both unless given').choices(['nft', 'legacy']),
    )
    .action((options) => runAction(async () => (await import('./cleanup.ts')).cleanup(options)));

  const agent = program
    .command('agent')
    .description(
      "keep this node's rules equal to a cluster, in kube-proxy's place: with its configuration file and flags; needs root",
    );
  for (const option of agentOptions()) agent.addOption(option);
  agent
    .addHelpText(
      'after',
      `
SIGTERM ends it, and the rules stay. SIGHUP compares everything with the kernel. SIGUSR1 tells more in the log, SIGUSR2
as much as at the start.

Examples:
  svc2ipt agent --config /var/lib/kube-proxy/config.conf      where kube-proxy was
  svc2ipt agent --manifests /etc/svc2ipt/manifests            a folder that is watched; no cluster needed
  svc2ipt agent --kubeconfig node.conf --dry-run -v 2         everything but the writing
  curl -s 127.0.0.1:10249/debug/drift                         how the kernel differs from what is wanted`,
    )
    .action((given) => runAction(async () => (await import('./agent.ts')).agent(given, version())));

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
  golden
    .command('check')
    .description('print how the rules differ from the golden files; exit with 1 when any does')
    .argument('<fixtures>', about.fixtures)
    .argument('<golden>', about.golden)
    .action((fixtures, folder) =>
      runAction(async () => (await import('./golden.ts')).check(fixtures, folder)),
    );
  golden
    .command('update')
    .description('write the golden files anew')
    .argument('<fixtures>', about.fixtures)
    .argument('<golden>', about.golden)
    .action((fixtures, folder) =>
      runAction(async () => (await import('./golden.ts')).update(fixtures, folder)),
    );
  return program;
}

/** The values of an option that may be repeated. */
function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** The options of commands that look at rules, wherever those are. */
function rulesOptions(backend: Option): Option[] {
  return [
    new Option('--save <file>', 'the rules as iptables-save prints them; - for standard input'),
    new Option('--family <family>', 'the IP family (default: that of the addresses)').choices([
      'ipv4',
      'ipv6',
    ]),
    backend,
  ];
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

const MANIFESTS =
  'a file, a folder, or - for standard input (default where one is piped in); may be repeated';

/** Of commands that look at this node where there are no manifests. */
const MANIFESTS_INSTEAD_OF_KERNEL = 'manifests: a file, a folder, or - for standard input; may be repeated';

/**
 * What every command that compiles a cluster takes.
 * @param own the options of this one
 */
function addClusterOptions(command: Command, own: readonly Option[], manifests = MANIFESTS): void {
  command.option('-f, --filename <path>', manifests, collect);
  for (const option of own) command.addOption(option);
  command
    .option('--config <file>', 'a KubeProxyConfiguration, as kube-proxy takes it')
    .option(
      '--service-cluster-ip-range <ranges>',
      'where the cluster IPs come from that manifests leave out (default: 10.96.0.0/12,fd00:10:96::/108)',
    )
    .option(
      '--strict',
      'a Service without a cluster IP, or with an address or a node port of another, is an error',
    )
    .addOption(
      new Option(
        '--layout <name>',
        'how to write Services as rules: as kube-proxy does (default), or in fewer rules that do the same',
      ).choices(['kube-proxy', 'fast']),
    )
    .option('--legacy-port-names', 'print an unnamed port as namespace/name: (Kubernetes before 1.13)')
    .option('--verbose', 'count the objects of other kinds on standard error')
    .optionsGroup('The node:')
    .option('--host <file>', 'facts about the node, in the form of a host.yaml; the flags below count more')
    .option('--node-name <name>', 'the name of the node; its Node object gives the rest if the input has it')
    .option('--node-ip <ips>', "the node's IPs, one of each family, the primary one first")
    .option('--zone <zone>', "the node's topology.kubernetes.io/zone")
    .option('--region <region>', "the node's topology.kubernetes.io/region")
    .option('--pod-cidr <ranges>', "the ranges of the node's pods, one of each family")
    .option(
      '--interface-address <addresses>',
      "the addresses on the node's interfaces, such as 192.168.0.2/24",
    )
    .option('--random-fully', 'its iptables has MASQUERADE --random-fully (default)')
    .option('--no-random-fully', 'its iptables is older than 1.6.2')
    .option('--bpf', 'its kernel has xt_bpf (default)')
    .option('--no-bpf', 'its kernel has no xt_bpf: the fast layout then has rules for each endpoint instead')
    .option('--nfacct', "kube-proxy's nfacct counters exist on it")
    .option('--conntrack-tcp-be-liberal', 'its nf_conntrack_tcp_be_liberal is set');
}

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}
