/** Text that is as wide as a terminal. */

/** As wide as a terminal is where nobody knows. */
export const USUAL_WIDTH = 80;

/**
 * A text in lines of at most `width` characters, broken at blanks. A word that is longer stays whole, as what is a name, a
 * chain or an address is there to be copied.
 * @param indent what stands before all lines but the first
 */
export function wrap(text: string, width: number, indent = ''): string[] {
  const [, margin = '', rest = ''] = /^( *)(.*)$/s.exec(text) ?? [];
  const lines: string[] = [];
  let line = margin;
  let isEmpty = true;
  for (const word of rest.split(/(?<=\S) (?=\S)/)) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      [line, isEmpty] = [indent, true];
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
