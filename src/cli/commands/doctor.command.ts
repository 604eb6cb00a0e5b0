/** `svc2ipt doctor`: what it takes, and what its help tells. */
import { type Command, Option } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import {
  addClusterOptions,
  addLiveOptions,
  addManifestsOption,
  addShownOptions,
  backendOption,
  collect,
  type OptionsOf,
  textOrJSONOption,
} from '../options.ts';
import { runAction } from '../run.ts';
import { version } from '../version.ts';

function doctorCommand(program: Command) {
  const doctor = program
    .command('doctor')
    .description('find out why Services do not work on this node; exit with 1 for an error');
  const withOwn = addManifestsOption(
    doctor,
    'manifests of the cluster: a file, a folder, or - for standard input; may be repeated',
  )
    .option('--service <namespace/name>', 'check what concerns this Service only; may be repeated', collect)
    .option('--save <bundle>', 'check the node of a bundle, and not this one')
    .option('--bundle <file>', 'also write all that was looked at to a .tar.gz, for somebody else to look at')
    .option('--redact', 'with --bundle, replace addresses and names')
    .option('--probe', 'connect to the endpoints on this node by TCP, and send them nothing')
    .addOption(textOrJSONOption())
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on')
        .choices(['error', 'warning', 'never'])
        .default('error'),
    )
    .option('--all', 'every finding, and the checks that found nothing')
    .addOption(backendOption());
  return addLiveOptions(addShownOptions(addClusterOptions(withOwn)));
}

export type DoctorCommandOptions = OptionsOf<typeof doctorCommand>;

export function addDoctor(program: Command): void {
  addNotes(doctorCommand(program), {
    text: 'Needs root on the node, and changes nothing. Without a cluster, it leaves out the checks that need one. Exit codes: 0, no finding counts; 1, a finding counts (--fail-on); 2, failed, for example because of a missing file or a wrong option.',
    examples: [
      { line: 'svc2ipt doctor', about: 'check this node without its cluster' },
      {
        line: 'svc2ipt doctor --context prod --node-name node1',
        about: 'also compare the node with its cluster',
      },
      {
        line: 'svc2ipt doctor --context prod --service shop/web --probe',
        about: 'check one Service, and whether its endpoints on this node answer',
      },
      {
        line: 'svc2ipt doctor --bundle node1.tar.gz --redact',
        about: 'write a file for somebody else, who reads it with --save node1.tar.gz',
      },
      { line: 'svc2ipt doctor --all -o json', about: 'every check with its verdict, for programs' },
    ],
  }).action((options) =>
    runAction(async () => (await import('./doctor.ts')).doctorAction(options, version())),
  );
}
