/** What becomes of packets on each way to a Service, by sending one. */

import { aboutOf } from '../chains/comments.ts';
import type { ServiceAddress } from '../chains/service-addresses.ts';
import { packetsLabel } from '../iptables/labels.ts';
import { dnatTargets, type Fate } from '../iptables/simulator/fate.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import type { Step } from '../iptables/simulator/path.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { type SpelledRule, spellPlaced } from '../iptables/spell.ts';
import type { Origin } from './origins.ts';
import { endOf, type Reason, reasonsOf, type Send } from './reasons.ts';

/** A way to a service port, and who fares alike on it. */
export interface WayIn {
  readonly to: ServiceAddress;
  readonly from: readonly string[];
  /** One that was sent, from the first of them. */
  readonly packet: Packet;
  readonly becomes: Becomes;
  /** The rules that cannot be decided; what is told is so if they do nothing. */
  readonly unknown: readonly SpelledRule[];
}

export interface Becomes {
  /** `through` goes on without that any rule has rewritten it. */
  readonly verdict: 'endpoints' | 'REJECT' | 'DROP' | 'through';
  readonly rejectWith: string | undefined;
  /** The service port whose rules take it, as rules print it: another has it where both have the same address. */
  readonly takenBy: string | undefined;
  /** The share of each endpoint. */
  readonly shares: ReadonlyMap<string, number>;
  /** In how many cases it is masqueraded, 0 to 1, and by which rule. */
  readonly masqueraded: number;
  readonly masqueradedBy: MarkingRule | undefined;
  /** The chains on the way to where its endpoint is chosen, or to its end; without built-in ones. */
  readonly chains: readonly string[];
  /** The rule that refuses or drops it; undefined where a policy does. */
  readonly endedBy: SpelledRule | undefined;
  /** How many of its packets get to an endpoint, and are dropped or refused on the way there: 0 to 1. */
  readonly lost: number;
  /** No rule rewrites it, and its destination is an address of the node. */
  readonly staysHere: boolean;
  /** Why not all of it gets to an endpoint; what decides most comes first. */
  readonly reasons: readonly Reason[];
}

export interface MarkingRule extends SpelledRule {
  /** Which packets it takes; empty where it takes all. */
  readonly packets: string;
}

/**
 * Sends a packet from each origin to an address, and puts those together that fare alike.
 * @param at the address for packets; that of the node for a node port
 */
export function waysTo(
  to: ServiceAddress,
  at: string,
  origins: readonly Origin[],
  ruleset: PreparedRuleset,
  node: SimulatedNode,
): WayIn[] {
  const ways = new Map<string, WayIn>();
  for (const { name, packet } of origins) {
    const { protocol, port } = to;
    const asked = { ...packet, destination: at, protocol, destinationPort: port };
    const send: Send = (rules, arrives) =>
      simulate(rules, arrives ? { ...asked, arrives } : asked, node, { record: true });
    const fate = send(ruleset);
    const becomes = becomesOf(fate, ruleset, reasonsOf(fate, ruleset, send), node.isLocal(at) === true);
    const unknown = fate.unknown.map((rule) => spellPlaced(rule, ruleset.family));
    const key = JSON.stringify([{ ...becomes, shares: [...becomes.shares] }, unknown]);
    const same = ways.get(key);
    ways.set(
      key,
      same ? { ...same, from: [...same.from, name] } : { to, from: [name], packet: asked, becomes, unknown },
    );
  }
  const told = [...ways.values()];
  return told.length === 1 ? told.map((way) => ({ ...way, from: ['anybody'] })) : told;
}

function becomesOf(
  fate: Fate,
  { family }: PreparedRuleset,
  reasons: readonly Reason[],
  isLocal: boolean,
): Becomes {
  const shares = dnatTargets(fate);
  const lost = fate.outcomes.filter(({ verdict }) => verdict !== 'ACCEPT');
  const ended = lost.length === fate.outcomes.length ? lost[0] : undefined;
  const steps = (fate.path ?? []).flatMap(({ steps }) => steps);
  const end = ended && endOf(steps, ended.verdict);
  const nat = (fate.path ?? []).find(({ table, chain }) => table === 'nat' && chain !== 'POSTROUTING');
  const way = end ? steps : (nat?.steps ?? []);
  const decisive = end ?? (shares.size > 0 ? decisiveStep(way) : undefined);
  const masqueraded = fate.outcomes.reduce(
    (sum, outcome) => sum + (outcome.masqueraded ? outcome.probability : 0),
    0,
  );
  const marking = masqueraded > 0 ? markingStep(steps) : undefined;
  return {
    verdict: ended
      ? ended.verdict === 'REJECT'
        ? 'REJECT'
        : 'DROP'
      : shares.size > 0
        ? 'endpoints'
        : 'through',
    rejectWith: ended?.rejectWith,
    takenBy: takenBy(end ? [end] : way),
    shares,
    masqueraded,
    masqueradedBy: marking && {
      ...spellPlaced(marking, family),
      packets: packetsLabel(marking.rule.matches, true),
    },
    chains: decisive ? chainsTo(decisive, way) : [],
    endedBy: end && spellPlaced(end, family),
    lost: lost.reduce((sum, { probability }) => sum + probability, 0),
    staysHere: isLocal && !ended && shares.size === 0,
    reasons,
  };
}

/** Where several service ports have an address, packets that fall out of the chains of one go on to the next. */
function takenBy(steps: readonly Step[]): string | undefined {
  const about = steps.flatMap(({ fits, rule }) => (fits > 0 ? (aboutOf(rule) ?? []) : []));
  return about.at(-1)?.servicePort;
}

/** Where chance decides for the first time, or else the last rule that says anything. */
function decisiveStep(steps: readonly Step[]): Step | undefined {
  return steps.find(({ fits, comes }) => 0 < fits && fits < comes) ?? steps.findLast(({ fits }) => fits > 0);
}

/** The rule that leads to where the mark for masquerading is set. */
function markingStep(steps: readonly Step[]): Step | undefined {
  const set = steps.findIndex(
    ({ fits, rule: { target } }) => fits > 0 && target?.target === 'MARK' && target.mask !== 0,
  );
  const marks = steps[set];
  if (!marks) return undefined;
  return steps.slice(0, set).findLast(({ depth, fits }) => fits > 0 && depth === marks.depth - 1) ?? marks;
}

/** The chains by which a packet comes to a rule, that of the rule last. */
function chainsTo(last: Step, steps: readonly Step[]): string[] {
  const chains: string[] = [];
  let depth = last.depth;
  for (let i = steps.indexOf(last); i >= 0 && depth > 0; i--) {
    const step = steps[i];
    if (step?.depth !== depth || step.fits === 0) continue;
    chains.unshift(step.chain);
    depth--;
  }
  return chains;
}
