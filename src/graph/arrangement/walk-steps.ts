/** A packet's way through the chains of a picture, step by step. Part of the page. */

/** What a packet comes to. */
export interface WalkStep {
  readonly table: string;
  readonly chain: string;
  /** Of the rule in its chain, from 1; undefined of what concerns the chain: its policy, rules that are left out. */
  readonly number: number | undefined;
  /** Whether the packet matches; by chance if only part of those that come do. */
  readonly answer: 'yes' | 'no' | 'chance' | 'unknown';
  /** How probable it is that the packet comes here, and that it matches, of all ways that it may go: from 0 to 1. */
  readonly comes: number;
  readonly fits: number;
  /** Why, in words. */
  readonly reason: string;
}

/** The way through one table, as a trace tells it. */
export interface WalkStage {
  readonly table: string;
  /** The built-in chain. */
  readonly chain: string;
  readonly packets: readonly { readonly probability: number }[];
  readonly lines: readonly WalkLine[];
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
}

/** A rule, or several that are left out. Probabilities are of the packets of the stage. */
export type WalkLine =
  | (Omit<WalkStep, 'table' | 'number'> & { readonly number: number })
  | { readonly chain: string; readonly rest: 'no-match' | 'share'; readonly rules: number };

/** The steps of all stages, in order: of each rule before those of the chain that it leads to. */
export function walkSteps(stages: readonly WalkStage[]): WalkStep[] {
  return stages.flatMap(({ table, chain, packets, lines, policy }) => {
    const share = packets.reduce((sum, { probability }) => sum + probability, 0);
    const steps = lines.map((line): WalkStep => {
      if ('rest' in line) {
        const matching = line.rest === 'share';
        const reason = matching
          ? 'each with its share'
          : line.rules === 1
            ? 'does not match'
            : 'do not match';
        const rules = `${line.rules} ${matching ? 'more ' : ''}${line.rules === 1 ? 'rule' : 'rules'}`;
        const answer = matching ? 'chance' : 'no';
        return {
          table,
          chain: line.chain,
          number: undefined,
          answer,
          comes: share,
          fits: 0,
          reason: `${rules}: ${reason}`,
        };
      }
      const { number, answer, reason } = line;
      return {
        table,
        chain: line.chain,
        number,
        answer,
        comes: line.comes * share,
        fits: line.fits * share,
        reason,
      };
    });
    if (policy === undefined) return steps;
    const reason = `end of the chain: policy ${policy}`;
    return [...steps, { table, chain, number: undefined, answer: 'yes', comes: share, fits: share, reason }];
  });
}
