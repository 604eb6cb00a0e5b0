/** `svc2ipt golden` and the commands below it: what they take, and what their help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS, EXITS_OF_COMPARING } from '../exit-codes.ts';
import { addWorkloadsOption, type OptionsOf, strictOption } from '../options.ts';
import { runAction } from '../run.ts';

const FIXTURES =
  'a folder of clusters: each folder in it with manifests, and config.yaml and host.yaml beside them';
const GOLDEN = 'a folder of golden files: CLUSTER/ipv4.rules and CLUSTER/ipv6.rules';

function withFolders(command: Command) {
  const given = command
    .argument('<fixtures-folder>', FIXTURES)
    .argument('<golden-folder>', GOLDEN)
    .addOption(strictOption())
    .option('--all-nodes', 'a file for each Node of a cluster: CLUSTER/NODE/ipv4.rules');
  return addWorkloadsOption(given);
}

export type GoldenCommandOptions = OptionsOf<typeof withFolders>;

export function addGolden(program: Command): void {
  const golden = program
    .command('golden')
    .description('compare the rules of clusters with golden files, so that a change shows before it ships')
    .helpCommand(false);
  addNotes(golden, {
    text: 'A cluster is a folder with manifests; config.yaml and host.yaml in it are its configuration and its node.',
    examples: [
      {
        line: 'svc2ipt golden update clusters/ golden/',
        about: 'write the golden files, then see whether they still hold',
      },
      { line: 'svc2ipt golden check clusters/ golden/', about: 'exit with 1 when any rule changed' },
    ],
  });

  const check = withFolders(
    golden
      .command('check')
      .description('print how the rules differ from the golden files; exit with 1 if they do'),
  );
  addNotes(check, {
    text: EXITS_OF_COMPARING,
    examples: [
      {
        line: 'svc2ipt golden check clusters/ golden/',
        about: 'a difference for each chain that changed',
      },
    ],
  }).action((fixtures, folder, options) =>
    runAction(async () => (await import('./golden.ts')).goldenCheckAction(fixtures, folder, options)),
  );

  const update = withFolders(golden.command('update').description('write the golden files'));
  addNotes(update, {
    text: `Removes the files of clusters that are gone. ${EXITS}`,
    examples: [
      {
        line: 'svc2ipt golden update clusters/ golden/',
        about: 'after a change of rules that is meant',
      },
    ],
  }).action((fixtures, folder, options) =>
    runAction(async () => (await import('./golden.ts')).goldenUpdateAction(fixtures, folder, options)),
  );
}
