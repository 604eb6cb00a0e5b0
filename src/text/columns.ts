/** Small tables for a terminal. */

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
