/** A node's rules as text, to be looked at. */
import { run } from './command.ts';
import { explainFailure } from './host.ts';
import type { IptablesPrograms } from './programs.ts';

/** What iptables-save prints: the rules of all tables of a family. Rejects with a HostError where they may not be read. */
export async function savedText(host: IptablesPrograms): Promise<string> {
  const { stdout } = await run([host.save]).catch((error: unknown) => {
    throw explainFailure(error, host.save, host.family);
  });
  return stdout;
}
