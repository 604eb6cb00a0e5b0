/** What becomes of a packet. */
import type { Verdict } from './effects.ts';
import { destinationOf } from './packet.ts';
import type { Stage } from './path.ts';
import type { PlacedRule } from './prepare.ts';
import type { Ended } from './walk.ts';

export interface Fate {
  /** All that may, each once. Their probabilities add up to 1. */
  readonly outcomes: readonly Outcome[];
  /**
   * The rules of which we cannot tell whether the packet fits, or what they do. What is said of the packet is what
   * becomes of it if they have nothing to say.
   */
  readonly unknown: readonly PlacedRule[];
  /** The tables that it comes to, in their order, where that was asked for. */
  readonly path?: readonly Stage[];
}

export interface Outcome {
  readonly probability: number;
  readonly verdict: Verdict;
  /** What REJECT answers, such as `icmp-port-unreachable`. */
  readonly rejectWith: string | undefined;
  /** Where DNAT has sent it: `address:port`, or an address where there are no ports. */
  readonly dnat: string | undefined;
  /** Its source becomes an address of the node, of the kernel's choice. */
  readonly masqueraded: boolean;
  /** What SNAT has made of its source: an address, or `address:port`. */
  readonly snat: string | undefined;
  /** In the end. */
  readonly mark: number;
  /** The lists of xt_recent that it was written into, sorted. */
  readonly recent: readonly string[];
}

/** The probability of each destination that DNAT may give a packet, whatever becomes of it there. */
export function dnatTargets({ outcomes }: Fate): ReadonlyMap<string, number> {
  const targets = new Map<string, number>();
  for (const { dnat, probability } of outcomes) {
    if (dnat !== undefined) targets.set(dnat, (targets.get(dnat) ?? 0) + probability);
  }
  return targets;
}

/** What packets have come to, each outcome once. */
export function outcomesOf(ended: readonly Ended[]): Outcome[] {
  const outcomes = new Map<string, Outcome>();
  for (const outcome of ended.map(outcomeOf)) {
    const { probability, recent, ...rest } = outcome;
    const key = JSON.stringify([rest, recent]);
    const same = outcomes.get(key);
    outcomes.set(key, same ? { ...same, probability: same.probability + probability } : outcome);
  }
  return [...outcomes.values()];
}

function outcomeOf({ flow, verdict, rejectWith }: Ended): Outcome {
  const { header, redirected, source, mark, recent, probability } = flow;
  return {
    probability,
    verdict,
    rejectWith,
    dnat: redirected ? destinationOf(header) : undefined,
    masqueraded: source === 'masquerade',
    snat: typeof source === 'object' ? source.to : undefined,
    mark,
    recent: [...new Set(recent.map(({ list }) => list))].sort(),
  };
}
