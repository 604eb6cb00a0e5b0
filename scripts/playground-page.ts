/**
 * Makes the page of the playground, docs/playground/index.html, which `svc2ipt playground` prints: `npm run playground`, or
 * `node scripts/playground-page.ts FILE`. rolldown puts its two scripts together, of src/playground and the libraries that
 * it loads.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { printPlayground } from '../src/playground/html.ts';
import { type BundledPackage, licencesOf, packagesOf } from './bundled-packages.ts';
import { lockedPackages, readLockFile } from './lock-file.ts';
import { playgroundExamples } from './playground-examples.ts';

const PROJECT = join(import.meta.dirname, '..');

export const PLAYGROUND_PAGE = join(PROJECT, 'docs/playground/index.html');

/** The packages that are in the page. */
export async function playgroundPackages(): Promise<BundledPackage[]> {
  return (await scripts()).packages;
}

/** The text of the page. */
export async function playgroundPage(): Promise<string> {
  const [{ page, thread, packages }, style, examples] = await Promise.all([
    scripts(),
    readFile(join(PROJECT, 'src/playground/page/style.css'), 'utf8'),
    playgroundExamples(),
  ]);
  return printPlayground({
    script: page,
    thread,
    style: style.replaceAll(/\/\*.*?\*\/\n?/gs, ''),
    examples,
    licences: licencesOf(packages),
  });
}

/** Its two scripts, and the packages in them. */
async function scripts() {
  const [page, thread] = await Promise.all([
    bundled('src/playground/page/main.tsx'),
    bundled('src/playground/page/worker.ts'),
  ]);
  const packages = packagesOf([...page.modules, ...thread.modules], lockedPackages(readLockFile(PROJECT)));
  return { page: page.code, thread: thread.code, packages };
}

/** A script in one text, and the modules that are in it. */
async function bundled(
  entry: string,
): Promise<{ readonly code: string; readonly modules: readonly string[] }> {
  const bundle = await rolldown({
    cwd: PROJECT,
    input: entry,
    platform: 'browser',
    tsconfig: join(PROJECT, 'src/playground/page/tsconfig.json'),
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  });
  const { output } = await bundle.generate({
    format: 'esm',
    minify: true,
    comments: false,
    codeSplitting: false,
  });
  await bundle.close();
  const [script] = output;
  if (output.length !== 1) throw new Error(`${entry} is more than one file`);
  return { code: script.code, modules: script.moduleIds };
}

if (import.meta.main) await writeFile(process.argv[2] ?? PLAYGROUND_PAGE, await playgroundPage());
