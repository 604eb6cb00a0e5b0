/**
 * Makes the command line that is published, of src/cli and the libraries that it loads: `node scripts/command-line.ts`
 * writes it into dist/cli, or into the folder that it is given. Many small files take longer to find and to link than
 * to run, and ES modules twice as long as CommonJS, so it is a few files of CommonJS: what all commands need, and what
 * only some of them do. Beside them, the licences of those libraries.
 */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { pageScript } from '../src/graph/formats/page-script.ts';
import { licencesOf, packagesOf } from './bundled-packages.ts';
import { productionPackages, readLockFile } from './lock-file.ts';

const PROJECT = join(import.meta.dirname, '..');

/** What users call. */
const PROGRAMS = ['main', 'kubectl-svc2ipt', 'kubectl_complete-svc2ipt'];

/** What others start, a thread and a process, and find beside themselves. */
const STARTED = ['agent/http/health-thread', 'sources/kubernetes/access-process'];

/** Large, and seldom needed: it stays where npm puts it. */
const OUTSIDE = ['@kubernetes/client-node'];

/** What comes from elsewhere: its name in the folder of the command line. */
export const LICENCES = 'THIRD-PARTY-LICENSES';

/** The script of the page of `svc2ipt graph`, which is put together from modules at run time otherwise. */
const pageScriptInside: Plugin = {
  name: 'page-script',
  async load(id) {
    if (id !== join(PROJECT, 'src/graph/formats/page-script.ts')) return undefined;
    return `export const pageScript = async () => ${JSON.stringify(await pageScript())};`;
  },
};

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
    // Names stay, as faults of the program are told with them.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    comments: false,
  });
  // The package is one of ES modules.
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
  const modules = output.flatMap((one) => (one.type === 'chunk' ? one.moduleIds : []));
  const installed = productionPackages(readLockFile(PROJECT));
  await writeFile(join(folder, LICENCES), licencesOf(packagesOf(modules, installed)));
  for (const name of PROGRAMS) await chmod(join(folder, `${name}.js`), 0o755);
}

if (import.meta.main) await writeCommandLine(process.argv[2] ?? join(PROJECT, 'dist/cli'));
