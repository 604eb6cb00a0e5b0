/** `svc2ipt cleanup`: what it takes, and what its help tells. */
import type { Command } from 'commander';
import { addNotes } from '../../manual/notes.ts';
import { EXITS } from '../exit-codes.ts';
import { backendOption, type OptionsOf } from '../options.ts';
import { runAction } from '../run.ts';

function cleanupCommand(program: Command) {
  return program
    .command('cleanup')
    .description('take every jump, chain and canary of svc2ipt and kube-proxy out of the kernel; needs root')
    .addOption(backendOption('only this iptables; both unless given'));
}

export type CleanupCommandOptions = OptionsOf<typeof cleanupCommand>;

export function addCleanup(program: Command): void {
  addNotes(cleanupCommand(program), {
    text: `Rules and chains of other programs stay as they are. Services cannot be reached through this node any more, until something writes their rules again: TCP connections that exist go on until they end, UDP flows are deleted. ${EXITS}`,
    examples: [
      { line: 'svc2ipt cleanup', about: 'before a node leaves its cluster' },
      {
        line: 'svc2ipt cleanup --backend legacy',
        about: 'what is left in the other iptables after a change of backends',
      },
    ],
  }).action((options) => runAction(async () => (await import('./cleanup.ts')).cleanupAction(options)));
}
