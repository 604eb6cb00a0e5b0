/** Rules as classes of packets meet them. */
import type { Family } from '../../net/address.ts';
import type { PreparedRule } from '../simulator/prepare.ts';
import type { ClassFlow } from './class-flow.ts';
import { type Here, recentEntry, recentSorter, type Sorter, sorterOf } from './questions.ts';

/** A rule, and what it asks in the order in which the kernel looks. */
export interface ClassRule {
  readonly rule: PreparedRule;
  readonly steps: readonly RuleStep[];
  /** Nothing comes of it that could be told apart: it counts, or writes to the log. */
  readonly idle: boolean;
}

type RuleStep =
  | { readonly step: 'sort'; readonly sorter: Sorter }
  | { readonly step: 'chance'; readonly probability: number }
  | {
      readonly step: 'recent';
      readonly recent: Extract<PreparedRule['conditions'][number], { condition: 'recent' }>['recent'];
    };

/** Prepares a rule. */
export function classRule(rule: PreparedRule, family: Family): ClassRule {
  const protocol = rule.rule.matches.find((match) => match.match === 'protocol')?.protocol;
  const steps = rule.conditions.map((condition) => stepOf(condition, family, protocol));
  const idle = rule.effect.effect === 'none' && steps.every(({ step }) => step !== 'recent');
  return { rule, steps, idle };
}

function stepOf(
  condition: PreparedRule['conditions'][number],
  family: Family,
  protocol: string | undefined,
): RuleStep {
  switch (condition.condition) {
    case 'chance':
      return { step: 'chance', probability: condition.probability };
    case 'recent':
      return { step: 'recent', recent: condition.recent };
    case 'test':
      return { step: 'sort', sorter: sorterOf(condition.match, family, protocol) };
  }
}

/** Those that fit one of a rule's matches; the others go on. */
export function takeStep(
  step: RuleStep,
  flow: ClassFlow,
  here: Here,
  others: ClassFlow[],
): readonly ClassFlow[] {
  switch (step.step) {
    case 'sort': {
      const { yes, no } = step.sorter(flow, here);
      for (const flow of no) others.push(flow);
      return yes;
    }
    case 'chance': {
      const { probability } = step;
      if (probability >= 1) return [flow];
      const chances = flow.chances + 1;
      others.push({ ...flow, chances, probability: flow.probability * (1 - probability) });
      return probability > 0 ? [{ ...flow, chances, probability: flow.probability * probability }] : [];
    }
    case 'recent': {
      const { recent } = step;
      if (recent.operation === 'set') {
        const remembered = remember(flow, recentEntry(recent, flow));
        if (!recent.negated) return [remembered];
        others.push(remembered);
        return [];
      }
      const sorted = recentSorter(recent, flow, here);
      const [yes, no] = recent.negated ? [sorted.no, sorted.yes] : [sorted.yes, sorted.no];
      others.push(...no);
      return recent.operation === 'update' && !recent.negated
        ? yes.map((flow) => remember(flow, recentEntry(recent, flow)))
        : yes;
    }
  }
}

/** Whether a rule can have any packet of a class, as far as is seen without splitting it. */
export function mayFit({ steps }: ClassRule, flow: ClassFlow, here: Here): boolean {
  return steps.every((step) => step.step !== 'sort' || step.sorter(flow, here).yes.length > 0);
}

function remember(flow: ClassFlow, entry: string): ClassFlow {
  return flow.recent.includes(entry) ? flow : { ...flow, recent: [...flow.recent, entry].sort() };
}
