/** Texts of manifests: from files, folders and standard input. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { InputError, type Problem } from '../api/problem.ts';

/** A text and what to call it. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** What `-f -` is called in messages. */
export const STANDARD_INPUT = 'standard input';

/** Whether a file's name is one of those that `-f FOLDER` reads. */
export function isManifest(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !name.startsWith('.');
}

/**
 * Reads what `-f` names: a file, every manifest (`.yaml`, `.yml`, `.json`) in a folder and the folders below it, or
 * standard input for `-`. In folders, names that begin with a dot are passed over, and so is what is neither a file
 * nor a folder (a pipe would never end). A folder that is reached twice is read once.
 * @throws InputError for everything that is missing, unreadable, empty of manifests or not UTF-8
 */
export async function readSources(
  paths: readonly string[],
  standardInput: AsyncIterable<Uint8Array> = process.stdin,
): Promise<SourceText[]> {
  const problems: Problem[] = [];
  const texts: SourceText[] = [];
  const read = async (name: string, bytes: () => Promise<Uint8Array>) => {
    try {
      texts.push({ name, text: decode(await bytes()) });
    } catch (error) {
      problems.push({ at: [name], message: fileProblem(error) });
    }
  };
  for (const path of new Set(paths)) {
    if (path === '-') {
      await read(STANDARD_INPUT, () => buffer(standardInput));
      continue;
    }
    const found = await listManifests(path);
    problems.push(...found.problems);
    for (const file of found.files) await read(file, () => readFile(file));
  }
  if (problems.length > 0) throw new InputError(problems);
  return texts;
}

/** Reads one file. Throws an {@link InputError} that names it. */
export async function readSource(path: string): Promise<SourceText> {
  try {
    return { name: path, text: decode(await readFile(path)) };
  } catch (error) {
    throw new InputError([{ at: [path], message: fileProblem(error) }]);
  }
}

/** The files that a path stands for, and what is wrong with it. */
export interface FoundManifests {
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
}

/** The file itself, or the manifests in a folder, sorted. */
export async function listManifests(path: string): Promise<FoundManifests> {
  const files: string[] = [];
  const problems: Problem[] = [];
  const visited = new Set<string>();
  const visit = async (entry: string, named: boolean): Promise<void> => {
    const kind = await stat(entry);
    if (kind.isDirectory()) {
      const real = await realpath(entry);
      if (visited.has(real)) return;
      visited.add(real);
      for (const name of (await readdir(entry)).sort()) {
        if (!name.startsWith('.')) await attempt(join(entry, name), false);
      }
    } else if (named || (kind.isFile() && isManifest(basename(entry)))) {
      files.push(entry);
    }
  };
  const attempt = (entry: string, named: boolean) =>
    visit(entry, named).catch((error: unknown) => {
      // A link to nowhere is only worth a word where it has the name of a manifest.
      if (named || isManifest(basename(entry)) || !isMissing(error)) {
        problems.push({ at: [entry], message: fileProblem(error) });
      }
    });
  await attempt(path, true);
  if (files.length === 0 && problems.length === 0) {
    problems.push({ at: [path], message: 'no .yaml, .yml or .json file in this folder' });
  }
  return { files, problems };
}

const DECODER = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch (error) {
    const mark = Buffer.from(bytes.subarray(0, 2)).toString('hex');
    // What PowerShell's `>` writes.
    if (mark === 'fffe' || mark === 'feff')
      throw new Error('is UTF-16 text, expected UTF-8', { cause: error });
    throw error;
  }
}

/** What a failed call of the file system means, in plain words and without the path. */
export function fileProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'is a folder, expected a file',
  ENOTDIR: 'is below a file, expected a folder there',
  EEXIST: 'is below a file, expected a folder there',
  ELOOP: 'is a symbolic link that leads to itself',
  ENAMETOOLONG: 'has too long a name',
  EROFS: 'cannot be written, as its file system is read-only',
  ENOSPC: 'cannot be written, as no space is left',
  ERR_FS_FILE_TOO_LARGE: 'is too large',
  ERR_STRING_TOO_LONG: 'is too large',
  ERR_INVALID_ARG_VALUE: 'is no name of a file',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
