/** The documents of a text: YAML (several, with `---` between them) or JSON. */
import { LineCounter, parseAllDocuments } from 'yaml';
import type { Problem } from '../api/problem.ts';
import type { SourceText } from './files.ts';

export interface SourceDocument {
  readonly value: unknown;
  /** File and document, for messages. */
  readonly at: readonly string[];
}

export interface ParsedDocuments {
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly Problem[];
}

/** Parses a text into its documents; empty ones are left out but counted. */
export function parseDocuments(source: SourceText): ParsedDocuments {
  return parseJSON(source) ?? parseYAML(source);
}

/** JSON is YAML, too, but its own parser is a hundred times as fast. Undefined where the text is not JSON. */
function parseJSON({ name, text }: SourceText): ParsedDocuments | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return { documents: [{ value: JSON.parse(text), at: [name, 'document 1'] }], problems: [] };
  } catch {
    return undefined;
  }
}

function parseYAML({ name, text }: SourceText): ParsedDocuments {
  const documents: SourceDocument[] = [];
  const problems: Problem[] = [];
  const lines = new LineCounter();
  const parsed = attempt(() =>
    // Merge keys (`<<`) are YAML 1.1, but kubectl knows them.
    parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false, logLevel: 'silent' }),
  );
  if (!parsed.ok) return { documents, problems: [{ at: [name], message: parsed.message }] };
  if (!Array.isArray(parsed.value)) return { documents, problems };

  for (const [i, document] of parsed.value.entries()) {
    const at = [name, `document ${i + 1}`];
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      problems.push({ at: [...at, `line ${line}, column ${col}`], message: firstLine(error.message) });
    }
    if (document.errors.length > 0) continue;
    const value = attempt(() => document.toJS() as unknown);
    if (!value.ok) problems.push({ at, message: value.message });
    else if (value.value !== null && value.value !== undefined) documents.push({ value: value.value, at });
  }
  return { documents, problems };
}

/** The parser and its aliases recurse: a text that nests too deeply, or aliases without end, is a bad text. */
function attempt<T>(parse: () => T): { ok: true; value: T } | { ok: false; message: string } {
  try {
    return { ok: true, value: parse() };
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, message: 'is nested too deeply' };
    if (error instanceof Error) return { ok: false, message: firstLine(error.message) };
    throw error;
  }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/[\p{C}]/gu, '?');
}
