/** Small tables for a terminal. */
import { wrap } from './wrap.ts';

/** How far the columns stand apart. */
const GAP = '  ';

/**
 * Lines of cells, each column as wide as its widest cell. The last cell of a line may be as long as it likes.
 * @param paint what to do to the cells of a line once their width is known; nothing unless given
 */
export function columns(
  rows: readonly (readonly string[])[],
  paint: (cell: string, row: number, column: number) => string = (cell) => cell,
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.slice(0, -1).entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row, r) =>
    row
      .map((cell, i) => {
        const padding = i === row.length - 1 ? '' : ' '.repeat(Math.max((widths[i] ?? 0) - cell.length, 0));
        return paint(cell, r, i) + padding;
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** No column gets narrower than this for the sake of others. */
const NARROWEST = 8;

/**
 * The same in lines of at most `width` characters, as far as words allow: the widest columns are made narrower, and what
 * does not fit in them goes on in the next line.
 */
export function columnsWithin(
  rows: readonly (readonly string[])[],
  width: number,
  paint: (cell: string, row: number, column: number) => string = (cell) => cell,
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const room = width - GAP.length * Math.max(widths.length - 1, 0);
  let total = widths.reduce((sum, one) => sum + one, 0);
  while (total > room) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.indexOf(widest)] = widest - 1;
    total--;
  }
  const lines = rows.flatMap((row, r) => {
    // What begins with a margin goes on behind it.
    const cells = row.map((cell, i) => wrap(cell, widths[i] ?? cell.length, /^ */.exec(cell)?.[0]));
    const height = Math.max(1, ...cells.map(({ length }) => length));
    return Array.from({ length: height }, (_, line) => ({ r, cells: cells.map((cell) => cell[line] ?? '') }));
  });
  // Words that stay whole may need more, and some columns less.
  const needed = widths.map((_, i) => Math.max(0, ...lines.map(({ cells }) => cells[i]?.length ?? 0)));
  return lines.map(({ r, cells }) =>
    cells
      .map((cell, i) => {
        const padding = i === cells.length - 1 ? '' : ' '.repeat((needed[i] ?? 0) - cell.length);
        return (cell === '' ? '' : paint(cell, r, i)) + padding;
      })
      .join(GAP)
      .trimEnd(),
  );
}
