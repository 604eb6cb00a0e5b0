/** How much an input for iptables-restore writes. */

export interface WrittenRules {
  /** Lines in all. */
  readonly lines: number;
  /** Rules that are added, inserted or replaced, by table. */
  readonly rules: Readonly<Record<string, number>>;
}

/**
 * Counts in an input as the applier makes it: `*table`, `:CHAIN`, rules with or without counters, `COMMIT`.
 * @param input in pieces of any size, since as a whole it may be large
 */
export function countWritten(input: Iterable<string>): WrittenRules {
  const rules: Record<string, number> = {};
  let lines = 0;
  let table = '';
  for (const line of linesOf(input)) {
    lines++;
    if (line.startsWith('*')) table = line.slice(1);
    else if (/^(\[\d+:\d+\] )?-[AIR] /.test(line)) rules[table] = (rules[table] ?? 0) + 1;
  }
  return { lines, rules };
}

/** What stands before each line feed. */
function* linesOf(pieces: Iterable<string>): Iterable<string> {
  let begun = '';
  for (const piece of pieces) {
    const lines = (begun + piece).split('\n');
    begun = lines.pop() ?? '';
    yield* lines;
  }
}
