/** Golden files: the rules that every cluster of a folder compiles to, kept as text. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { InputError, type Problem } from '../api/problem.ts';
import { FAMILIES } from '../net/address.ts';
import { compileFixture, findFixtures } from './fixtures.ts';

/** One golden file against what its cluster compiles to now. */
export interface GoldenResult {
  /** The golden file's path below the golden folder: the cluster's name and the family, `web/ipv4.rules`. */
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
}

/**
 * Compiles every cluster under `fixtures`, in both families, and sets it beside its golden file.
 * @throws InputError with everything that is wrong in the folders and in the clusters' files
 */
export async function runGolden(fixtures: string, golden: string): Promise<GoldenRun> {
  const found = await listing(fixtures, () => findFixtures(fixtures));
  if (found.length === 0) {
    throw new InputError([
      { at: [fixtures], message: 'no cluster in this folder (no .yaml, .yml or .json file)' },
    ]);
  }
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const actual = new Map<string, string>();
  for (const fixture of found) {
    try {
      const compiled = await compileFixture(fixture);
      warnings.push(...compiled.warnings);
      for (const family of FAMILIES)
        actual.set(join(fixture.name, `${family}.rules`), compiled.rules[family]);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);

  const expected = new Map<string, string>();
  for (const file of await goldenFiles(golden))
    expected.set(file, await readFile(join(golden, file), 'utf8'));
  const files = [...new Set([...actual.keys(), ...expected.keys()])].sort();
  const results = files.map((file) => ({ file, expected: expected.get(file), actual: actual.get(file) }));
  return { clusters: found.length, results, warnings };
}

/** Makes a golden file what its cluster compiles to now. */
export async function updateGolden(golden: string, { file, actual }: GoldenResult): Promise<void> {
  const path = join(golden, file);
  if (actual === undefined) {
    await rm(path);
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, actual);
}

async function goldenFiles(golden: string): Promise<string[]> {
  const entries = await readdir(golden, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new InputError([{ at: [golden], message: error instanceof Error ? error.message : String(error) }]);
  });
  return entries
    .filter(({ name }) => FAMILIES.some((family) => name === `${family}.rules`))
    .map(({ parentPath, name }) => join(relative(golden, parentPath), name));
}

async function listing<T>(folder: string, list: () => Promise<T>): Promise<T> {
  try {
    return await list();
  } catch (error) {
    throw new InputError([{ at: [folder], message: error instanceof Error ? error.message : String(error) }]);
  }
}
