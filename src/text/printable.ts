/** Texts of others as they may be printed. */

/**
 * A text as it may be printed on a terminal: on one line, and without characters that move the cursor, change colours
 * or the direction of writing.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    const hex = (char.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
  });
}

/** Longer than whatever iptables has to say, and short enough for a line of a log or an Event. */
const MOST_LINES = 8;
const MOST_CHARACTERS = 700;

/**
 * What another program said, as it may be quoted: the lines that hold something, each {@link printable}, and no more
 * of them than anybody reads. Empty where it said nothing.
 */
export function quotable(text: string): string {
  const lines = text
    // A character that is shown by its number takes more room, never less.
    .slice(0, MOST_CHARACTERS)
    .split(/\r\n?|\n/)
    .map((line) => printable(line.replaceAll('\t', ' ').trimEnd()))
    .filter((line) => line !== '');
  const told = lines.slice(0, MOST_LINES).join('\n').slice(0, MOST_CHARACTERS);
  const isAll = text.length <= MOST_CHARACTERS && told.length === lines.join('\n').length;
  return isAll ? told : `${told} ... (${text.length} characters)`;
}
