/** Texts of manifests: from files, folders and standard input. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { InputError, type Problem } from '../api/problem.ts';

/** A text and what to call it. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** What `-f -` is called in messages. */
export const STANDARD_INPUT = 'standard input';

const MANIFEST = /\.(ya?ml|json)$/;

/**
 * Reads what `-f` names: a file, every manifest (`.yaml`, `.yml`, `.json`) in a folder and the folders below it, or
 * standard input for `-`. Names that begin with a dot are passed over in folders.
 * @throws InputError for what is missing, unreadable, empty of manifests or not UTF-8
 */
export async function readSources(
  paths: readonly string[],
  standardInput: NodeJS.ReadableStream = process.stdin,
): Promise<SourceText[]> {
  const problems: Problem[] = [];
  const texts: SourceText[] = [];
  const collect = async (name: string, read: () => Promise<Uint8Array>) => {
    try {
      texts.push({ name, text: decode(await read()) });
    } catch (error) {
      problems.push({ at: [name], message: reason(error) });
    }
  };
  for (const path of new Set(paths)) {
    if (path === '-') {
      await collect(STANDARD_INPUT, () => buffer(standardInput));
      continue;
    }
    try {
      const files = await manifestsIn(path);
      if (files.length === 0)
        problems.push({ at: [path], message: 'no .yaml, .yml or .json file in this folder' });
      for (const file of files) await collect(file, () => readFile(file));
    } catch (error) {
      problems.push({ at: [path], message: reason(error) });
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return texts;
}

/** Reads one file. Throws an {@link InputError} that names it. */
export async function readSource(path: string): Promise<SourceText> {
  try {
    return { name: path, text: decode(await readFile(path)) };
  } catch (error) {
    throw new InputError([{ at: [path], message: reason(error) }]);
  }
}

/** The file itself, or the manifests in a folder, sorted. */
async function manifestsIn(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const files: string[] = [];
  const visited = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    const real = await realpath(folder);
    if (visited.has(real)) return;
    visited.add(real);
    for (const name of (await readdir(folder)).sort()) {
      if (name.startsWith('.')) continue;
      const entry = join(folder, name);
      const kind = await stat(entry).catch(() => undefined);
      if (kind?.isDirectory()) await visit(entry);
      else if (MANIFEST.test(name)) files.push(entry);
    }
  };
  await visit(path);
  return files;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'no permission to read it',
  EISDIR: 'is a folder, expected a file',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? error.message;
}
