/** `svc2ipt cleanup`: what it takes, and what its help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import { backendOption, type OptionsOf } from '../options.ts';
import { runAction } from '../run.ts';

function cleanupCommand(program: Command) {
  return program
    .command('cleanup')
    .description('remove every jump, chain and canary of svc2ipt and kube-proxy from the kernel; needs root')
    .addOption(backendOption('only this iptables (default: both)'));
}

export type CleanupCommandOptions = OptionsOf<typeof cleanupCommand>;

export function addCleanup(program: Command): void {
  addNotes(cleanupCommand(program), {
    text: `Leaves rules and chains of other programs alone. Nobody can reach Services through this node until something writes their rules again. Open TCP connections go on; UDP flows are deleted. ${EXITS}`,
    examples: [
      { line: 'svc2ipt cleanup', about: 'before a node leaves its cluster' },
      {
        line: 'svc2ipt cleanup --backend legacy',
        about: 'remove what a change of backends left in the other one',
      },
    ],
  }).action((options) => runAction(async () => (await import('./cleanup.ts')).cleanupAction(options)));
}
