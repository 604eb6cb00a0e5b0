/** How two texts of rules differ, chain by chain. */
import { structuredPatch } from 'diff';

/** A line of a difference. */
export interface DiffLine {
  readonly kind: 'header' | 'place' | 'removed' | 'added' | 'same';
  readonly text: string;
}

/**
 * A unified difference for each chain whose lines differ; for the text as a whole where only the order of the chains
 * does.
 */
export function diffRules(before: string, after: string): DiffLine[] {
  const [old, now] = [chainsOf(before), chainsOf(after)];
  const lines = [...new Set([...old.keys(), ...now.keys()])].flatMap((chain) =>
    unified(chain, old.get(chain) ?? [], now.get(chain) ?? []),
  );
  return lines.length > 0 || before === after
    ? lines
    : unified('order', before.split('\n'), after.split('\n'));
}

/** The lines of each chain, by table and name; lines that belong to no chain under the table's own name. */
function chainsOf(text: string): Map<string, string[]> {
  const chains = new Map<string, string[]>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const chain = /^(?::|-A )(\S+)/.exec(line)?.[1];
    const key = chain === undefined ? table : `${table} ${chain}`;
    const lines = chains.get(key);
    if (lines) lines.push(line);
    else chains.set(key, [line]);
  }
  return chains;
}

export function unified(title: string, before: readonly string[], after: readonly string[]): DiffLine[] {
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
  const { hunks } = structuredPatch('', '', text(before), text(after), undefined, undefined, { context: 2 });
  if (hunks.length === 0) return [];
  return [
    { kind: 'header', text: title },
    ...hunks.flatMap((hunk): DiffLine[] => [
      { kind: 'place', text: `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@` },
      ...hunk.lines.map(
        (text): DiffLine => ({
          kind: text[0] === '-' ? 'removed' : text[0] === '+' ? 'added' : 'same',
          text,
        }),
      ),
    ]),
  ];
}
