/** Golden files: the rules that every cluster of a folder compiles to, kept as text. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { LayoutName } from '../api/layout-names.ts';
import type { NodeFacts } from '../api/node.ts';
import { InputError, type Problem } from '../api/problem.ts';
import { present } from '../errors/invariant.ts';
import { type FindingLocation, locator } from '../lint/locator.ts';
import { problemFinding } from '../lint/problems.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import type { MadePods } from '../sources/control-plane/from-workloads.ts';
import { fileProblem, readSource } from '../sources/files.ts';
import type { SourceText } from '../sources/source-text.ts';
import { meantBy, nearest } from '../text/nearest.ts';
import {
  type CompiledFixture,
  compileFixture,
  type Fixture,
  type FixtureOptions,
  findFixtures,
  layoutOf,
} from './fixtures.ts';

/** One golden file against what its cluster compiles to now. */
export interface GoldenResult {
  /** The golden file's path below the golden folder: the cluster's name and the family, `web/ipv4.rules`, with the Node between. */
  readonly file: string;
  readonly family: Family;
  /** What the golden file holds; undefined where there is none. */
  readonly expected: string | undefined;
  /** What the cluster compiles to; undefined where there is no such cluster any more. */
  readonly actual: string | undefined;
  /** The node that it is for; undefined where there is no such cluster any more. */
  readonly node: NodeFacts | undefined;
}

/** What keeps a cluster from being compiled, and where that stands. */
export interface LocatedProblem {
  readonly problem: Problem;
  readonly location: FindingLocation;
}

export interface ClusterRun {
  /** Its folder below the folder of all clusters. */
  readonly name: string;
  /** Whether the cluster is there, and not its golden files alone. */
  readonly isThere: boolean;
  /** In the order of their files; none where anything is wrong with the cluster. */
  readonly results: readonly GoldenResult[];
  readonly problems: readonly LocatedProblem[];
  readonly locationOf: CompiledFixture['locationOf'];
}

export interface GoldenRun {
  /** By name; without those that options leave out. */
  readonly clusters: readonly ClusterRun[];
  readonly warnings: readonly string[];
  /** What was made from workloads, for each cluster. */
  readonly made: readonly MadePods[];
}

export interface GoldenOptions extends FixtureOptions {
  /** Only clusters of these names. */
  readonly clusters?: readonly string[] | undefined;
  /** Only clusters whose configuration asks for this layout. */
  readonly layout?: LayoutName | undefined;
}

/**
 * Compiles every cluster under `fixtures` and sets it beside its golden files. What is wrong in one cluster keeps none of
 * the others from it.
 * @param onProgress is told how many clusters are compiled, and of how many
 * @throws InputError with what is wrong in the folders themselves, and in the names that options give
 */
export async function runGolden(
  fixtures: string,
  golden: string,
  onProgress: (done: number, total: number) => void = () => {},
  options: GoldenOptions = {},
): Promise<GoldenRun> {
  const all = await onFiles(fixtures, () => findFixtures(fixtures));
  if (all.length === 0) {
    throw new InputError([
      { at: [fixtures], message: 'no cluster in this folder (no .yaml, .yml or .json file)' },
    ]);
  }
  const expected = await readGolden(golden);
  const owners = ownersOf(expected.keys(), new Set(all.map(({ name }) => name)));
  const there = new Set([...all.map(({ name }) => name), ...owners.values()]);
  checkNames(options, there);
  const chosen = await chosenFixtures(all, options);
  const warnings: string[] = [];
  const made: MadePods[] = [];
  const compiled = new Map<string, CompiledFixture | readonly LocatedProblem[]>();
  const taken = new Set<string>();
  for (const [i, fixture] of chosen.entries()) {
    onProgress(i, chosen.length);
    const one = await compileOrProblems(fixture, options, taken);
    compiled.set(fixture.name, one);
    if (!('rules' in one)) continue;
    warnings.push(...one.warnings);
    made.push(one.made);
    for (const file of one.rules.keys()) taken.add(join(fixture.name, file));
  }

  const families = options.families ?? FAMILIES;
  const names = options.layout === undefined ? [...there].filter(isNamed(options)) : [...compiled.keys()];
  const clusters = names.sort().map((name): ClusterRun => {
    const one = compiled.get(name);
    const isThere = one !== undefined;
    if (one && !('rules' in one)) {
      return { name, isThere, results: [], problems: one, locationOf: () => undefined };
    }
    const actual = new Map([...(one?.rules ?? [])].map(([file, text]) => [join(name, file), text]));
    const nodes = new Map([...(one?.nodeOf ?? [])].map(([file, node]) => [join(name, file), node]));
    const own = [...owners].flatMap(([file, owner]) =>
      owner === name && families.includes(familyOfFile(file)) ? [file] : [],
    );
    const results = [...new Set([...actual.keys(), ...own])].sort().map((file) => ({
      file,
      family: familyOfFile(file),
      expected: expected.get(file),
      actual: actual.get(file),
      node: nodes.get(file),
    }));
    return { name, isThere, results, problems: [], locationOf: one?.locationOf ?? (() => undefined) };
  });
  return { clusters, warnings, made };
}

/** Whether options leave a cluster in, by its name. */
function isNamed({ clusters }: GoldenOptions): (name: string) => boolean {
  return (name) => clusters === undefined || clusters.includes(name);
}

function checkNames({ clusters = [] }: GoldenOptions, there: ReadonlySet<string>): void {
  const problems = clusters.flatMap((name) => {
    if (there.has(name)) return [];
    return [{ at: ['--cluster'], message: `no cluster "${name}"${meantBy(nearest(name, there))}` }];
  });
  if (problems.length > 0) throw new InputError(problems);
}

async function chosenFixtures(all: readonly Fixture[], options: GoldenOptions): Promise<readonly Fixture[]> {
  const { layout } = options;
  const named = all.filter(({ name }) => isNamed(options)(name));
  if (layout === undefined) return named;
  const layouts = await Promise.all(
    named.map((fixture) =>
      // A configuration that cannot be read may be meant to ask for any; it is told when its cluster is compiled.
      layoutOf(fixture).catch((error: unknown) => {
        if (error instanceof InputError) return layout;
        throw error;
      }),
    ),
  );
  const chosen = named.filter((_, i) => layouts[i] === layout);
  if (chosen.length > 0) return chosen;
  throw new InputError([{ at: ['--layout'], message: `no cluster has the layout ${layout}` }]);
}

/** @param taken golden files of other clusters */
async function compileOrProblems(
  fixture: Fixture,
  options: GoldenOptions,
  taken: ReadonlySet<string>,
): Promise<CompiledFixture | readonly LocatedProblem[]> {
  try {
    const compiled = await compileFixture(fixture, options);
    // A cluster may be in a folder of its own below another, with the name of a Node.
    const twice = [...compiled.rules.keys()]
      .map((file) => join(fixture.name, file))
      .filter((file) => taken.has(file));
    if (twice.length === 0) return compiled;
    return await located(
      fixture,
      twice.map((file) => ({ at: [fixture.folder], message: `another cluster also has ${file}` })),
    );
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return await located(fixture, error.problems);
  }
}

async function located(
  { manifests, config, host }: Fixture,
  problems: readonly Problem[],
): Promise<readonly LocatedProblem[]> {
  const named = new Set(problems.flatMap(({ at }) => at.slice(0, 1)));
  const files = [...manifests, config, host].filter((file) => file !== undefined && named.has(file));
  const sources = await Promise.all(files.map((file) => readSource(present(file, 'file')).catch(noSource)));
  const locationOf = locator(
    ({ place = [] }) => place,
    sources.filter((source) => source !== undefined),
  );
  return problems.map((problem) => ({ problem, location: locationOf(problemFinding(problem)) }));
}

/** A file that cannot be read has a problem already. */
function noSource(error: unknown): SourceText | undefined {
  if (error instanceof InputError) return undefined;
  throw error;
}

/** The cluster that each golden file is of: the one whose folder it is in, or the folder of one of its Nodes. */
function ownersOf(files: Iterable<string>, clusters: ReadonlySet<string>): ReadonlyMap<string, string> {
  return new Map(
    [...files].map((file) => {
      const folder = dirname(file);
      const above = dirname(folder);
      return [file, !clusters.has(folder) && clusters.has(above) ? above : folder];
    }),
  );
}

function familyOfFile(file: string): Family {
  return present(
    FAMILIES.find((family) => basename(file) === nameOfFile(family)),
    `family of ${file}`,
  );
}

function nameOfFile(family: Family): string {
  return `${family}.rules`;
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
    .filter((entry) => !entry.isDirectory() && FAMILIES.some((family) => entry.name === nameOfFile(family)))
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
