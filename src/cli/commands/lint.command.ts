/** `svc2ipt lint`: what it takes, and what its help tells. */
import { type Command, Option } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { addClusterOptions, addManifestsOption, addWorkloadsOption, type OptionsOf } from '../options.ts';
import { runAction } from '../run.ts';
import { version } from '../version.ts';

function lintCommand(program: Command) {
  const lint = program
    .command('lint')
    .description('tell what is legal in manifests and will surprise on a node; exit with 1 for an error');
  const withOwn = addManifestsOption(lint)
    .addOption(
      new Option('-o, --output <format>', 'how to print the findings')
        .choices(['text', 'json', 'sarif'])
        .default('text'),
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on')
        .choices(['error', 'warning', 'info', 'never'])
        .default('error'),
    );
  return addClusterOptions(addWorkloadsOption(withOwn));
}

export type LintCommandOptions = OptionsOf<typeof lintCommand>;

export function addLint(program: Command): void {
  addNotes(lintCommand(program), {
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
  }).action((options) => runAction(async () => (await import('./lint.ts')).lintAction(options, version())));
}
