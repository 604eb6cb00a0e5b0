/** `svc2ipt golden` and the commands below it: what they take, and what their help tells. */
import { type Command, Option } from 'commander';
import { LAYOUT_NAMES } from '../../api/layout-names.ts';
import { addNotes } from '../../manual/notes.ts';
import { EXITS, EXITS_OF_COMPARING } from '../exit-codes.ts';
import { addWorkloadsOption, collect, familyOption, type OptionsOf, strictOption } from '../options.ts';
import { runAction } from '../run.ts';

const FIXTURES =
  'a folder of clusters: each folder in it with manifests, and config.yaml and host.yaml beside them';
const GOLDEN = 'a folder of golden files: CLUSTER/ipv4.rules and CLUSTER/ipv6.rules';

function withFolders(command: Command) {
  const given = command
    .argument('<fixtures-folder>', FIXTURES)
    .argument('<golden-folder>', GOLDEN)
    .option(
      '--cluster <name>',
      'only this cluster: its folder, from the folder of all clusters on; may be repeated',
      collect,
    )
    .addOption(
      new Option('--layout <name>', 'only clusters whose config.yaml asks for this layout').choices(
        LAYOUT_NAMES,
      ),
    )
    .addOption(familyOption('only the files of this IP family'))
    .addOption(strictOption())
    .option('--all-nodes', 'a file for each Node of a cluster: CLUSTER/NODE/ipv4.rules');
  return addWorkloadsOption(given);
}

export type GoldenCommandOptions = OptionsOf<typeof withFolders>;

function checkCommand(golden: Command) {
  const check = golden
    .command('check')
    .description('show how the rules differ from the golden files; exit with 1 if any do');
  return withFolders(check)
    .addOption(
      new Option('-o, --output <format>', 'how to tell it')
        .choices(['text', 'json', 'junit', 'github', 'markdown'])
        .default('text'),
    )
    .option('--no-text', 'only what changes in words, not the lines of rules that differ');
}

export type GoldenCheckOptions = OptionsOf<typeof checkCommand>;

export function addGolden(program: Command): void {
  const golden = program
    .command('golden')
    .description('compare the rules of clusters with golden files, to see a change before it ships')
    .helpCommand(false);
  addNotes(golden, {
    text: 'Each cluster is a folder with manifests, a config.yaml (its configuration) and a host.yaml (its node).',
    examples: [
      {
        line: 'svc2ipt golden update clusters/ golden/',
        about: 'write the golden files',
      },
      {
        line: 'svc2ipt golden check clusters/ golden/',
        about: 'see whether they still hold; exit with 1 if any rule changed',
      },
    ],
  });

  addNotes(checkCommand(golden), {
    text: `Says what changes by cluster and Service, then shows it line by line. A mistake in one cluster does not stop the check of the others. ${EXITS_OF_COMPARING}`,
    examples: [
      {
        line: 'svc2ipt golden check clusters/ golden/',
        about: 'what changed, in words and as a difference of each chain',
      },
      {
        line: 'svc2ipt golden check clusters/ golden/ --cluster shop --no-text',
        about: 'one cluster, in words only',
      },
      {
        line: 'svc2ipt golden check clusters/ golden/ -o markdown > comment.md',
        about: 'for a comment on a pull request',
      },
      {
        line: 'svc2ipt golden check clusters/ golden/ -o github',
        about: 'annotations in a GitHub workflow; use junit for other servers',
      },
    ],
  }).action((fixtures, folder, options) =>
    runAction(async () => (await import('./golden.ts')).goldenCheckAction(fixtures, folder, options)),
  );

  const update = withFolders(golden.command('update').description('write the golden files'));
  addNotes(update, {
    text: `Removes the files of clusters that are gone. Writes nothing if any cluster has a mistake. ${EXITS}`,
    examples: [
      {
        line: 'svc2ipt golden update clusters/ golden/',
        about: 'accept a change of rules',
      },
    ],
  }).action((fixtures, folder, options) =>
    runAction(async () => (await import('./golden.ts')).goldenUpdateAction(fixtures, folder, options)),
  );
}
