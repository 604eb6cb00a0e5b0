/** How much an input for iptables-restore writes. */
import { SaveReader } from '../../iptables/save-lines.ts';

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
  let [lines, table] = [0, ''];
  const count = () => {
    lines++;
    rules[table] = (rules[table] ?? 0) + 1;
  };
  const reader = new SaveReader({
    table(name) {
      lines++;
      table = name;
    },
    chain: () => lines++,
    rule: count,
    commit: () => lines++,
    other: (line) => (INSERTED.test(line) ? count() : lines++),
  });
  for (const piece of input) reader.read(piece);
  return { lines, rules };
}

const INSERTED = /^(?:\[\d+:\d+\] )?-[IR] /;
