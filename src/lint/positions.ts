/** From a field of an object to the line that it stands on. */
import { type Document, isMap, isScalar, isSeq, LineCounter } from 'yaml';
import { type DocumentText, documentTexts } from '../sources/document-texts.ts';
import { composeYAML } from '../sources/documents.ts';

/** Both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The YAML parser, which alone knows positions, needs about a second for a text of so many characters. */
const LONGEST_TEXT = 2_000_000;

/**
 * Prepares the search in a text of manifests. What is found is where the field stands, or else the nearest field
 * around it that the text has; undefined where the text is too long, or not YAML as a whole.
 * @returns a function from an object's place and a field of it; the place as objects are placed: `document 2`,
 * `items[3]`
 */
export function positionsIn(text: string): (place: readonly string[], field: string) => Position | undefined {
  if (text.length > LONGEST_TEXT) return () => undefined;
  const documentOf = documentsIn(text);
  return (place, field) => {
    const [number] = place.flatMap((words) => /^document (\d+)$/.exec(words)?.[1] ?? []);
    const found = documentOf(Number(number));
    if (found === undefined || found.document.errors.length > 0) return undefined;
    const items = place.filter((words) => /^items\[\d+\]$/.test(words));
    const offset = offsetOf(found.document.contents, [...items, field].flatMap(segments));
    if (offset === undefined) return undefined;
    const { line, col } = found.lines.linePos(offset);
    return { line: found.linesBefore + line, column: col };
  };
}

interface FoundDocument {
  readonly document: Document.Parsed;
  /** Of the text that it was parsed in. */
  readonly lines: LineCounter;
  /** Those in front of that text. */
  readonly linesBefore: number;
}

/**
 * @returns a function from the number of a document, from 1 on, which parses no other where that can be; undefined where there
 * is none
 */
function documentsIn(text: string): (number: number) => FoundDocument | undefined {
  const texts = documentTexts(text);
  if (texts === undefined) {
    const documents = parse({ text, linesBefore: 0 });
    return (number) => documents[number - 1];
  }
  const known = new Map<number, FoundDocument | undefined>();
  return (number) => {
    const own = texts[number - 1];
    if (own !== undefined && !known.has(number)) known.set(number, parse(own)[0]);
    return known.get(number);
  };
}

function parse({ text, linesBefore }: DocumentText): readonly FoundDocument[] {
  const lines = new LineCounter();
  const composed = composeYAML(text, lines);
  return composed.ok ? composed.value.map((document) => ({ document, lines, linesBefore })) : [];
}

/** `spec.ports[0].port` or `spec.selector["a/b"]` as keys and indices. */
function segments(field: string): (string | number)[] {
  return Array.from(
    field.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|[^.[\]]+/g),
    ([key, index, quoted]): string | number => {
      if (quoted !== undefined) return unquoted(quoted);
      return index === undefined ? key : Number(index);
    },
  );
}

/** Messages show characters in ways that JSON does not know; such a key is not found, but what is around it. */
function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

/** How far into the text the key or the list item is that the path leads to, as far as the path goes. */
function offsetOf(contents: unknown, path: readonly (string | number)[]): number | undefined {
  let node = contents;
  let offset = startOf(node);
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number' && part < node.items.length) {
      node = node.items[part];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : undefined;
}
