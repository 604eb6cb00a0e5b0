/** Golden files: the rules that every cluster of a folder compiles to, kept as text. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { InputError, type Problem } from '../api/problem.ts';
import { FAMILIES } from '../net/address.ts';
import type { MadePods } from '../sources/control-plane/from-workloads.ts';
import { fileProblem } from '../sources/files.ts';
import { compileFixture, type FixtureOptions, findFixtures } from './fixtures.ts';

/** One golden file against what its cluster compiles to now. */
export interface GoldenResult {
  /** The golden file's path below the golden folder: the cluster's name and the family, `web/ipv4.rules`, with the Node between. */
  readonly file: string;
  /** What the golden file holds; undefined where there is none. */
  readonly expected: string | undefined;
  /** What the cluster compiles to; undefined where there is no such cluster any more. */
  readonly actual: string | undefined;
}

export interface GoldenRun {
  readonly clusters: number;
  /** In the order of their files. */
  readonly results: readonly GoldenResult[];
  readonly warnings: readonly string[];
  /** What was made from workloads, for each cluster. */
  readonly made: readonly MadePods[];
}

/**
 * Compiles every cluster under `fixtures`, in both families, and sets it beside its golden file.
 * @param onProgress is told how many clusters are compiled, and of how many
 * @param strict whether what no API server holds, and what is misspelt, is an error
 * @throws InputError with everything that is wrong in the folders and in the clusters' files
 */
export async function runGolden(
  fixtures: string,
  golden: string,
  onProgress: (done: number, total: number) => void = () => {},
  options?: FixtureOptions,
): Promise<GoldenRun> {
  const found = await onFiles(fixtures, () => findFixtures(fixtures));
  if (found.length === 0) {
    throw new InputError([
      { at: [fixtures], message: 'no cluster in this folder (no .yaml, .yml or .json file)' },
    ]);
  }
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const made: MadePods[] = [];
  const actual = new Map<string, string>();
  for (const [i, fixture] of found.entries()) {
    onProgress(i, found.length);
    try {
      const compiled = await compileFixture(fixture, options);
      warnings.push(...compiled.warnings);
      made.push(compiled.made);
      for (const [file, text] of compiled.rules) {
        const path = join(fixture.name, file);
        // A cluster may be in a folder of its own below another, with the name of a Node.
        if (actual.has(path))
          problems.push({ at: [fixture.folder], message: `another cluster has ${path}, too` });
        actual.set(path, text);
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      for (const problem of error.problems) problems.push(problem);
    }
  }
  if (problems.length > 0) throw new InputError(problems);

  const expected = await readGolden(golden);
  const files = [...new Set([...actual.keys(), ...expected.keys()])].sort();
  const results = files.map((file) => ({ file, expected: expected.get(file), actual: actual.get(file) }));
  return { clusters: found.length, results, warnings, made };
}

/**
 * Makes a golden file what its cluster compiles to now.
 * @throws InputError where the file cannot be written or removed
 */
export async function updateGolden(golden: string, { file, actual }: GoldenResult): Promise<void> {
  const path = join(golden, file);
  await onFiles(path, async () => {
    if (actual === undefined) {
      await rm(path);
      return;
    }
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, actual);
  });
}

/** The golden files by their paths; none where there is no such folder yet. */
async function readGolden(golden: string): Promise<Map<string, string>> {
  const entries = await onFiles(golden, () =>
    readdir(golden, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }),
  );
  const files = entries
    .filter((entry) => !entry.isDirectory() && FAMILIES.some((family) => entry.name === `${family}.rules`))
    .map(({ parentPath, name }) => join(relative(golden, parentPath), name));
  const texts = new Map<string, string>();
  for (const file of files) {
    const path = join(golden, file);
    texts.set(file, await onFiles(path, () => readFile(path, 'utf8')));
  }
  return texts;
}

/** Turns what the file system refuses into an InputError about a path. */
async function onFiles<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new InputError([{ at: [path], message: fileProblem(error) }]);
  }
}
