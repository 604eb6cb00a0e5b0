/** How two texts of rules differ, chain by chain. */
import { type DiffLine, unified } from '../text/unified-diff.ts';

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
