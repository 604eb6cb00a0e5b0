/** `svc2ipt lint`: what it takes, and what its help tells. */
import { type Command, Option } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import {
  addClusterOptions,
  addLiveOptions,
  addManifestsOption,
  addShownOptions,
  addWorkloadsOption,
  allNodesOption,
  type OptionsOf,
} from '../options.ts';
import { runAction } from '../run.ts';
import { version } from '../version.ts';

function lintCommand(program: Command) {
  const lint = program
    .command('lint')
    .description(
      'find what is wrong in manifests, and what is legal but will surprise on a node; exit with 1 for an error',
    );
  const withOwn = addManifestsOption(lint)
    .addOption(
      new Option('-o, --output <format>', 'the output format')
        .choices(['text', 'json', 'sarif', 'junit', 'github'])
        .default('text'),
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on')
        .choices(['error', 'warning', 'info', 'never'])
        .default('error'),
    )
    .option('--all', 'every finding, not only ten of each kind');
  const withNode = addClusterOptions(addWorkloadsOption(withOwn)).addOption(
    allNodesOption('as seen from each Node of the input; what all Nodes share is told once'),
  );
  return addLiveOptions(addShownOptions(withNode));
}

export type LintCommandOptions = OptionsOf<typeof lintCommand>;

export function addLint(program: Command): void {
  addNotes(lintCommand(program), {
    text: 'Exit codes: 0, no finding counts; 1, a finding counts (--fail-on); 2, failed, for example because of a missing file or a wrong option.',
    examples: [
      {
        line: 'svc2ipt lint -f manifests/ --fail-on warning',
        about: 'in CI, where warnings count, too',
      },
      {
        line: 'svc2ipt lint --context prod --all-nodes',
        about: 'a cluster as it is, seen from each of its nodes',
      },
      {
        line: 'svc2ipt lint -f manifests/ -o sarif > svc2ipt.sarif',
        about: 'for tools that show findings beside the lines of a change',
      },
      {
        line: 'svc2ipt lint -f manifests/ -o github',
        about: 'in a GitHub workflow; use junit for other servers',
      },
    ],
  }).action((options) => runAction(async () => (await import('./lint.ts')).lintAction(options, version())));
}
