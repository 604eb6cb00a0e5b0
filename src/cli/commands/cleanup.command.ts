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
    text: `Leaves rules and chains of other programs alone. Services cannot be reached through this node until something writes their rules again: open TCP connections go on, UDP flows are deleted. ${EXITS}`,
    examples: [
      { line: 'svc2ipt cleanup', about: 'before a node leaves its cluster' },
      {
        line: 'svc2ipt cleanup --backend legacy',
        about: 'what is left in the other iptables after a change of backends',
      },
    ],
  }).action((options) => runAction(async () => (await import('./cleanup.ts')).cleanupAction(options)));
}
