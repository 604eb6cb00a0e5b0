/** A packet's way through the rules of a node, for people to read. */
import type { Fate, Outcome } from '../iptables/simulator/fate.ts';
import type { Packet, SimulatedNode } from '../iptables/simulator/packet.ts';
import type { Stage, StagePacket, Step } from '../iptables/simulator/path.ts';
import type { PlacedRule, PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { simulate } from '../iptables/simulator/simulate.ts';
import { type SpelledRule, spellPlaced } from '../iptables/spell.ts';
import type { Family, TableName } from '../iptables/types.ts';
import { fold } from './fold.ts';
import { type PacketThere, reasonOf } from './reasons.ts';
import { sentenceOf } from './sentence.ts';

export interface Trace {
  readonly outcomes: readonly Outcome[];
  /** What becomes of the packet, in one sentence. */
  readonly sentence: string;
  /** What else is worth knowing of it: whose addresses it has, who answers whom. */
  readonly remarks: readonly string[];
  /** The rules of which we cannot tell what they do to it; the outcomes are those if they do nothing. */
  readonly unknown: readonly UndecidedRule[];
  readonly stages: readonly TraceStage[];
}

/** A rule of which we cannot tell what it does, and what would decide it. */
export interface UndecidedRule extends SpelledRule {
  readonly missing: string;
}

/** The way through one table. */
export interface TraceStage {
  readonly table: TableName;
  /** The built-in chain. */
  readonly chain: string;
  readonly packets: readonly StagePacket[];
  readonly lines: readonly TraceLine[];
  /** What becomes of packets at the end of the chain, where any come there. */
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
}

export type TraceLine = TraceStep | TraceRest;

/** A rule that packets came to. */
export interface TraceStep extends SpelledRule {
  readonly depth: number;
  /** Whether the packet fits; by chance if only part of those that come do. */
  readonly answer: 'yes' | 'no' | 'chance' | 'unknown';
  /** How probable it is that a packet of this stage comes to the rule, and that it fits. */
  readonly comes: number;
  readonly fits: number;
  readonly reason: string;
}

/** Rules that are left out: none of them fits, or each takes its share of the packets. */
export interface TraceRest {
  readonly chain: string;
  readonly depth: number;
  readonly rest: 'no-match' | 'share';
  readonly rules: number;
}

/**
 * Sends a packet through a ruleset and tells what each rule had to say.
 * @param all every rule that it comes to; unless given, those that say something about it
 * @throws RangeError and RulesetError as `simulate` does
 */
export function tracePacket(
  ruleset: PreparedRuleset,
  packet: Packet,
  node: SimulatedNode,
  {
    all = false,
    remark = () => [],
  }: {
    readonly all?: boolean;
    /** What there is to say of the packet besides what the rules do to it. */
    readonly remark?: (outcomes: readonly Outcome[]) => readonly string[];
  } = {},
): Trace {
  const fate = simulate(ruleset, packet, node, { record: true });
  const { family } = ruleset;
  return {
    outcomes: fate.outcomes.toSorted(byShare),
    sentence: sentenceOf(fate, packet),
    remarks: remark(fate.outcomes),
    unknown: fate.unknown.map((rule) => ({
      ...spellPlaced(rule, family),
      missing: missingFor(rule, fate, packet, family),
    })),
    stages: stagesOf(fate).map((stage) => traceStage(stage, packet, family, all)),
  };
}

function missingFor(rule: PlacedRule, fate: Fate, packet: Packet, family: Family): string {
  for (const stage of fate.path ?? []) {
    const step = stage.steps.find(
      ({ table, chain, number, undecided }) =>
        undecided && table === rule.table && chain === rule.chain && number === rule.number,
    );
    if (step) return reasonOf(step, packetIn(stage, packet, family));
  }
  return '';
}

/** What the kernel's fractions are off by does not count. */
const SAME_SHARE = 1e-9;

/** The most probable first, then by where it goes. */
function byShare(a: Outcome, b: Outcome): number {
  if (Math.abs(a.probability - b.probability) > SAME_SHARE) return b.probability - a.probability;
  const [left, right] = [a.dnat ?? '', b.dnat ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Tables without rules that a packet comes to say nothing. */
function stagesOf({ path = [] }: Fate): Stage[] {
  return path.filter(({ steps, policy }) => steps.length > 0 || policy === 'DROP');
}

function traceStage(stage: Stage, packet: Packet, family: Family, all: boolean): TraceStage {
  const { table, chain, packets, steps, policy } = stage;
  const there = packetIn(stage, packet, family);
  const marks = marksAt(steps, packets);
  const lines = fold(steps, there, all).map((folded): TraceLine => {
    if (!('step' in folded)) return folded;
    const { step } = folded;
    const { depth, comes, fits } = step;
    const reason = reasonOf(step, { ...there, mark: marks.get(step) });
    return { ...spellPlaced(step, family), depth, answer: answerOf(step), comes, fits, reason };
  });
  return { table, chain, packets, lines, policy };
}

function answerOf({ comes, fits, undecided }: Step): TraceStep['answer'] {
  if (undecided) return 'unknown';
  if (fits === 0) return 'no';
  return fits < comes ? 'chance' : 'yes';
}

/** The packet as it comes to a table: DNAT may have changed where it goes. */
function packetIn({ packets: [first] }: Stage, packet: Packet, family: Family): PacketThere {
  const { source, protocol, destinationPort } = packet;
  const destination = first?.destination ?? packet.destination;
  const [, address = destination, port] =
    (destinationPort === undefined ? undefined : /^\[?(.*?)\]?:(\d+)$/.exec(destination)) ?? [];
  return {
    family,
    source,
    destination: address,
    protocol,
    destinationPort: port === undefined ? undefined : Number(port),
    mark: undefined,
  };
}

/** The mark that all packets have when they come to each rule, where they all have the same. */
function marksAt(
  steps: readonly Step[],
  packets: readonly StagePacket[],
): ReadonlyMap<Step, number | undefined> {
  const marks = new Map<Step, number | undefined>();
  let mark = new Set(packets.map((packet) => packet.mark)).size === 1 ? packets[0]?.mark : undefined;
  for (const step of steps) {
    marks.set(step, mark);
    const { target } = step.rule;
    if (step.fits === 0) continue;
    if (target?.target === 'MARK') {
      mark = mark === undefined || step.fits < 1 ? undefined : ((mark & ~target.mask) ^ target.value) >>> 0;
    } else if (target?.target === 'unknown') {
      mark = undefined;
    }
  }
  return marks;
}
