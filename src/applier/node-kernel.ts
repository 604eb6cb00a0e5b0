/** A node's kernel in one family: its tables, and what must follow rules once they are there. */
import type { UdpDestination } from '../net/flows.ts';
import { deleteStaleFlows } from './conntrack.ts';
import { HostError } from './host.ts';
import type { SavedTables } from './kernel.ts';
import type { IptablesPrograms } from './programs.ts';
import { allowLocalnetRouting } from './sysctl.ts';
import { kernelTables } from './tables.ts';
import type { FlowKernel, UdpFlows } from './udp-flows.ts';
import { type KernelWatch, UNWATCHED } from './watch/kernel-watch.ts';

export interface NodeKernel extends FlowKernel {
  /** Who else changes its tables. */
  readonly watch: KernelWatch;
  /** See {@link allowLocalnetRouting}. */
  allowLocalnetRouting(): Promise<void>;
}

/** This node's kernel, in this network namespace. */
export function nodeKernel(host: IptablesPrograms, watch: KernelWatch = UNWATCHED): NodeKernel {
  return {
    tables: kernelTables(host, watch),
    watch,
    deleteStaleFlows: (destinations) => deleteStaleFlows(host.family, destinations),
    allowLocalnetRouting,
  };
}

/** Begins to read a kernel's tables: that is what its first reader gets, and whatever its watch tells of has happened since. */
export function beginReading(kernel: NodeKernel): NodeKernel {
  const { tables, watch } = kernel;
  // What others did until now, the reading finds.
  watch.doubt();
  let begun: Promise<SavedTables> | undefined = tables.read();
  begun.catch(() => {});
  return {
    ...kernel,
    tables: {
      ...tables,
      read: (givenUp) => {
        const first = begun;
        begun = undefined;
        return first ?? tables.read(givenUp);
      },
    },
  };
}

/** What the rules that were written ask for beside themselves. */
export interface RulesFollowed {
  /** Node ports answer on 127.0.0.0/8, and the rule that closes it to the network is there. */
  readonly localhostNodePorts: boolean;
  /** Where the rules send UDP. */
  readonly udpDestinations: readonly UdpDestination[];
}

export interface Followed {
  /** UDP flows that were deleted, since they went where no rule sends them any more. */
  readonly flowsDeleted: number;
  /** How many milliseconds the look at them took. */
  readonly flowsMilliseconds: number;
  /** Why flows stay where they are, and what to do about it, for people. */
  readonly warning: string | undefined;
}

/**
 * Does what follows rules, and only once they are in the kernel: before, 127.0.0.0/8 would be open to the network, and
 * the next packet of a deleted flow would go where the old rules lead.
 * @param flows that expected the destinations before the rules were written
 * @throws HostError where a sysctl is refused that node ports on localhost depend on; OperationalError where flows
 *   cannot be deleted: the next time that rules are followed, that is tried again
 */
export async function followRules(
  kernel: NodeKernel,
  flows: UdpFlows,
  { localhostNodePorts, udpDestinations }: RulesFollowed,
): Promise<Followed> {
  if (localhostNodePorts) await kernel.allowLocalnetRouting();
  const start = performance.now();
  const followed = (flowsDeleted: number, warning?: string): Followed => ({
    flowsDeleted,
    flowsMilliseconds: performance.now() - start,
    warning,
  });
  try {
    return followed(await flows.follow(udpDestinations));
  } catch (error) {
    // Without conntrack, rules are right all the same.
    if (!(error instanceof HostError)) throw error;
    return followed(0, error.message);
  }
}
