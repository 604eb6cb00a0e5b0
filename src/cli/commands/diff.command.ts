/** `svc2ipt diff`: what it takes, and what its help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import {
  addClusterOptions,
  addManifestsOption,
  addWorkloadsOption,
  backendOption,
  collect,
  familyOption,
  type OptionsOf,
} from '../options.ts';
import { runAction } from '../run.ts';

function diffCommand(program: Command) {
  const diff = program
    .command('diff')
    .description(
      "compare this node's kernel with the rules of manifests, or two sets of manifests; exit with 1 when they differ",
    );
  const withOwn = addManifestsOption(diff)
    .option('--from <path>', 'manifests as they were; no kernel is looked at', collect)
    .option('--to <path>', 'manifests as they will be', collect)
    .addOption(familyOption('only this IP family'))
    .addOption(backendOption());
  return addClusterOptions(
    addWorkloadsOption(withOwn, 'with --from and --to, make no Pods of Deployments and other workloads'),
  );
}

export type DiffCommandOptions = OptionsOf<typeof diffCommand>;

export function addDiff(program: Command): void {
  addNotes(diffCommand(program), {
    examples: [
      { line: 'svc2ipt diff -f manifests/', about: 'what apply would change; needs root to read the kernel' },
      { line: 'svc2ipt diff --from old/ --to new/', about: 'what a change to a Service will do to a node' },
    ],
  }).action((options) => runAction(async () => (await import('./diff.ts')).diffAction(options)));
}
