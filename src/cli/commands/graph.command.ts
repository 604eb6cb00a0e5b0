/** `svc2ipt graph`: what it takes, and what its help tells. */
import { type Command, Option } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import {
  addClusterOptions,
  addLiveOptions,
  addManifestsOption,
  addShownOptions,
  addWorkloadsOption,
  allNodesOption,
  backendOption,
  collect,
  familyOption,
  kernelOption,
  type OptionsOf,
  outputFolderOption,
  tableOption,
} from '../options.ts';
import { runAction } from '../run.ts';

function graphCommand(program: Command) {
  const graph = program
    .command('graph')
    .description(
      'draw the chains of a cluster or a node, the jumps between them, and the share of each endpoint',
    );
  const withOwn = addManifestsOption(graph)
    .option(
      '--save <file>',
      'draw the rules that iptables-save printed, or of a bundle of doctor; - for standard input',
    )
    .addOption(kernelOption("draw the rules in this node's kernel; needs root"))
    .addOption(backendOption().conflicts('save'))
    .addOption(familyOption().default('ipv4'))
    .addOption(tableOption())
    .option(
      '--service <namespace/name>',
      'only the chains that traffic to this Service can pass; may be repeated',
      collect,
    )
    .addOption(
      new Option('-o, --output <format>', 'for Graphviz, for Markdown, a picture, or an interactive page')
        .choices(['dot', 'mermaid', 'svg', 'html'])
        .default('html'),
    )
    // Of pictures: the page arranges its boxes itself.
    .addOption(
      new Option('--direction <direction>', 'where Services stand in a picture; down makes it narrow')
        .choices(['right', 'down'])
        .default('right'),
    )
    .addOption(
      new Option('--theme <theme>', 'the colours of a picture or a page; auto follows whoever looks at it')
        .choices(['auto', 'light', 'dark'])
        .default('auto'),
    )
    // As the format can bear it, where neither is given.
    .option('--collapse', 'one box for each Service (default for large svg and html)')
    .option('--no-collapse', 'all chains of all Services')
    .addOption(outputFolderOption());
  const withNode = addClusterOptions(addWorkloadsOption(withOwn)).addOption(allNodesOption());
  return addLiveOptions(addShownOptions(withNode));
}

export type GraphCommandOptions = OptionsOf<typeof graphCommand>;

export function addGraph(program: Command): void {
  addNotes(graphCommand(program), {
    text: EXITS,
    examples: [
      {
        line: 'svc2ipt graph -f manifests/ > graph.html',
        about: 'a page in one file, to drag, zoom, search and click',
      },
      {
        line: 'svc2ipt graph -f web.yaml --service default/web -o mermaid',
        about: 'one Service, for a Markdown file',
      },
      { line: 'svc2ipt graph -f manifests/ -o svg > graph.svg', about: 'a picture' },
      { line: 'svc2ipt graph --kernel > graph.html', about: "the rules in this node's kernel" },
      {
        line: 'ssh node1 sudo iptables-save | svc2ipt graph > graph.html',
        about: "the rules in another machine's kernel",
      },
    ],
  }).action((options) => runAction(async () => (await import('./graph.ts')).graphAction(options)));
}
