/** Words of a line, as iptables-restore reads them and iptables-save writes them. */

/**
 * Splits a line into words as iptables-restore does (add_param_to_argv in its xshared.c): double quotes hold a word
 * together and its end is where they close; a backslash takes the next character within them, and is a character like
 * any other outside. Quotes that are never closed hold on to the end of the line.
 */
export function splitWords(line: string): string[] {
  if (!/["\t\n]/.test(line)) return line.split(' ').filter((word) => word !== '');
  const words: string[] = [];
  let word = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const character = line.charAt(i);
    const ends = quoted ? character === '"' : character === ' ' || character === '\t' || character === '\n';
    if (ends) {
      if (quoted || word !== '') words.push(word);
      [word, quoted] = ['', false];
    } else if (character === '"') {
      quoted = true;
    } else {
      word += quoted && character === '\\' ? line.charAt(++i) : character;
    }
  }
  return word === '' ? words : [...words, word];
}

const PLAIN_WORD = /^[\w.+/:-]+$/;

/** A word for iptables-restore, in quotes only where it needs them. */
export function quote(word: string): string {
  return PLAIN_WORD.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

const SAVED_PLAIN_WORD = /^[\w-]+$/;

/** A word as iptables-save writes it (xtables_save_string in libxtables). */
export function quoteAsSaved(word: string): string {
  return SAVED_PLAIN_WORD.test(word) ? word : `"${word.replace(/["\\']/g, '\\$&')}"`;
}
