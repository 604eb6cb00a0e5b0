/** Lists of words in a sentence. */

/** So many are named of a list, unless somebody says otherwise. */
const NAMED = 5;

/** `a, b and c`; of a long list, the first and how many more. */
export function enumerate(names: readonly string[], most = NAMED): string {
  if (names.length > most) return `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
  return joined(names, ' and ');
}

/** `Cluster or Local`, `TCP, UDP or SCTP`. The empty word stands for an absent one and is not told. */
export function alternatives(words: readonly string[]): string {
  return joined(
    words.filter((word) => word !== ''),
    ' or ',
  );
}

function joined(words: readonly string[], last: string): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter((part) => part !== '').join(last);
}
