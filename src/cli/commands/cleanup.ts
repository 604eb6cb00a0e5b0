/** `svc2ipt cleanup`: takes out of this node's kernel whatever svc2ipt or kube-proxy put there. */
import { Applier, type ApplyResult } from '../../applier/applier.ts';
import { MissingError } from '../../applier/host.ts';
import { type Backend, type IptablesPrograms, iptablesPrograms } from '../../applier/programs.ts';
import { FAMILIES } from '../../net/address.ts';
import type { CommandOutcome } from '../run.ts';
import type { CleanupCommandOptions } from './cleanup.command.ts';

export async function cleanupAction({ backend }: CleanupCommandOptions): Promise<CommandOutcome> {
  const backends: readonly Backend[] = backend ? [backend] : ['nft', 'legacy'];
  const lines: string[] = [];
  const missing: MissingError[] = [];
  // One after the other: both backends are of one machine.
  for (const programs of backends.flatMap((name) =>
    FAMILIES.map((family) => iptablesPrograms(family, name)),
  )) {
    try {
      lines.push(describe(programs, await new Applier(programs).cleanup()));
    } catch (error) {
      if (!(error instanceof MissingError)) throw error;
      missing.push(error);
    }
  }
  // What is not installed, or not in the kernel, holds nothing; but if that is all of it, something else is wrong.
  const [problem] = missing;
  if (lines.length === 0 && problem) throw problem;
  return { output: `${lines.join('\n')}\n` };
}

function describe({ family, backend }: IptablesPrograms, { tables, input }: ApplyResult): string {
  const name = `${family} (${backend})`;
  if (input.isEmpty) return `${name}: nothing of ours`;
  const chains = tables.reduce((sum, { removed }) => sum + removed.length, 0);
  const jumps = tables.reduce((sum, { jumpsRemoved }) => sum + jumpsRemoved, 0);
  const emptied = tables.flatMap(({ changed }) => changed);
  const kept =
    emptied.length === 0
      ? ''
      : `; emptied but kept, since rules of others lead into them: ${emptied.join(', ')}`;
  return `${name}: ${chains} chains and ${jumps} jumps removed${kept}`;
}
