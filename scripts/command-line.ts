/**
 * Makes the command line that is published, of src/cli and the libraries that it loads: `node scripts/command-line.ts`
 * writes it into dist/cli, or into the folder that it is given. Many small files take longer to find and to link than
 * to run, and ES modules twice as long as CommonJS, so it is a few files of CommonJS: what all commands need, and what
 * only some of them do. Beside them, the licences of those libraries.
 */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OutputOptions, type RolldownOutput, rolldown } from 'rolldown';
import { licencesOf, packagesOf } from './bundled-packages.ts';
import { productionPackages, readLockFile } from './lock-file.ts';
import { pageScriptInside } from './page-as-text.ts';

const PROJECT = join(import.meta.dirname, '..');

/** What users call. */
const PROGRAMS = ['main', 'kubectl-svc2ipt', 'kubectl_complete-svc2ipt'];

/** What others start, a thread and a process, and find beside themselves. */
const STARTED = ['agent/http/health-thread', 'sources/kubernetes/access-process'];

/** Large, and seldom needed: it stays where npm puts it. */
const OUTSIDE = ['@kubernetes/client-node'];

/** What comes from elsewhere: its name in the folder of the command line. */
export const LICENCES = 'THIRD-PARTY-LICENSES';

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
  await writeFile(join(folder, LICENCES), licencesOfModules(modulesOf(output)));
  for (const name of PROGRAMS) await chmod(join(folder, `${name}.js`), 0o755);
}

/** The licences of the packages that modules are of. */
export function licencesOfModules(modules: readonly string[]): string {
  return licencesOf(packagesOf(modules, productionPackages(readLockFile(PROJECT))));
}

if (import.meta.main) await writeCommandLine(process.argv[2] ?? join(PROJECT, 'dist/cli'));
