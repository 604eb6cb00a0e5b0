/** The path of a packet, for people to read: which rules it came to, and what each had to say. */
import { sameList } from '../compare.ts';
import type { Match, TableName } from '../types.ts';
import type { Flow } from './flow.ts';
import { destinationOf } from './packet.ts';
import type { PlacedRule } from './prepare.ts';

/**
 * The way through one table, from one of its built-in chains. Packets that chance sent to different destinations have
 * one in common while they come to the same rules and each says the same.
 */
export interface Stage {
  readonly table: TableName;
  /** The built-in chain. */
  readonly chain: string;
  readonly packets: readonly StagePacket[];
  /** Of one of these packets; each rule before those of the chain that it leads to. */
  readonly steps: readonly Step[];
  /** What becomes of a packet at the end of the chain, where one came there. */
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
}

/** A packet as it comes to a table. */
export interface StagePacket {
  /** `address:port`, or the address of a packet without ports. */
  readonly destination: string;
  readonly mark: number;
  /** How probable it is that it comes here. */
  readonly probability: number;
}

/** What came of a packet at a rule. */
export interface Step extends PlacedRule {
  /** How many chains below the built-in one the rule stands. */
  readonly depth: number;
  /** How probable it is that a packet of this stage comes to the rule, and that it fits. */
  readonly comes: number;
  readonly fits: number;
  /** Why it does not fit, or why that cannot be told: the first match that says so. */
  readonly because: Match | undefined;
  /** Whether it fits, or what the target does, cannot be told. It goes on to the next rule. */
  readonly undecided: boolean;
}

/** A packet that comes to a table. */
export function stagePacket({ header, mark, probability }: Flow): StagePacket {
  return { destination: destinationOf(header), mark, probability };
}

/** Puts packets together that have their way through a table in common. */
export function mergeStages(stages: readonly Stage[]): Stage[] {
  const merged: Stage[] = [];
  for (const stage of stages) {
    const same = merged.findIndex((other) => isSameWay(stage, other));
    const other = merged[same];
    if (other) merged[same] = { ...other, packets: [...other.packets, ...stage.packets] };
    else merged.push(stage);
  }
  return merged;
}

function isSameWay(a: Stage, b: Stage): boolean {
  const isSame = a.table === b.table && a.chain === b.chain && a.policy === b.policy;
  return isSame && sameList(a.steps, b.steps, isSameStep);
}

function isSameStep(a: Step, b: Step): boolean {
  return (
    a.rule === b.rule &&
    a.depth === b.depth &&
    a.comes === b.comes &&
    a.fits === b.fits &&
    a.because === b.because
  );
}
