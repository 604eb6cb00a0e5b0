/** The commands that tell something, and change nothing. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CONNTRACK_STATES, type ConntrackState } from '../iptables/types.ts';
import { addNotes } from '../manual/notes.ts';
import { addClusterOptions, collect, MANIFESTS_INSTEAD_OF_KERNEL, rulesOptions } from './options.ts';
import { runAction } from './run.ts';
import { version } from './version.ts';

export function addRender(program: Command): void {
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
  render.action((options) => runAction(async () => (await import('./render.ts')).render(options)));
  addNotes(render, {
    examples: [
      { line: 'svc2ipt render -f manifests/', about: 'every manifest in a folder' },
      { line: 'helm template shop ./chart | svc2ipt render', about: "what a chart's Services come to" },
      {
        line: 'kubectl get svc,endpointslices,nodes -A -o yaml | svc2ipt render --node-name node1',
        about: 'a cluster as it is, seen from one of its nodes',
      },
      { line: 'svc2ipt render -f web.yaml --service default/web', about: 'one Service' },
      {
        line: 'svc2ipt render -f web.yaml | iptables-restore --noflush --test',
        about: "whether this machine's iptables would take the rules",
      },
    ],
  });
}

export function addGraph(program: Command): void {
  const graph = program
    .command('graph')
    .description("draw a cluster's chains and the jumps between them, with the share of each endpoint");
  addClusterOptions(graph, [
    new Option('--family <family>', 'the IP family').choices(['ipv4', 'ipv6']).default('ipv4'),
    new Option('--table <table>', 'only this table').choices(['nat', 'filter']),
    new Option(
      '--service <namespace/name>',
      "only the chains that this Service's traffic can walk; may be repeated",
    ).argParser(collect),
    new Option('-o, --output <format>', 'for Graphviz, for Markdown, a picture, or a page to look around in')
      .choices(['dot', 'mermaid', 'svg', 'html'])
      .default('html'),
    new Option('--direction <direction>', 'where the arrows of a picture lead; down makes a narrow one')
      .choices(['right', 'down'])
      .default('right'),
    new Option('--collapse', 'one box for each Service (default for large svg and html)'),
    new Option('--no-collapse', 'all chains of all Services'),
  ]);
  graph.action((options) => runAction(async () => (await import('./graph.ts')).graph(options)));
  addNotes(graph, {
    examples: [
      {
        line: 'svc2ipt graph -f manifests/ > graph.html',
        about: 'a page of one file: drag, zoom, search, click',
      },
      {
        line: 'svc2ipt graph -f web.yaml --service default/web -o mermaid',
        about: 'one Service, for a Markdown file',
      },
      { line: 'svc2ipt graph -f manifests/ -o svg > graph.svg', about: 'a picture' },
    ],
  });
}

export function addLint(program: Command): void {
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
  lint.action((options) => runAction(async () => (await import('./lint.ts')).lint(options, version())));
  addNotes(lint, {
    examples: [
      {
        line: 'svc2ipt lint -f manifests/ --fail-on warning',
        about: 'in continuous integration, warnings count, too',
      },
      {
        line: 'kubectl get svc,endpointslices,nodes -A -o yaml | svc2ipt lint --node-name node1',
        about: 'a cluster as it is, seen from one of its nodes',
      },
      {
        line: 'svc2ipt lint -f manifests/ -o sarif > svc2ipt.sarif',
        about: 'for what shows findings beside the lines of a change',
      },
    ],
  });
}

export function addTrace(program: Command): void {
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
      ...rulesOptions(),
      new Option('--all', 'every rule that it comes to, not only those that say something about it'),
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    ],
    MANIFESTS_INSTEAD_OF_KERNEL,
  );
  trace.action((options) => runAction(async () => (await import('./trace.ts')).trace(options)));
  addNotes(trace, {
    text: `${WHOSE_RULES} With --save and -f, the rules are the saved ones, and the manifests tell what names stand for. Without manifests, the comments in the rules do. What cannot be decided, as a match of another program, is told and never guessed.`,
    examples: [
      {
        line: 'svc2ipt trace --from 10.244.1.5 --to 10.96.0.10:80/tcp',
        about: 'on a node, by the rules in its kernel',
      },
      {
        line: 'svc2ipt trace --from pod/default/a --to default/web:http -f manifests/ --node-name node1',
        about: 'by what manifests come to; names work, too',
      },
      {
        line: 'ssh node1 iptables-save | svc2ipt trace --save - --from outside --to node-port/default/web --node-ip 192.168.0.1',
        about: 'by the rules of another machine',
      },
    ],
  });
}

/** Of commands that look at rules wherever those are. */
const WHOSE_RULES =
  "The rules are this node's own (needs root), those of an iptables-save (--save), or those that manifests come to (-f).";

export function addExplain(program: Command): void {
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
      ...rulesOptions(),
      new Option('--all', 'every rule of a chain, however many there are'),
      new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'),
    ],
    MANIFESTS_INSTEAD_OF_KERNEL,
  );
  explain.action((what, options) =>
    runAction(async () => (await import('./explain.ts')).explain(what, options)),
  );
  addNotes(explain, {
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
  });
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
