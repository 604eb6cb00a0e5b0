/** `svc2ipt render`: what it takes, and what its help tells. */
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
  familyOption,
  type OptionsOf,
  outputFolderOption,
  tableOption,
} from '../options.ts';
import { runAction } from '../run.ts';

function renderCommand(program: Command) {
  const render = program
    .command('render')
    .description("print a node's rules for a cluster's Services, as kube-proxy would write them")
    .showHelpAfterError('(name manifests with -f; see --help)');
  const withOwn = addManifestsOption(render)
    .addOption(familyOption().default('ipv4'))
    .addOption(tableOption())
    .option('--service <namespace/name>', 'only the chains that traffic to this Service can pass')
    .addOption(
      new Option('-o, --output <format>', 'restore text, or the ruleset as data')
        .choices(['restore', 'json', 'yaml'])
        .default('restore'),
    )
    .addOption(outputFolderOption());
  const withNode = addClusterOptions(addWorkloadsOption(withOwn)).addOption(allNodesOption());
  return addLiveOptions(addShownOptions(withNode));
}

export type RenderCommandOptions = OptionsOf<typeof renderCommand>;

export function addRender(program: Command): void {
  addNotes(renderCommand(program), {
    text: EXITS,
    examples: [
      { line: 'svc2ipt render -f manifests/', about: 'every manifest in a folder' },
      { line: 'helm template shop ./chart | svc2ipt render', about: "the rules for a chart's Services" },
      {
        line: 'svc2ipt render --context prod --node-name node1',
        about: 'a cluster as it is, seen from one of its nodes',
      },
      {
        line: 'svc2ipt render -k overlays/prod --all-nodes --output-folder rules',
        about: 'a kustomization, as a file for each node',
      },
      { line: 'svc2ipt render -f web.yaml --service default/web', about: 'one Service' },
      {
        line: 'svc2ipt render -f web.yaml | iptables-restore --noflush --test',
        about: "whether this machine's iptables would take the rules",
      },
    ],
  }).action((options) => runAction(async () => (await import('./render.ts')).renderAction(options)));
}
