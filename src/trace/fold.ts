/** Which of the rules that a packet came to are worth a line. */
import type { Step } from '../iptables/simulator/path.ts';
import type { PacketThere } from './reasons.ts';
import { type StepTree, stepTree } from './tree.ts';

export type Folded =
  | { readonly step: Step }
  /** Rules one after the other that are not shown: none of them fits, or each takes its share of the packets. */
  | {
      readonly rest: 'no-match' | 'share';
      readonly rules: number;
      readonly chain: string;
      readonly depth: number;
    };

/** So many rules that do not fit take no more room than a line that says that they do not. */
const FEW_WITHOUT_MATCH = 3;

/** So many endpoints are shown of a chain that chooses among more than {@link FEW_SHARES}. */
const SHOWN_SHARES = 2;
const FEW_SHARES = 4;

/**
 * Leaves out rules that look at other packets than this one, and what only repeats itself.
 * @param all leave nothing out
 */
export function fold(steps: readonly Step[], packet: PacketThere, all: boolean): Folded[] {
  if (all) return steps.map((step) => ({ step }));
  return foldChain(stepTree(steps), packet);
}

function foldChain(trees: readonly StepTree[], packet: PacketThere): Folded[] {
  return runs(trees, packet).flatMap(({ kind, trees }) => {
    if (kind === 'no-match' && trees.length > FEW_WITHOUT_MATCH) return rest(kind, trees);
    if (kind === 'share' && trees.length > FEW_SHARES) {
      return [...show(trees.slice(0, SHOWN_SHARES), packet), ...rest(kind, trees.slice(SHOWN_SHARES))];
    }
    return show(trees, packet);
  });
}

function show(trees: readonly StepTree[], packet: PacketThere): Folded[] {
  return trees.flatMap(({ step, below }): Folded[] => [{ step }, ...foldChain(below, packet)]);
}

function rest(kind: 'no-match' | 'share', trees: readonly StepTree[]): Folded[] {
  const [first] = trees;
  return first ? [{ rest: kind, rules: trees.length, chain: first.step.chain, depth: first.step.depth }] : [];
}

type Kind = 'shown' | 'no-match' | 'share';

/** Neighbours of one kind together. */
function runs(trees: readonly StepTree[], packet: PacketThere): { kind: Kind; trees: StepTree[] }[] {
  const runs: { kind: Kind; trees: StepTree[] }[] = [];
  for (const tree of trees) {
    const last = runs.at(-1);
    const kind = kindOf(tree.step, packet, last?.kind);
    if (last?.kind === kind) last.trees.push(tree);
    else runs.push({ kind, trees: [tree] });
  }
  return runs;
}

function kindOf(step: Step, packet: PacketThere, before: Kind | undefined): Kind {
  const { fits, comes, undecided } = step;
  if (undecided) return 'shown';
  if (fits === 0) return isAbout(step, packet) ? 'shown' : 'no-match';
  // Of those that choose one after the other, the last takes what is left.
  return fits < comes || before === 'share' ? 'share' : 'shown';
}

/** Whether a rule asks for the very source or destination of the packet, and only something else is not right. */
function isAbout({ rule }: Step, { source, destination }: PacketThere): boolean {
  return rule.matches.some(
    (match) =>
      (match.match === 'source' && !match.negated && match.address === source) ||
      (match.match === 'destination' && !match.negated && match.address === destination),
  );
}
