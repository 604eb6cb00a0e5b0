/** `svc2ipt playground`: what it takes, and what its help tells. */
import { type Command, InvalidArgumentError } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import type { OptionsOf } from '../options.ts';
import { runAction } from '../run.ts';

function playgroundCommand(program: Command) {
  return program
    .command('playground')
    .description(
      'print a web page that explains Services: edit YAML, see its rules, and send packets through them',
    )
    .option('--serve [port]', 'serve the page on 127.0.0.1 instead, by default on any free port', portOf);
}

export type PlaygroundCommandOptions = OptionsOf<typeof playgroundCommand>;

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65535) throw new InvalidArgumentError('Expected a port, such as 8080.');
  return port;
}

export function addPlayground(program: Command): void {
  addNotes(playgroundCommand(program), {
    text: `The page is one file. It needs no network, and sends nothing anywhere. ${EXITS}`,
    examples: [
      {
        line: 'svc2ipt playground > playground.html',
        about: 'write the page, to open it from disk or put it on a server',
      },
      { line: 'svc2ipt playground --serve', about: 'serve it to this machine only, until Ctrl-C' },
      { line: 'svc2ipt playground --serve 8080', about: 'serve it on port 8080 of 127.0.0.1' },
    ],
  }).action((options) => runAction(async () => (await import('./playground.ts')).playgroundAction(options)));
}
