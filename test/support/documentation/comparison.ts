/** Whether a command prints what a page shows. */

/** Stands for any lines, also none; within a line, for any text, also none. A dot more may be the text's own. */
const ANYTHING = '...';
const ANY_TEXT = /\.{3,}/;

/**
 * What is the matter with the output of a command; undefined where it is as it is shown. Blanks at the ends of lines and
 * blank lines at the end do not matter.
 */
export function outputProblem(shown: readonly string[], printed: readonly string[]): string | undefined {
  const lines = trimmed(printed);
  const [first = [], ...parts] = runs(trimmed(shown));
  const last = parts.pop();
  if (last === undefined) return problemAt(first, lines, 0) ?? problemAfter(lines, first.length);

  const problem = problemAt(first, lines, 0);
  if (problem !== undefined) return problem;
  let at = first.length;
  for (const part of parts) {
    const found = find(part, lines, at);
    if (found < 0) return `after line ${at} of the output, there is no\n${part.join('\n')}`;
    at = found + part.length;
  }
  const end = lines.length - last.length;
  if (end < at) return `after line ${at} of the output, it does not end with\n${last.join('\n')}`;
  return problemAt(last, lines, end);
}

/** The lines between those that stand for any; there is one such between each two runs. */
function runs(shown: readonly string[]): string[][] {
  const all: string[][] = [[]];
  for (const line of shown) {
    if (line.trim() === ANYTHING) all.push([]);
    else all.at(-1)?.push(line);
  }
  return all;
}

function find(part: readonly string[], lines: readonly string[], from: number): number {
  for (let at = from; at + part.length <= lines.length; at++) {
    if (problemAt(part, lines, at) === undefined) return at;
  }
  return -1;
}

function problemAt(part: readonly string[], lines: readonly string[], at: number): string | undefined {
  const wrong = part.findIndex((shown, i) => !matches(shown, lines[at + i]));
  if (wrong < 0) return undefined;
  const got = lines[at + wrong];
  const is = got === undefined ? 'is missing' : `is\n${got}`;
  return `line ${at + wrong + 1} of the output ${is}\nand should be\n${part[wrong]}`;
}

function problemAfter(lines: readonly string[], end: number): string | undefined {
  return lines.length === end ? undefined : `after line ${end}, the output goes on:\n${lines[end]}`;
}

function matches(shown: string, printed: string | undefined): boolean {
  if (printed === undefined) return false;
  return new RegExp(`^${shown.split(ANY_TEXT).map(RegExp.escape).join('.*')}$`).test(printed);
}

function trimmed(lines: readonly string[]): string[] {
  const ends = lines.map((line) => line.trimEnd());
  return ends.slice(0, ends.findLastIndex((line) => line !== '') + 1);
}
