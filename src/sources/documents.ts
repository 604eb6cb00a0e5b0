/** The documents of a text: YAML (several, with `---` between them) or JSON (several, each on lines of its own). */
import { Composer, type Document, LineCounter, Parser } from 'yaml';
import type { Problem } from '../api/problem.ts';
import { documentTexts, withoutByteOrderMarks } from './document-texts.ts';
import { readPlainYAML } from './plain-yaml.ts';
import type { SourceText } from './source-text.ts';
import { documentValue } from './yaml-value.ts';

export interface SourceDocument {
  readonly value: unknown;
  /** File and document, for messages. */
  readonly at: readonly string[];
}

export interface ParsedDocuments {
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly Problem[];
}

/** What stood between the dashes of YAML texts that were read before, by its text: one value, or none. */
export type KnownDocuments = Map<string, readonly unknown[]>;

/**
 * Parses a text into its documents; empty ones are left out but counted.
 * @param onProgress is told how many characters are read
 * @param known documents of texts that this one may be much like, which are not read again; its own are added
 */
export function parseDocuments(
  source: SourceText,
  onProgress?: (characters: number) => void,
  known?: KnownDocuments,
): ParsedDocuments {
  return parseJSON(source) ?? parseQuickly(source, known, onProgress) ?? parseYAML(source, onProgress);
}

/** JSON is YAML, too, but its own parser is a hundred times as fast. Undefined where the text is not JSON. */
function parseJSON({ name, text }: SourceText): ParsedDocuments | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return { documents: [{ value: JSON.parse(text), at: [name, 'document 1'] }], problems: [] };
  } catch {
    return parseJSONLines({ name, text });
  }
}

/**
 * What `kubectl get -o json` prints when it runs twice. Inside of one JSON document, a brace that closes and one that
 * opens never have but white space between them.
 */
function parseJSONLines({ name, text }: SourceText): ParsedDocuments | undefined {
  const pieces = text.split(/(?<=\})[ \t\r]*\n\s*(?=\{)/);
  if (pieces.length === 1) return undefined;
  try {
    const documents = pieces.map((piece, i) => ({
      value: JSON.parse(piece),
      at: [name, `document ${i + 1}`],
    }));
    return { documents, problems: [] };
  } catch {
    return undefined;
  }
}

/** Undefined where the text needs all that YAML is, or is wrong. */
function parseQuickly(
  { name, text }: SourceText,
  known?: KnownDocuments,
  onProgress?: (characters: number) => void,
): ParsedDocuments | undefined {
  const values = known ? readKnownYAML(text, known, onProgress) : readPlainYAML(text);
  const documents = values?.map((value, i) => ({ value, at: [name, `document ${i + 1}`] }));
  return documents && { documents: documents.filter(({ value }) => isThere(value)), problems: [] };
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** Reads document by document what was not read before. */
function readKnownYAML(
  text: string,
  known: KnownDocuments,
  onProgress: (characters: number) => void = () => {},
): readonly unknown[] | undefined {
  const texts = documentTexts(text);
  if (texts === undefined) return readPlainYAML(text);
  const values: unknown[] = [];
  let characters = 0;
  for (const { text: own } of texts) {
    const read = known.get(own) ?? readPlainYAML(own) ?? readYAML(own);
    if (read === undefined) return undefined;
    // The oldest comes first.
    known.delete(own);
    known.set(own, read);
    values.push(...(read.length > 0 ? read : [null]));
    characters += own.length;
    onProgress(characters);
  }
  for (const old of known.keys()) {
    if (known.size <= texts.length + OTHERS_KNOWN) break;
    known.delete(old);
  }
  return values;
}

/** Beside the documents of the last text, so many of former ones stay known: each keystroke makes another one. */
const OTHERS_KNOWN = 10_000;

const YAML_OPTIONS = {
  prettyErrors: false,
  logLevel: 'silent',
  // Both are the business of documentValue.
  uniqueKeys: false,
  merge: false,
  // Whatever a %YAML directive says: a manifest has no dates and no sets.
  schema: 'core',
  resolveKnownTags: false,
} as const;

/** Any YAML, by the library. */
export function parseYAML(
  { name, text }: SourceText,
  onProgress?: (characters: number) => void,
): ParsedDocuments {
  const documents: SourceDocument[] = [];
  const problems: Problem[] = [];
  const lines = new LineCounter();
  const parsed = composeYAML(text, lines, onProgress);
  if (!parsed.ok) return { documents, problems: [{ at: [name], message: parsed.message }] };

  for (const [i, document] of parsed.value.entries()) {
    const at = [name, `document ${i + 1}`];
    const { value, mistakes, whole } = readDocument(document);
    for (const { offset, message } of mistakes) {
      const { line, col } = lines.linePos(offset);
      problems.push({ at: [...at, `line ${line}, column ${col}`], message: message + hint(text, offset) });
    }
    // Also where a key is there twice, so that what else is wrong in the document is told as well.
    if (whole && isThere(value)) documents.push({ value, at });
  }
  return { documents, problems };
}

/** The values of a text's documents, by the library; undefined where something is wrong in it. */
function readYAML(text: string): readonly unknown[] | undefined {
  const parsed = composeYAML(text, new LineCounter());
  if (!parsed.ok) return undefined;
  const read = parsed.value.map(readDocument);
  return read.some(({ mistakes }) => mistakes.length > 0) ? undefined : read.map(({ value }) => value);
}

/**
 * Has the library read a text, with all that it says of each document.
 * @param lines is told where lines begin, without byte order marks
 * @param onProgress is told how many characters are read
 * @returns the documents, or why there are none: the text nests too deeply
 */
export function composeYAML(
  text: string,
  lines: LineCounter,
  onProgress: (characters: number) => void = () => {},
): { ok: true; value: Document.Parsed[] } | { ok: false; message: string } {
  return attempt(() => {
    const found: Document.Parsed[] = [];
    const tokens = new Parser(lines.addNewLine).parse(withoutByteOrderMarks(text));
    for (const document of new Composer(YAML_OPTIONS).compose(tokens)) {
      found.push(document);
      onProgress(document.range[2]);
    }
    return found;
  });
}

/** The value of a document, or what is wrong with it. */
function readDocument(document: Document.Parsed): ReturnType<typeof documentValue> {
  // After the first error of syntax, the parser is guessing: what it says from there on helps nobody.
  const [error] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  if (error) {
    return unread(error.pos[0], plainWords(error.message));
  }
  const result = attempt(() => documentValue(document));
  if (result.ok) return result.value;
  return unread(document.range[0], result.message);
}

function unread(offset: number, message: string): ReturnType<typeof documentValue> {
  return { value: undefined, mistakes: [{ offset, message }], whole: false };
}

/** The parser recurses: a text that nests too deeply is a bad text, not a failure of ours. */
function attempt<T>(parse: () => T): { ok: true; value: T } | { ok: false; message: string } {
  try {
    return { ok: true, value: parse() };
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, message: plainWords(error.message) };
    throw error;
  }
}

/** What the parser says, where that is for those who know the grammar. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  'Maximum call stack size exceeded': 'is nested too deeply',
  'Implicit keys need to be on a single line': 'expected a key and its value, as in "key: value"',
  'Implicit map keys need to be followed by map values': 'expected a key and its value, as in "key: value"',
  'Nested mappings are not allowed in compact mappings':
    'a mapping cannot begin here; a text with ": " in it needs quotes',
  'Block collections are not allowed within flow collections': 'expected a comma or a closing bracket',
  'Flow sequence in block collection must be sufficiently indented and end with a ]':
    'the list before it is not closed by "]"',
  'Flow map in block collection must be sufficiently indented and end with a }':
    'the mapping before it is not closed by "}"',
};

function plainWords(message: string): string {
  return PLAIN_WORDS[message] ?? `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

/** How far around a mistake a template's braces are looked for, in characters. */
const NEAR = 200;

/** A chart's templates are the most frequent files that end in .yaml and are none. */
function hint(text: string, offset: number): string {
  const around = text.slice(Math.max(0, offset - NEAR), offset + NEAR);
  return around.includes('{{') ? ' (a Helm template? render it with helm template)' : '';
}
