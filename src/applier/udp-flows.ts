/** UDP flows from one set of rules to the next, so that none stays behind. */
import { addressesIn, type EntryRule, entriesOf } from '../chains/service-addresses.ts';
import { parseRule } from '../iptables/parse.ts';
import { targetOf } from '../iptables/saved-text.ts';
import type { Family, Rule } from '../iptables/types.ts';
import type { UdpAddress, UdpDestination } from '../net/flows.ts';
import { type Destinations, keyOf } from './conntrack.ts';
import type { SavedTables } from './kernel.ts';
import type { KernelTables } from './tables.ts';

/** What flows follow, and how they are made to. */
export interface FlowKernel {
  readonly tables: KernelTables;
  /** See `deleteStaleFlows`. */
  deleteStaleFlows(destinations: Destinations): Promise<number>;
}

/**
 * Remembers which UDP destinations have been served since flows were looked at last, by us or by whoever wrote the
 * rules that were read, and deletes the flows of those that are served no longer. What fails stays remembered.
 */
export class UdpFlows {
  /** The kernel's tables: what is read of them tells what has been served. */
  readonly tables: KernelTables;
  readonly #kernel: FlowKernel;
  readonly #served = new Map<string, UdpAddress>();
  /** The list that has been remembered last. */
  #expected: readonly UdpDestination[] | undefined;
  /** Something may have become stale. */
  #due = false;

  constructor(family: Family, kernel: FlowKernel) {
    const { tables } = kernel;
    this.#kernel = kernel;
    this.tables = {
      read: async (givenUp) => {
        const saved = await tables.read(givenUp);
        for (const address of udpAddressesIn(saved, family)) this.#remember(address);
        return saved;
      },
      list: (chains) => tables.list(chains),
      glance: () => tables.glance(),
      restore: (input, wanted) => tables.restore(input, wanted),
    };
  }

  /**
   * Before rules are written: some of them may be in the kernel, and flows begin, though the rest fails.
   * @param destinations where the rules send UDP; the same list means the same destinations
   */
  expect(destinations: readonly UdpDestination[]): void {
    if (destinations === this.#expected) return;
    this.#expected = destinations;
    this.#due = true;
    for (const { address, port } of destinations) this.#remember({ address, port });
  }

  /**
   * After rules were written: deletes the flows that go elsewhere than they lead. Looks at connection tracking only
   * where destinations are others than when it did so last, or where that failed.
   * @param destinations as they were expected last
   * @returns how many flows were deleted
   * @throws as `deleteStaleFlows`; the next call then tries again
   */
  async follow(destinations: readonly UdpDestination[]): Promise<number> {
    this.expect(destinations);
    if (!this.#due) return 0;
    const current = new Set(destinations.map(keyOf));
    const former = [...this.#served].flatMap(([key, address]) => (current.has(key) ? [] : [address]));
    const deleted = await this.#kernel.deleteStaleFlows({ current: destinations, former });
    for (const address of former) this.#served.delete(keyOf(address));
    this.#due = false;
    return deleted;
  }

  #remember(address: UdpAddress): void {
    const key = keyOf(address);
    if (this.#served.has(key)) return;
    this.#served.set(key, address);
    this.#due = true;
  }
}

/**
 * The addresses and ports whose UDP the rules redirect or refuse: ours or kube-proxy's, in either layout. Only the
 * rules that say so are parsed.
 */
export function udpAddressesIn(saved: SavedTables, family: Family): UdpAddress[] {
  const lines = entriesOf((table, chain) => saved.get(table)?.get(chain)?.lines ?? [], targetOf);
  const rules = lines.flatMap(({ table, root, rule: line }): EntryRule<Rule>[] =>
    line.includes(' -p udp ') ? [{ table, root, rule: parseRule(line, family) }] : [],
  );
  return addressesIn(rules).flatMap(({ protocol, address, port }) =>
    protocol === 'udp' ? [{ address, port }] : [],
  );
}
