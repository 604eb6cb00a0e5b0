/** `svc2ipt diff`: what it takes, and what its help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS_OF_COMPARING } from '../exit-codes.ts';
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
  type OptionsOf,
  textOrJSONOption,
} from '../options.ts';
import { runAction } from '../run.ts';

function diffCommand(program: Command) {
  const diff = program
    .command('diff')
    .description(
      "compare this node's kernel with manifests or a cluster, or two of those; exit with 1 if they differ",
    );
  const withOwn = addManifestsOption(diff)
    .option(
      '--from <path>',
      'manifests before a change; a cluster, if only --to is given. No kernel is read',
      collect,
    )
    .option('--to <path>', 'manifests after a change; a cluster, if only --from is given', collect)
    .option('--effects', 'tell what changes for packets, Service by Service, instead of rules')
    .option('--prove', 'with --effects, say what was proved: how many classes of packets were compared')
    .option(
      '--from-save <file>',
      'with --effects, rules as they were, as iptables-save printed them, or a bundle of doctor',
    )
    .option(
      '--to-save <file>',
      'with --effects, rules as they are now, as iptables-save printed them, or a bundle of doctor',
    )
    .addOption(textOrJSONOption('with --effects, how to print it'))
    .addOption(familyOption('only this IP family'))
    .addOption(backendOption());
  const withNode = addClusterOptions(
    addWorkloadsOption(withOwn, 'with --from and --to, make no Pods from Deployments and other workloads'),
  ).addOption(allNodesOption('with --from and --to, once for each Node of both'));
  return addLiveOptions(addShownOptions(withNode));
}

export type DiffCommandOptions = OptionsOf<typeof diffCommand>;

export function addDiff(program: Command): void {
  addNotes(diffCommand(program), {
    text: EXITS_OF_COMPARING,
    examples: [
      { line: 'svc2ipt diff -f manifests/', about: 'what apply would change; needs root to read the kernel' },
      { line: 'svc2ipt diff --from old/ --to new/', about: 'what a change to a Service will do to a node' },
      {
        line: 'svc2ipt diff --effects --from old/ --to new/',
        about: 'what the change will do to packets, in words',
      },
      {
        line: 'svc2ipt diff --effects --prove --from-save before.txt --to-save after.txt',
        about: 'whether two nodes, or two versions of a proxy, do the same to every packet',
      },
      {
        line: 'svc2ipt diff --context prod --to shop/ -n shop --node-name node1',
        about: 'what manifests will change in their namespace, on a node of a cluster',
      },
    ],
  }).action((options) => runAction(async () => (await import('./diff.ts')).diffAction(options)));
}
