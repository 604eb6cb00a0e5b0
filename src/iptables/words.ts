/** Words of a line, as iptables-restore reads them and iptables-save writes them. */

/** Splits a line into words; double quotes hold a word together, and a backslash in them takes the next character. */
export function splitWords(line: string): string[] {
  if (!line.includes('"')) return line.split(' ').filter((word) => word !== '');
  const words: string[] = [];
  const word = /"((?:[^"\\]|\\.)*)"|[^\s"]+/gy;
  const gap = /\s*/gy;
  for (;;) {
    gap.lastIndex = word.lastIndex;
    gap.test(line);
    word.lastIndex = gap.lastIndex;
    const match = word.exec(line);
    if (!match) return words;
    words.push(match[1] === undefined ? match[0] : match[1].replace(/\\(.)/g, '$1'));
  }
}

const PLAIN_WORD = /^[\w./:-]+$/;

/** A word for iptables-restore, in quotes only where it needs them. */
export function quote(word: string): string {
  return PLAIN_WORD.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

const SAVED_PLAIN_WORD = /^[\w-]+$/;

/** A word as iptables-save writes it (xtables_save_string in libxtables). */
export function quoteAsSaved(word: string): string {
  return SAVED_PLAIN_WORD.test(word) ? word : `"${word.replace(/["\\']/g, '\\$&')}"`;
}
