/**
 * Makes svc2ipt as a single executable, with Node.js in it (https://nodejs.org/api/single-executable-applications.html):
 *
 *   node scripts/executable.ts ARCHITECTURE FOLDER    # FOLDER/svc2ipt, its links, and the licences
 *
 * What the command line is put together from is in one script; what runs in a thread or a process of its own is a script
 * beside it. Node.js could also keep the compiled script in it, which saves a third of a start; but it can do so only for the
 * architecture that it runs on, and an executable is the same whatever machine makes it.
 */
import { copyFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type Plugin, rolldown } from 'rolldown';
import { billOfMaterials } from './bill-of-materials.ts';
import { LICENCES, licencesOfModules, modulesOf } from './command-line.ts';
import { type BillOfMaterials, billOf } from './cyclone-dx.ts';
import { nodeComponent } from './image-bill-of-materials.ts';
import type { LockFile } from './lock-file.ts';
import { type Architecture, isArchitecture, nodeRuntime, OWN_ARCHITECTURE } from './node-runtime.ts';
import { pageScriptInside } from './page-as-text.ts';
import { Refusal } from './refusal.ts';

const PROJECT = join(import.meta.dirname, '..');

/** What it is made of, by their names in it. */
const SCRIPTS = {
  'svc2ipt.js': 'cli/executable',
  'health-thread.js': 'agent/http/health-thread',
  'access-process.js': 'sources/kubernetes/access-process',
};

/** Other names of it, by which it is another program (src/cli/executable.ts). */
const LINKS = ['kubectl-svc2ipt', 'kubectl_complete-svc2ipt'];

/** What a library asks for and goes without: it is there for development only, if at all. */
const WITHOUT = ['supports-color'];

/** What reads a kubeconfig, without the types of the API, which are three quarters of the library. */
const kubeconfigOnly: Plugin = {
  name: 'kubeconfig-only',
  resolveId(id) {
    if (id !== '@kubernetes/client-node') return undefined;
    return fileURLToPath(new URL('config.js', import.meta.resolve(id)));
  },
};

/** GNU's names, in those of its programs. */
const TRIPLES = {
  amd64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
} as const satisfies Record<Architecture, string>;

/**
 * Writes the executable, links and licences into a folder, and takes out what was there.
 * @throws Refusal where Node.js is not the one that is pinned, or where there is no strip for the architecture
 */
export async function writeExecutable(folder: string, architecture: Architecture): Promise<void> {
  const runtime = await nodeRuntime(architecture);
  if (process.versions.node !== runtime.version) {
    throw new Refusal(
      `this is Node.js ${process.versions.node}, and only ${runtime.version} can put a script into ${runtime.version}`,
    );
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const made = await mkdtemp(join(resolve(folder), 'made-'));
  try {
    const scripts = await Promise.all(
      Object.entries(SCRIPTS).map(([name, path]) => writeScript(`src/${path}.ts`, join(made, name))),
    );
    const node = join(made, 'node');
    // The names of its functions are a fifth of Node.js, and for debuggers only.
    await strip(join(runtime.folder, 'node'), node, architecture);
    const settings = {
      // As a fault of the program names it, whoever made it and where.
      main: 'svc2ipt.js',
      executable: node,
      output: join(made, 'svc2ipt'),
      assets: {
        'health-thread.js': join(made, 'health-thread.js'),
        'access-process.js': join(made, 'access-process.js'),
        'package.json': join(PROJECT, 'package.json'),
      },
      disableExperimentalSEAWarning: true,
      // That node:ffi is young is nothing for users to do anything about (src/cli/frugal.ts).
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // Further ones are an argument, which may be any, and NODE_OPTIONS is none of this program's.
      execArgvExtension: 'cli',
    };
    const config = join(made, 'sea.json');
    await writeFile(config, JSON.stringify(settings));
    await execa(process.execPath, ['--build-sea', config], { cwd: made });
    await rename(settings.output, join(folder, 'svc2ipt'));
    for (const name of LINKS) await symlink('svc2ipt', join(folder, name));
    await writeFile(join(folder, LICENCES), licencesOfModules(scripts.flat()));
    await copyFile(join(PROJECT, 'LICENSE'), join(folder, 'LICENSE'));
    await copyFile(join(runtime.folder, 'LICENSE'), join(folder, 'LICENSE.node'));
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** What is in an executable: the program with its libraries, and Node.js. */
export function executableBill(
  lock: LockFile,
  node: { readonly version: string; readonly path: string },
): BillOfMaterials {
  const { metadata, components, dependencies } = billOfMaterials(lock);
  const nodejs = nodeComponent(node);
  const { purl: _, ...named } = metadata.component;
  const ref = `${named['bom-ref']}#executable`;
  return billOf({
    component: { ...named, 'bom-ref': ref },
    components: [metadata.component, ...components, nodejs],
    dependencies: [{ ref, dependsOn: [named['bom-ref'], nodejs['bom-ref']] }, ...dependencies],
  });
}

/**
 * Puts a module and all that it imports into one script, in lines that a stack trace can show.
 * @returns the files that it is made of
 */
async function writeScript(input: string, file: string): Promise<readonly string[]> {
  const bundle = await rolldown({
    cwd: PROJECT,
    input,
    platform: 'node',
    external: WITHOUT,
    plugins: [pageScriptInside, kubeconfigOnly],
  });
  const { output } = await bundle.write({ file, format: 'cjs', codeSplitting: false, comments: false });
  return modulesOf(output);
}

async function strip(from: string, to: string, architecture: Architecture): Promise<void> {
  const program = `${TRIPLES[architecture]}-strip`;
  const { exitCode, shortMessage } = await execa(program, ['--strip-unneeded', '-o', to, from], {
    reject: false,
  });
  if (exitCode === 0) return;
  const name = `binutils-${TRIPLES[architecture].replace('_', '-')}`;
  throw new Refusal(`${shortMessage}; on Debian, ${name} has ${program}`);
}

if (import.meta.main) {
  const [architecture = '', folder = join('build/executable', architecture)] = process.argv.slice(2);
  if (!isArchitecture(architecture)) throw new Error(`usage: node scripts/executable.ts ${OWN_ARCHITECTURE}`);
  await writeExecutable(folder, architecture);
}
