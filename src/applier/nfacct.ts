/** The kernel's named counters (nfnetlink_acct), by which kube-proxy's rules count packets: `-m nfacct`. */
import { CommandError } from '../errors/command-error.ts';
import { run } from './command.ts';

/** Those that kube-proxy v1.36 has, by the names that its rules use. */
export const NFACCT_OBJECTS = ['ct_state_invalid_dropped_pkts', 'localhost_nps_accepted_pkts'] as const;

/** How many packets each object has counted in this network namespace; nothing where there is no nfacct. */
export async function countedPackets(): Promise<ReadonlyMap<string, number>> {
  try {
    return await readObjects();
  } catch (error) {
    if (error instanceof CommandError) return new Map();
    throw error;
  }
}

/** Whether all objects exist. */
export async function hasNfacct(): Promise<boolean> {
  const objects = await countedPackets();
  return NFACCT_OBJECTS.every((name) => objects.has(name));
}

/**
 * Makes the objects that are not there yet. Does nothing where there is no nfacct: rules do without.
 * @returns whether all exist now; what went wrong, and what that means, for people
 */
export async function createNfacct(): Promise<{
  readonly exist: boolean;
  readonly warnings: readonly string[];
}> {
  try {
    const objects = await readObjects();
    for (const name of NFACCT_OBJECTS) if (!objects.has(name)) await run(['nfacct', 'add', name]);
    return { exist: true, warnings: [] };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const warnings =
      error.code === 'ENOENT' ? [] : [`rules count no packets, as nfacct fails: ${error.message}`];
    return { exist: false, warnings };
  }
}

async function readObjects(): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await run(['nfacct', 'list']);
  return parseNfacct(stdout);
}

/** Parses the output of `nfacct list`: `{ pkts = 00042, bytes = 04711 } = name;` on each line. */
export function parseNfacct(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/^\{ pkts = (\d+), bytes = \d+ .*\} = (\S+);$/gm)].map(([, packets, name = '']) => [
      name,
      Number(packets),
    ]),
  );
}
