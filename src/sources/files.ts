/** Texts of manifests: from files, folders and standard input. */
import { isAscii } from 'node:buffer';
import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { InputError, type Problem } from '../api/problem.ts';
import type { SourceText } from './source-text.ts';

/** What `-f -` is called in messages. */
export const STANDARD_INPUT = 'standard input' as const;

/** Whether a file's name is one of those that `-f FOLDER` reads. */
export function isManifest(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && isVisible(name);
}

/** Whether a file or a folder is looked at where it is not named itself. */
export function isVisible(name: string): boolean {
  return !name.startsWith('.');
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
  const read = async (
    name: string,
    bytes: () => Promise<Uint8Array>,
    origin: Pick<SourceText, 'origin'> = {},
  ) => {
    try {
      texts.push({ name, text: decode(await bytes()), ...origin });
    } catch (error) {
      problems.push({ at: [name], message: fileProblem(error) });
    }
  };
  for (const path of new Set(paths)) {
    if (path === '-') {
      await read(STANDARD_INPUT, () => buffer(standardInput), { origin: STANDARD_INPUT });
      continue;
    }
    const found = await listManifests(path);
    problems.push(...found.problems);
    for (const { path } of found.files) await read(path, () => readFile(path));
  }
  if (problems.length > 0) throw new InputError(problems);
  return texts;
}

/** Reads one file. Throws an {@link InputError} that names it. */
export async function readSource(path: string): Promise<SourceText> {
  return textOf(path, await readBytes(path));
}

/** Reads one file that need not be text. Throws an {@link InputError} that names it. */
export async function readBytes(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => {
    throw new InputError([{ at: [path], message: fileProblem(error) }]);
  });
}

/** What was read of a file, as text. Throws an {@link InputError} that names it. */
export function textOf(path: string, bytes: Uint8Array): SourceText {
  try {
    return { name: path, text: decode(bytes) };
  } catch (error) {
    throw new InputError([{ at: [path], message: fileProblem(error) }]);
  }
}

/** The files that a path stands for, and what is wrong with it. */
export interface FoundManifests {
  readonly files: readonly FoundFile[];
  /** Whether symbolic links led to any of them, or to folders: then one file may have many names. */
  readonly links: boolean;
  readonly problems: readonly Problem[];
}

export interface FoundFile {
  readonly path: string;
  /** Of the file itself, where the path is a symbolic link. */
  readonly stats: Stats;
}

/** The file itself, or the manifests in a folder, sorted by the names on their ways. */
export async function listManifests(path: string): Promise<FoundManifests> {
  const files: FoundFile[] = [];
  const problems: Problem[] = [];
  const visited = new Set<string>();
  let links = (await lstat(path).catch(() => undefined))?.isSymbolicLink() ?? false;
  const visit = async (entry: string, named: boolean, stats: Stats | Error): Promise<void> => {
    if (stats instanceof Error) throw stats;
    if (stats.isDirectory()) {
      const real = await realpath(entry);
      if (visited.has(real)) return;
      visited.add(real);
      const inside = (await readdir(entry, { withFileTypes: true })).filter(({ name }) => isVisible(name));
      links ||= inside.some((one) => one.isSymbolicLink());
      const paths = inside.map(({ name }) => join(entry, name)).sort();
      // All at once: one after the other, most of the time would go by between them.
      const found = await Promise.all(paths.map(statsOf));
      for (const [i, one] of found.entries()) await attempt(paths[i] ?? entry, false, one);
    } else if (named || (stats.isFile() && isManifest(basename(entry)))) {
      files.push({ path: entry, stats });
    }
  };
  const attempt = (entry: string, named: boolean, stats: Stats | Error) =>
    visit(entry, named, stats).catch((error: unknown) => {
      // A link to nowhere is only worth a word where it has the name of a manifest.
      if (named || isManifest(basename(entry)) || !isMissing(error)) {
        problems.push({ at: [entry], message: fileProblem(error) });
      }
    });
  await attempt(path, true, await statsOf(path));
  if (files.length === 0 && problems.length === 0) {
    problems.push({ at: [path], message: 'no .yaml, .yml or .json file in this folder' });
  }
  return { files, links, problems };
}

async function statsOf(path: string): Promise<Stats | Error> {
  return await stat(path).catch((error: Error) => error);
}

const DECODER = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string {
  // Rules of a large node are megabytes, and no other letters: this takes a tenth of the time.
  if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
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
  EROFS: 'cannot be written: its file system is read-only',
  ENOSPC: 'cannot be written: no space is left',
  ERR_FS_FILE_TOO_LARGE: 'is too large',
  ERR_STRING_TOO_LONG: 'is too large',
  ERR_INVALID_ARG_VALUE: 'is not a file name',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
