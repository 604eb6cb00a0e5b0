/** Puts what benchmarks print into documents, between marks that are there for it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROJECT = join(import.meta.dirname, '..');

/** The lines around what is written by a program, as they stand in a document. */
export function marksOf(name: string): readonly [string, string] {
  return [`<!-- ${name} -->\n`, `<!-- end of ${name} -->\n`];
}

/**
 * A page with another text between two marks of it.
 * @param document the name of the page
 * @throws Error where it has no such marks
 */
export function withPublished(page: string, name: string, text: string, document: string): string {
  const [begin, end] = marksOf(name);
  const [head, rest = ''] = page.split(begin);
  const [, tail] = rest.split(end);
  if (head === undefined || tail === undefined) throw new Error(`${document} has no ${begin}${end}`);
  return `${head}${begin}\n${text.trim()}\n\n${end}${tail}`;
}

/**
 * Replaces what is between two marks.
 * @param document its name in the project: `BENCHMARKS.md`
 * @throws Error where the document has no such marks
 */
export async function publish(document: string, name: string, text: string): Promise<void> {
  const file = join(PROJECT, document);
  const before = await readFile(file, 'utf8');
  await writeFile(file, withPublished(before, name, text, document));
}
