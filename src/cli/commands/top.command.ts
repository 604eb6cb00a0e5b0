/** `svc2ipt top`: what it takes, and what its help tells. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../api/duration.ts';
import { addNotes } from '../../manual/notes.ts';
import { SORTS } from '../../traffic/sort.ts';
import { EXITS } from '../exit-codes.ts';
import { backendOption, familyOption, type OptionsOf, textOrJSONOption } from '../options.ts';
import { runAction } from '../run.ts';

function topCommand(program: Command) {
  return program
    .command('top')
    .description('show what Services do: new connections, shares of endpoints, refused and dropped packets')
    .argument('[service]', 'only this Service: by name (web, shop/web, web:http), address or node port')
    .addOption(
      new Option('--interval <duration>', 'the time between two readings (default: 2s)').argParser(
        parseInterval,
      ),
    )
    .option('--once', 'one reading, and what the counters hold since they began')
    .option(
      '--since <file>',
      'an earlier iptables-save -c, or a bundle of doctor: only what came since counts, also in rates; - for standard input',
    )
    .option(
      '--save <file>',
      'the rules as iptables-save -c prints them, or a bundle of doctor, once; - for standard input',
    )
    .addOption(familyOption('the IP family (default: both)'))
    .addOption(backendOption().conflicts('save'))
    .addOption(new Option('--sort <by>', 'what comes first').choices(SORTS).default('rate'))
    .addOption(
      textOrJSONOption('the output format; json is one object, or one on each line for each interval'),
    )
    .optionsGroup('What is shown:')
    .option('-n, --namespace <namespace>', 'only this namespace, which a name without one is in')
    .option('-A, --all-namespaces', 'all namespaces (default)');
}

export type TopCommandOptions = OptionsOf<typeof topCommand>;

export function addTop(program: Command): void {
  addNotes(topCommand(program), {
    text: `Reads the rules of svc2ipt or kube-proxy from this node's kernel (needs root), or from the output of iptables-save -c. On a terminal, it shows a live table, and h shows the keys. Elsewhere, it prints a table for each interval. docs/traffic.md says what each number means, and what reading the counters costs. ${EXITS}`,
    examples: [
      { line: 'svc2ipt top', about: 'a live table of all Services, on a node' },
      {
        line: 'svc2ipt top --once default/web',
        about: 'one Service with its endpoints, since its counters began',
      },
      {
        line: 'svc2ipt top --since before.save --save after.save',
        about: 'what the rules counted between two outputs of iptables-save -c',
      },
      { line: 'svc2ipt top -o json --interval 10s', about: 'a line of JSON every ten seconds, for programs' },
    ],
  }).action((service, options) =>
    runAction(async () => (await import('./top.ts')).topAction(service, options)),
  );
}

/** The shortest time between two readings, in milliseconds: reading takes some of it. */
const SHORTEST = 100;

/** So long a timer of Node.js can be. */
const LONGEST = 2 ** 31 - 1;

function parseInterval(text: string): number {
  const milliseconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : parseDuration(text);
  if (milliseconds !== undefined && milliseconds >= SHORTEST && milliseconds <= LONGEST) return milliseconds;
  throw new InvalidArgumentError('Expected a duration of at least 100ms, such as 2s or 1m.');
}
