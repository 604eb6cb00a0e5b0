/** Which findings are told, and in what order. */
import { type Finding, type PlaceOf, subjectOf } from './finding.ts';
import type { RuleCode } from './rules.ts';

/** More of a kind tell nothing new, and code hosts show no more beside a change. */
const MOST_OF_A_KIND = 10;

export interface Selection {
  readonly told: readonly Finding[];
  readonly leftOut: readonly Finding[];
}

/**
 * Each finding once, in the order of files, documents and items, and of lines where they are known; at most ten of each
 * kind.
 * @param files the names of all files, in their order
 * @param all tells every finding, however many there are of a kind
 */
export function select(
  findings: readonly Finding[],
  placeOf: PlaceOf,
  files: readonly string[],
  all: boolean,
): Selection {
  const sorted = inFileOrder(unique(findings, placeOf), placeOf, files);
  if (all) return { told: sorted, leftOut: [] };
  const seen = new Map<RuleCode, number>();
  const told: Finding[] = [];
  const leftOut: Finding[] = [];
  for (const finding of sorted) {
    const count = seen.get(finding.code) ?? 0;
    seen.set(finding.code, count + 1);
    (count < MOST_OF_A_KIND ? told : leftOut).push(finding);
  }
  return { told, leftOut };
}

/** An object that is there twice, as in a file with two names, has its findings once. */
function unique(findings: readonly Finding[], placeOf: PlaceOf): Finding[] {
  const first = new Map<string, Finding>();
  for (const finding of findings) {
    const { code, object, cause } = finding;
    const place = object?.name === undefined ? [...placeOf(finding), finding.position?.line] : [];
    const key = [code, subjectOf(finding), cause, ...place].join('\n');
    if (!first.has(key)) first.set(key, finding);
  }
  return [...first.values()];
}

function inFileOrder(findings: readonly Finding[], placeOf: PlaceOf, files: readonly string[]): Finding[] {
  const index = new Map(files.map((file, i) => [file, i]));
  const keys = new Map(
    findings.map((finding) => {
      const [file = '', ...parts] = placeOf(finding);
      const numbers = parts.map((part) => Number(/\d+/.exec(part)?.[0] ?? 0));
      return [finding, { file: index.get(file) ?? files.length, numbers, line: finding.position?.line }];
    }),
  );
  return findings.toSorted((a, b) => compare(keys.get(a), keys.get(b)));
}

interface Key {
  readonly file: number;
  readonly numbers: readonly number[];
  readonly line: number | undefined;
}

function compare(a: Key | undefined, b: Key | undefined): number {
  if (a === undefined || b === undefined) return 0;
  if (a.file !== b.file) return a.file - b.file;
  for (let i = 0; i < Math.max(a.numbers.length, b.numbers.length); i++) {
    const difference = (a.numbers[i] ?? -1) - (b.numbers[i] ?? -1);
    if (difference !== 0) return difference;
  }
  // What is wrong with an object stands before what it will do.
  return (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER);
}

/** How many findings of each kind there are. */
export function leftOutCounts(leftOut: readonly Finding[]): [RuleCode, number][] {
  return [...Map.groupBy(leftOut, ({ code }) => code)].map(([code, some]) => [code, some.length]);
}

/** `12 more of unknown-field (--all tells them)`, for each kind. */
export function leftOutLines(leftOut: readonly Finding[]): string[] {
  return leftOutCounts(leftOut).map(([code, count]) => `${count} more of ${code} (--all tells them)`);
}
