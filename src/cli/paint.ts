/** Colours on a terminal. */
import { styleText } from 'node:util';
import { printable } from '../text/printable.ts';
import type { DiffLine } from '../text/unified-diff.ts';
import { USUAL_WIDTH } from '../text/wrap.ts';

const STYLES = { header: 'bold', place: 'cyan', removed: 'red', added: 'green', same: undefined } as const;

/**
 * A line of a difference, in colour where standard output is a terminal that shows it and NO_COLOR is not set. What
 * a file holds cannot paint over what is compared with it.
 */
export function paintDiff({ kind, text }: DiffLine): string {
  const style = STYLES[kind];
  return style ? styleText(style, printable(text), { stream: process.stdout }) : printable(text);
}

/** Colours of what commands tell. */
const TOLD = {
  title: 'bold',
  yes: 'green',
  no: 'dim',
  chance: 'cyan',
  unknown: 'yellow',
  aside: 'dim',
  bad: 'red',
  selected: 'inverse',
} as const;

/** How many characters a line of the terminal has; the usual number where standard output is none. */
export function terminalWidth(): number {
  return process.stdout.columns || USUAL_WIDTH;
}

/** A part of a text, in colour where standard output is a terminal that shows it and NO_COLOR is not set. */
export function paint(style: keyof typeof TOLD, text: string): string {
  return styleText(TOLD[style], text, { stream: process.stdout });
}
