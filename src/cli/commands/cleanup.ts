/**
 * `svc2ipt cleanup`: takes out of this node's kernel whatever svc2ipt or kube-proxy put there, and the UDP flows that it
 * redirected.
 */
import { Applier, type ApplyResult } from '../../applier/applier.ts';
import { hasRedirectedFlows } from '../../applier/conntrack.ts';
import { MissingError } from '../../applier/host.ts';
import { nodeKernel } from '../../applier/node-kernel.ts';
import { type Backend, type IptablesPrograms, iptablesPrograms } from '../../applier/programs.ts';
import { UdpFlows } from '../../applier/udp-flows.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import { FAMILIES } from '../../net/address.ts';
import { type CommandOutcome, warn } from '../run.ts';
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
      lines.push(await cleanUp(programs));
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

/**
 * Takes out what one iptables holds. TCP connections go on until they end; a UDP flow whose sender never pauses has no
 * end, and would keep going to a Pod that nothing watches over any more.
 */
async function cleanUp(programs: IptablesPrograms): Promise<string> {
  const { family } = programs;
  const flows = new UdpFlows(family, nodeKernel(programs));
  const redirected = await orReason(() => hasRedirectedFlows(family));
  // A cleanup reads as little as it can; which addresses were served, only all the rules tell.
  if (redirected === true) await flows.tables.read();
  const result = await new Applier(programs, flows.tables).cleanup();
  if (result.input.isEmpty) return describe(programs, result, 0);
  const deleted = redirected === true ? await orReason(() => flows.follow([])) : redirected;
  if (typeof deleted === 'string') warn(deleted);
  return describe(programs, result, typeof deleted === 'number' ? deleted : 0);
}

/** What comes of asking conntrack, or why nothing does: rules are taken out all the same. */
async function orReason<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return error.message;
  }
}

function describe(
  { family, backend }: IptablesPrograms,
  { tables, input }: ApplyResult,
  flowsDeleted: number,
): string {
  const name = `${family} (${backend})`;
  if (input.isEmpty) return `${name}: nothing of ours`;
  const chains = tables.reduce((sum, { removed }) => sum + removed.length, 0);
  const jumps = tables.reduce((sum, { jumpsRemoved }) => sum + jumpsRemoved, 0);
  const emptied = tables.flatMap(({ changed }) => changed);
  const kept =
    emptied.length === 0
      ? ''
      : `; emptied but kept, since rules of others lead into them: ${emptied.join(', ')}`;
  const flows = flowsDeleted > 0 ? `; ${flowsDeleted} UDP flows deleted` : '';
  return `${name}: ${chains} chains and ${jumps} jumps removed${flows}${kept}`;
}
