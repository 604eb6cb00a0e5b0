/** A packet's way through the chains of one table. */
import { OperationalError } from '../../errors/operational-error.ts';
import type { Verdict } from './effects.ts';
import { evaluate } from './evaluate.ts';
import { BEFORE_TRACKING, type Flow, mergeFlows, probabilityOf } from './flow.ts';
import type { SimulatedNode } from './packet.ts';
import type { Step } from './path.ts';
import type { PreparedChain, PreparedRule, PreparedRuleset } from './prepare.ts';
import { masquerade, redirect, translateSource } from './translate.ts';

export interface Walk {
  readonly ruleset: PreparedRuleset;
  readonly node: SimulatedNode;
  /** The packets whose way through the table has come to its end. */
  readonly ended: Ended[];
  /** The rules that would have had something to say, if only we knew whether. */
  readonly undecided: Set<PreparedRule>;
  /** What happened on the way, where that is recorded. */
  readonly steps: Step[] | undefined;
}

export interface Ended {
  readonly flow: Flow;
  readonly verdict: Verdict;
  readonly rejectWith: string | undefined;
}

/** Rules that no kernel takes: they lead to chains that there are not, or in a circle. */
export class RulesetError extends OperationalError {}

/** Deeper than any kernel lets chains lead into chains. */
export const TOO_DEEP = 512;

/**
 * Sends a packet through a chain, in all the forms that chance has made of it.
 * @returns what comes out at the end of the chain, or returns from it
 */
export function walkChain(walk: Walk, chain: PreparedChain, flows: Flow[], depth = 0): Flow[] {
  if (depth > TOO_DEEP) throw new RulesetError(`chains form a loop: ${chain.table} ${chain.name}`);
  const [first] = flows;
  if (!first) return [];
  // All have the same addresses: what changes them ends the way through the table.
  const rules = walk.steps ? chain.rules : chain.candidates(first.header);
  const returned: Flow[] = [];
  let here = flows;
  for (const rule of rules) {
    if (here.length === 0) break;
    here = mergeFlows(walkRule({ walk, rule, returned, depth }, here));
  }
  return returned.length === 0 ? here : mergeFlows([...returned, ...here]);
}

/** A rule that packets come to. */
interface Here {
  readonly walk: Walk;
  readonly rule: PreparedRule;
  /** The packets that have returned from the rule's chain so far. */
  readonly returned: Flow[];
  readonly depth: number;
}

/** Sends packets to a rule, and gives those that go on to the next one. */
function walkRule(here: Here, flows: readonly Flow[]): Flow[] {
  const { walk, rule, depth } = here;
  const { fitting, others, because, undecided } = evaluate(rule, flows, walk.node);
  const { effect } = rule.effect;
  const unknown = (undecided && effect !== 'none') || (fitting.length > 0 && effect === 'unknown');
  if (unknown) walk.undecided.add(rule);
  if (walk.steps) {
    const [comes, fits] = [probabilityOf(flows), probabilityOf(fitting)];
    const { table, chain, number, rule: written } = rule;
    walk.steps.push({ table, chain, number, rule: written, depth, comes, fits, because, undecided: unknown });
  }
  if (fitting.length === 0) return others;
  const passed = follow(here, fitting);
  return others.length === 0 ? passed : [...others, ...passed];
}

/** Does to packets what a rule's target says. Gives those that go on to the next rule. */
function follow({ walk, rule, returned, depth }: Here, flows: Flow[]): Flow[] {
  const { effect } = rule;
  const end = (flows: readonly Flow[], verdict: Verdict, rejectWith?: string): [] => {
    for (const flow of flows) walk.ended.push({ flow, verdict, rejectWith });
    return [];
  };
  const accept = (flows: readonly Flow[]) => end(flows, 'ACCEPT');
  switch (effect.effect) {
    case 'none':
    case 'unknown':
      return flows;
    case 'mark':
      return flows.map((flow) => ({ ...flow, mark: ((flow.mark & ~effect.mask) ^ effect.value) >>> 0 }));
    case 'notrack':
      // Where connection tracking has seen a packet before, as on the loopback interface, it is too late.
      return flows.map((flow) =>
        flow.states === BEFORE_TRACKING ? { ...flow, states: ['UNTRACKED'] } : flow,
      );
    case 'jump':
      return walkChain(walk, chainOf(walk.ruleset, rule, effect.chain), flows, depth + 1);
    case 'goto':
      returned.push(...walkChain(walk, chainOf(walk.ruleset, rule, effect.chain), flows, depth + 1));
      return [];
    case 'return':
      returned.push(...flows);
      return [];
    case 'verdict':
      return end(flows, effect.verdict, effect.rejectWith);
    case 'dnat':
      return accept(flows.map((flow) => redirect(flow, effect.to)));
    case 'snat':
      return accept(flows.map((flow) => translateSource(flow, effect.to)));
    case 'masquerade':
      return accept(flows.map(masquerade));
  }
}

/**
 * The chain that a rule leads to.
 * @throws RulesetError where there is none
 */
export function chainOf(
  ruleset: PreparedRuleset,
  { table, chain, number }: PreparedRule,
  name: string,
): PreparedChain {
  const found = ruleset.chain(table, name);
  if (!found) throw new RulesetError(`${table} ${chain}, rule ${number}: there is no chain ${name}`);
  return found;
}
