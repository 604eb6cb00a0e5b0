/** `svc2ipt lint`: what it takes, and what its help tells. */
import { type Command, CommanderError, Option } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { addClusterOptions, addManifestsOption, addWorkloadsOption, type OptionsOf } from '../options.ts';
import { runAction } from '../run.ts';
import { version } from '../version.ts';

function lintCommand(program: Command) {
  const lint = program
    .command('lint')
    .description(
      'tell what is wrong in manifests, and what is legal and will surprise on a node; exit with 1 for an error',
    )
    .exitOverride(mistakesInArguments);
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
  return addClusterOptions(addWorkloadsOption(withOwn));
}

/** Continuous integration tells what is found from what could not be looked at, as of other linters, by the exit code. */
const NOT_DONE = 2;

function mistakesInArguments({ exitCode, code, message }: CommanderError): never {
  throw new CommanderError(exitCode === 0 ? 0 : NOT_DONE, code, message);
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
        line: 'kubectl get svc,endpointslices,nodes -A -o yaml | svc2ipt lint --node-name node1',
        about: 'a cluster as it is, seen from one of its nodes',
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
  }).action((options) =>
    runAction(async () => (await import('./lint.ts')).lintAction(options, version()), NOT_DONE),
  );
}
