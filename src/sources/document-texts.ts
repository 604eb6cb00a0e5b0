/** The texts of the documents of a YAML text, each of which can be read by itself. */

export interface DocumentText {
  /** From behind the dashes in front of it. */
  readonly text: string;
  /** So many lines end in front of it. */
  readonly linesBefore: number;
}

/** Directives, the end of a document without another, and dashes that stand beside something. */
const BEYOND_DASHES = /^(?:%|\.\.\.|---[^\n])/m;

/** Nothing, or a comment. */
const EMPTY = /^\s*(?:#|$)/;

/**
 * Parts a text at its lines of dashes, which end a document whatever they stand in (YAML 1.2.2, 9.1.2); what is empty is no
 * document in front of the first of them, and one behind it.
 * @returns undefined where the text has more than dashes between its documents
 */
export function documentTexts(text: string): readonly DocumentText[] | undefined {
  const unmarked = withoutByteOrderMarks(text);
  if (BEYOND_DASHES.test(unmarked)) return undefined;
  const texts: DocumentText[] = [];
  let linesBefore = 0;
  for (const [i, piece] of unmarked.split(/(?<=^|\n)---(?=\n|$)/).entries()) {
    const lines = piece.split('\n');
    if (i > 0 || !lines.every((line) => EMPTY.test(line))) texts.push({ text: piece, linesBefore });
    linesBefore += lines.length - 1;
  }
  return texts;
}

/** Files that were joined into one may bring byte order marks with them, in front of each document: they are no part of it. */
export function withoutByteOrderMarks(text: string): string {
  return text.replace(/^\uFEFF+/gm, '');
}
