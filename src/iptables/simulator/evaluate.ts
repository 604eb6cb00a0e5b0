/** Whether packets fit a rule. */
import type { Match } from '../types.ts';
import type { Flow } from './flow.ts';
import type { SimulatedNode } from './packet.ts';
import type { PreparedRule } from './prepare.ts';
import { lookUp } from './recent.ts';

/** What came of packets at a rule, before its target. Where chance decides, a packet is in both lists in part. */
export interface Sorted {
  readonly fitting: Flow[];
  /** Those that do not fit, or of which we cannot tell. */
  readonly others: Flow[];
  /** The first match that decided that a packet does not fit, or that does not allow to tell. */
  because: Match | undefined;
  /** Of some packet we cannot tell. */
  undecided: boolean;
}

/** Sends packets through a rule's matches. */
export function evaluate(rule: PreparedRule, flows: readonly Flow[], node: SimulatedNode): Sorted {
  const sorted: Sorted = { fitting: [], others: [], because: undefined, undecided: false };
  for (const flow of flows) sort(sorted, rule, flow, node);
  return sorted;
}

function sort(sorted: Sorted, { conditions }: PreparedRule, flow: Flow, node: SimulatedNode): void {
  let current = flow;
  let unclear: Match | undefined;
  for (const condition of conditions) {
    let fits: boolean | undefined;
    switch (condition.condition) {
      case 'test':
        fits = condition.test(current, node);
        break;
      case 'chance': {
        const { probability } = condition;
        fits = probability > 0;
        if (fits && probability < 1) {
          sorted.others.push({ ...current, probability: current.probability * (1 - probability) });
          current = { ...current, probability: current.probability * probability };
        }
        break;
      }
      case 'recent': {
        const found = lookUp(condition.recent, current, node);
        fits = found.fits;
        // Nobody knows whether a packet comes so far; the rule counts as one that has nothing to say.
        if (!unclear) current = found.flow;
        break;
      }
    }
    if (fits === false) {
      sorted.others.push(current);
      sorted.because ??= condition.match;
      return;
    }
    if (fits === undefined) unclear ??= condition.match;
  }
  if (unclear) {
    sorted.others.push(current);
    sorted.because ??= unclear;
    sorted.undecided = true;
  } else {
    sorted.fitting.push(current);
  }
}
