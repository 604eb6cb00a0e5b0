/** Words as Markdown has them, so that they are read as they are written (GitHub Flavored Markdown 0.29). */

/** Characters that Markdown takes for its own wherever they stand. */
const SPECIAL = /[\\`*[\]<&~]/g;
/** An underscore within a word is one. */
const UNDERSCORE = /(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g;
/** What makes a heading, a quotation, a rule or an item of a list of a line that begins with it. */
const LINE_START = /^(\d{1,9}(?=[.)])|(?=[-+#>=]))(.)/;

/** Text of one line, to be read as it is. */
export function plain(text: string): string {
  return atLineStart(escaped(text));
}

/** Text of one line, to be read as it is, but for the words in it that are code. */
export function prose(text: string, isCode: (word: string) => boolean): string {
  const words = text.split(/(?<![\w-])(--?[A-Za-z][\w-]*)/);
  return atLineStart(words.map((word) => (isCode(word) ? code(word) : escaped(word))).join(''));
}

function escaped(text: string): string {
  return text.replaceAll(SPECIAL, '\\$&').replaceAll(UNDERSCORE, '\\_');
}

function atLineStart(text: string): string {
  return text.replace(LINE_START, '$1\\$2');
}

/** Text of one line as code; within, nothing has a meaning but the backticks that end it. */
export function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  // One blank at each end is taken off again.
  const padded = /^`|`$|^ .*[^ ].* $/.test(text) ? ` ${text} ` : text;
  return `${fence}${padded}${fence}`;
}

/** A block of code in a language. */
export function block(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/^`+/gm)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A table. Cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // A bar ends a cell even within code.
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
