/** Differences on a terminal. */
import { styleText } from 'node:util';
import { printable } from '../api/problem.ts';
import type { DiffLine } from '../text/unified-diff.ts';

const STYLES = { header: 'bold', place: 'cyan', removed: 'red', added: 'green', same: undefined } as const;

/**
 * A line of a difference, in colour where standard output is a terminal that shows it and NO_COLOR is not set. What
 * a file holds cannot paint over what is compared with it.
 */
export function paintDiff({ kind, text }: DiffLine): string {
  const style = STYLES[kind];
  return style ? styleText(style, printable(text), { stream: process.stdout }) : printable(text);
}
