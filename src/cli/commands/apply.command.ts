/** `svc2ipt apply`: what it takes, and what its help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import {
  addClusterOptions,
  addManifestsOption,
  backendOption,
  type OptionsOf,
  textOrJSONOption,
} from '../options.ts';
import { runAction } from '../run.ts';

function applyCommand(program: Command) {
  const apply = program
    .command('apply')
    .description("write the rules for manifests into this node's kernel; needs root");
  const withOwn = addManifestsOption(apply)
    .option('--dry-run', 'print what would change; change nothing')
    .addOption(textOrJSONOption())
    .addOption(backendOption());
  return addClusterOptions(withOwn);
}

export type ApplyCommandOptions = OptionsOf<typeof applyCommand>;

export function addApply(program: Command): void {
  addNotes(applyCommand(program), {
    text: `Writes only the difference: nothing if the kernel already holds the rules. Leaves rules and chains of other programs alone. If you interrupt it, traffic keeps flowing, and the next run completes the work. ${EXITS}`,
    examples: [
      { line: 'svc2ipt apply -f manifests/ --dry-run', about: 'show what would change' },
      {
        line: 'svc2ipt apply -f manifests/ --config kube-proxy.yaml',
        about: "with kube-proxy's configuration file",
      },
    ],
  }).action((options) => runAction(async () => (await import('./apply.ts')).applyAction(options)));
}
