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
      'tell what is wrong in manifests, and what is legal and will surprise on a node; exit with 1 for an error',
    );
  const withOwn = addManifestsOption(lint)
    .addOption(
      new Option('-o, --output <format>', 'how to print the findings')
        .choices(['text', 'json', 'sarif', 'junit', 'github'])
        .default('text'),
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on')
        .choices(['error', 'warning', 'info', 'never'])
        .default('error'),
    )
    .option('--all', 'every finding, however many there are of a kind');
  const withNode = addClusterOptions(addWorkloadsOption(withOwn)).addOption(
    allNodesOption('what each Node of the input finds; what all of them find is told once'),
  );
  return addLiveOptions(addShownOptions(withNode));
}

export type LintCommandOptions = OptionsOf<typeof lintCommand>;

export function addLint(program: Command): void {
  addNotes(lintCommand(program), {
    text: 'It exits with 0 where nothing is found that counts, 1 where something is (--fail-on), and 2 where it could not do its work: a file that is missing, an option that is wrong.',
    examples: [
      {
        line: 'svc2ipt lint -f manifests/ --fail-on warning',
        about: 'in continuous integration, warnings count, too',
      },
      {
        line: 'svc2ipt lint --context prod --all-nodes',
        about: 'a cluster as it is, seen from each of its nodes',
      },
      {
        line: 'svc2ipt lint -f manifests/ -o sarif > svc2ipt.sarif',
        about: 'for what shows findings beside the lines of a change',
      },
      {
        line: 'svc2ipt lint -f manifests/ -o github',
        about: 'in a workflow of GitHub; junit for other servers',
      },
    ],
  }).action((options) => runAction(async () => (await import('./lint.ts')).lintAction(options, version())));
}
