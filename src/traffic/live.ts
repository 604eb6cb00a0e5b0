/** Readings of a kernel, again and again. */
import { ParseError } from '../iptables/saved-text.ts';
import type { Family } from '../iptables/types.ts';
import { type CountedRules, readCountedRules, type SavedRules } from './counted-rules.ts';
import type { PlacedChain } from './service-rules.ts';
import { type CounterReading, chainsFor, type Details, type Traffic } from './traffic.ts';

/** A kernel whose rules count. */
export interface CountingKernel {
  /** All rules, family by family, as `iptables-save --counters` prints them, and which program did. */
  texts(): Promise<readonly { readonly family: Family; readonly name: string; readonly text: string }[]>;
  /**
   * How many packets the rules of some chains have counted, chain by chain; undefined where that cannot be read alone, or
   * any rule may have changed since {@link texts}.
   */
  packets(family: Family, chains: readonly PlacedChain[]): readonly (readonly number[])[] | undefined;
}

/** Reads a kernel for a {@link Traffic}: all of it where rules have changed, else only what is asked for. */
export class LiveReadings {
  readonly #kernel: CountingKernel;
  readonly #traffic: Traffic;
  #known: readonly SavedRules[] = [];

  constructor(kernel: CountingKernel, traffic: Traffic) {
    this.#kernel = kernel;
    this.#traffic = traffic;
  }

  /**
   * Reads what there is to know for some details, and has the traffic take it.
   * @param details of which service ports endpoints and masquerading are read
   * @throws ParseError where what is printed are no rules; what the kernel's reading throws
   */
  async read(details: () => Details): Promise<void> {
    const reading = (this.#known.length > 0 ? this.#part(details()) : undefined) ?? (await this.#whole());
    this.#traffic.take(reading, details);
  }

  #part(details: Details): CounterReading | undefined {
    const rules: CountedRules[] = [];
    const at = now();
    for (const known of this.#known) {
      const chains = chainsFor(this.#traffic.rulesOf(known), details);
      const read = this.#kernel.packets(known.family, chains);
      const packets = read && packetsIn(known, chains, read);
      if (!packets) return undefined;
      rules.push({ rules: known, packets });
    }
    return { at, rules };
  }

  async #whole(): Promise<CounterReading> {
    const texts = await this.#kernel.texts();
    const at = now();
    const rules = texts.map(({ family, name, text }) => {
      const former = this.#known.find((known) => known.family === family);
      try {
        return readCountedRules(text, family, former);
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
        throw new ParseError(error.line, `${name}: ${error.message}`);
      }
    });
    this.#known = rules.map((counted) => counted.rules);
    return { at, rules };
  }
}

/** In milliseconds since 1970, by a clock that nobody sets. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** What was read of some chains, by the indexes of their rules; undefined where a chain has more or fewer than are known. */
function packetsIn(
  rules: SavedRules,
  chains: readonly PlacedChain[],
  read: readonly (readonly number[])[],
): Float64Array | undefined {
  const packets = new Float64Array(rules.count).fill(Number.NaN);
  for (const [i, { table, name }] of chains.entries()) {
    const indexes = rules.chain(table, name)?.indexes ?? [];
    const counted = read[i] ?? [];
    if (counted.length !== indexes.length) return undefined;
    for (const [place, index] of indexes.entries()) packets[index] = counted[place] ?? Number.NaN;
  }
  return packets;
}
