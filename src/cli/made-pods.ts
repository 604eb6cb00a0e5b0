/** What is told of Pods that were made from workloads. */
import type { MadePods } from '../sources/control-plane/from-workloads.ts';

/** As wide as a terminal is. */
const WIDTH = 80;

/**
 * `made 6 Pods for 2 Deployments (10.244.0.0/16); --no-workloads leaves them out`, with as much as fits one line;
 * undefined where none were made.
 */
export function madePodsInWords(made: readonly MadePods[]): string | undefined {
  const pods = made.reduce((sum, { pods }) => sum + pods.length, 0);
  if (pods === 0) return undefined;
  const kinds = new Map<string, number>();
  for (const { workloads } of made) {
    for (const [kind, count] of workloads) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  }
  const workloads = [...kinds.values()].reduce((sum, count) => sum + count, 0);
  const byKind = [...kinds].sort().map(([kind, count]) => counted(count, kind));
  const ranges = [...new Set(made.flatMap(({ ranges }) => ranges))];
  const sentence = (whose: string, where: readonly string[]) =>
    `made ${counted(pods, 'Pod')} for ${whose}${where.length === 0 ? '' : ` (${where.join(', ')})`}; --no-workloads leaves them out`;
  const first = ranges.slice(0, 1);
  const some = ranges.length > 1 ? [...first, '...'] : ranges;
  const all = counted(workloads, 'workload');
  const whose = [byKind.join(' and '), all];
  return (
    [
      ...whose.flatMap((whose) => [ranges, some, first].map((where) => sentence(whose, where))),
      ...whose.map((whose) => sentence(whose, [])),
    ].find((text) => text.length <= WIDTH) ?? sentence(all, [])
  );
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
