/** Output that is a file for each of several things. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../api/problem.ts';
import { fileProblem } from '../sources/files.ts';
import { printable } from '../text/printable.ts';

export interface OutputFile {
  /** The folder that it is in, below the one that the user names. */
  readonly folder: string;
  readonly name: string;
  readonly text: string;
}

/**
 * Writes files below a folder, which is made where it is not there.
 * @returns a line for each, for standard output
 * @throws InputError where one cannot be written
 */
export async function writeFiles(root: string, files: readonly OutputFile[]): Promise<string> {
  const lines: string[] = [];
  for (const { folder, name, text } of files) {
    const path = join(root, basename(folder), name);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    } catch (error) {
      throw new InputError([{ at: [path], message: fileProblem(error) }]);
    }
    lines.push(`${printable(path)}\n`);
  }
  return lines.join('');
}

/**
 * The folder for a file of each node, where the options ask for that.
 * @throws InputError where one of the two options is without the other
 */
export function folderForNodes({
  allNodes,
  outputFolder,
}: {
  readonly allNodes?: true | undefined;
  readonly outputFolder?: string | undefined;
}): string | undefined {
  if (allNodes === undefined && outputFolder === undefined) return undefined;
  if (allNodes !== undefined && outputFolder !== undefined) return outputFolder;
  const message =
    outputFolder === undefined
      ? 'needs --output-folder, for a file of each Node'
      : 'needs --all-nodes: one output goes to standard output';
  throw new InputError([{ at: [outputFolder === undefined ? '--all-nodes' : '--output-folder'], message }]);
}
