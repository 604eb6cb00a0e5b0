/**
 * Makes the command line that is published, of src/cli and the libraries that it loads: `node scripts/command-line.ts`
 * writes it into dist/cli, or into the folder that it is given. Many small files take longer to find and to link than
 * to run, and ES modules twice as long as CommonJS, so it is a few files of CommonJS: what all commands need, and what
 * only some of them do. Beside them, the licences of those libraries.
 */
import { globSync, readFileSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OutputOptions, type Plugin, type RolldownOutput, rolldown } from 'rolldown';
import { pageScript } from '../src/graph/formats/page-script.ts';
import { type PlacedPackage, productionPackages, readLockFile } from './lock-file.ts';

const PROJECT = join(import.meta.dirname, '..');

/** What users call. */
const PROGRAMS = ['main', 'kubectl-svc2ipt', 'kubectl_complete-svc2ipt'];

/** What others start, a thread and a process, and find beside themselves. */
const STARTED = ['agent/http/health-thread', 'sources/kubernetes/access-process'];

/** Large, and seldom needed: these stay where npm puts them. */
const OUTSIDE = ['@kubernetes/client-node', '@hpcc-js/wasm-graphviz'];

/** What comes from elsewhere: its name in the folder of the command line. */
export const LICENCES = 'THIRD-PARTY-LICENSES';

/** The script of the page of `svc2ipt graph`, which is put together from modules at run time otherwise. */
export const pageScriptInside: Plugin = {
  name: 'page-script',
  async load(id) {
    if (id !== join(PROJECT, 'src/graph/formats/page-script.ts')) return undefined;
    return `export const pageScript = async () => ${JSON.stringify(await pageScript())};`;
  },
};

/** Names stay, as faults of the program are told with them. */
const SHORT = {
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  comments: false,
} as const satisfies OutputOptions;

/** The files that something was put together from. */
export function modulesOf(output: RolldownOutput['output']): string[] {
  return output.flatMap((one) => (one.type === 'chunk' ? one.moduleIds : []));
}

/** Writes the command line into a folder, and takes out what was there. */
export async function writeCommandLine(folder: string): Promise<void> {
  const bundle = await rolldown({
    cwd: PROJECT,
    input: [...PROGRAMS.map((name) => `src/cli/${name}.ts`), ...STARTED.map((path) => `src/${path}.ts`)],
    platform: 'node',
    external: OUTSIDE,
    plugins: [pageScriptInside],
  });
  await rm(folder, { recursive: true, force: true });
  const { output } = await bundle.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    ...SHORT,
  });
  // The package is one of ES modules.
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  await writeFile(join(folder, LICENCES), licencesOf(modulesOf(output)));
  for (const name of PROGRAMS) await chmod(join(folder, `${name}.js`), 0o755);
}

/** A package in the command line, and the folder that it was taken from, which may be of a project around this one. */
interface Inside extends PlacedPackage {
  readonly folder: string;
}

/** The packages that modules are of, as the lock file has them, by name. */
function packagesOf(modules: readonly string[]): Inside[] {
  const locked = new Map(productionPackages(readLockFile(PROJECT)).map((one) => [one.path, one]));
  const folders = modules.flatMap(
    (id) => /^.*?\/node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? [],
  );
  return [...new Set(folders)]
    .map((folder) => {
      const path = folder.slice(folder.indexOf('node_modules/'));
      const found = locked.get(path);
      // The bill of materials, which goes by the lock file, would not name it.
      if (found === undefined)
        throw new Error(`${path} is in the command line, and no package that users install`);
      return { ...found, folder };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What the licences of the packages that modules are of ask for: their texts, each under the name of the package. */
export function licencesOf(modules: readonly string[]): string {
  const texts = packagesOf(modules).map(({ folder, path, name, version, license }) => {
    const [file] = globSync('{LICENSE,LICENCE,license,licence}*', { cwd: folder });
    if (file === undefined) throw new Error(`${path} has no text of its licence`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(78)}\n\n`);
}

if (import.meta.main) await writeCommandLine(process.argv[2] ?? join(PROJECT, 'dist/cli'));
