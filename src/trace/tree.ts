/** Steps of a packet, with those in the chain that a rule leads to below it. */
import type { Step } from '../iptables/simulator/path.ts';

export interface StepTree {
  readonly step: Step;
  readonly below: readonly StepTree[];
}

/** @param steps each rule before those of the chain that it leads to */
export function stepTree(steps: readonly Step[]): StepTree[] {
  const roots: StepTree[] = [];
  /** Where the next step of each depth belongs. */
  const open: StepTree[][] = [roots];
  for (const step of steps) {
    const below: StepTree[] = [];
    open[step.depth]?.push({ step, below });
    open[step.depth + 1] = below;
    open.length = step.depth + 2;
  }
  return roots;
}
