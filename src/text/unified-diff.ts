/** How two lists of lines differ, for people to read. */
import { structuredPatch } from 'diff';

/** A line of a difference. */
export interface DiffLine {
  readonly kind: 'header' | 'place' | 'removed' | 'added' | 'same';
  readonly text: string;
}

/** Up to so many changed lines the smallest difference is looked for: the time grows with the square of them. */
const MOST_EDITS = 4000;

/** A unified difference of two lists of lines, under a title; nothing where they are the same. */
export function unified(title: string, before: readonly string[], after: readonly string[]): DiffLine[] {
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
  const options = { context: 2, maxEditLength: MOST_EDITS };
  const patch = structuredPatch('', '', text(before), text(after), undefined, undefined, options);
  if (patch?.hunks.length === 0) return [];
  const header: DiffLine = { kind: 'header', text: title };
  if (!patch) return [header, ...replaced(before, after)];
  return [
    header,
    ...patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }): DiffLine[] => [
      { kind: 'place', text: place(oldStart, oldLines, newStart, newLines) },
      ...lines.map(
        (text): DiffLine => ({
          kind: text[0] === '-' ? 'removed' : text[0] === '+' ? 'added' : 'same',
          text,
        }),
      ),
    ]),
  ];
}

/** All lines of the one instead of all lines of the other. */
function replaced(before: readonly string[], after: readonly string[]): DiffLine[] {
  return [
    { kind: 'place', text: place(1, before.length, 1, after.length) },
    ...before.map((line): DiffLine => ({ kind: 'removed', text: `-${line}` })),
    ...after.map((line): DiffLine => ({ kind: 'added', text: `+${line}` })),
  ];
}

/** Of no lines, `diff -u` counts the line before them. */
function place(oldStart: number, oldLines: number, newStart: number, newLines: number): string {
  const side = (start: number, lines: number) => `${lines === 0 ? start - 1 : start},${lines}`;
  return `@@ -${side(oldStart, oldLines)} +${side(newStart, newLines)} @@`;
}
