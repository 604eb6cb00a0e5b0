/**
 * The Node.js that images and single executables have, for each architecture: that of package-lock.json, from npm's package of
 * it. The lock file knows only the one that this machine installs, by a script, so docker/node.json has the checksums.
 *
 *   node scripts/node-runtime.ts amd64 arm64    # into build/node/ARCHITECTURE
 *   node scripts/node-runtime.ts --update       # after the lock file has another Node.js
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { readLockFile } from './lock-file.ts';
import { Refusal } from './refusal.ts';

const PROJECT = join(import.meta.dirname, '..');

/** As images name them, with the name that npm has for each. */
export const ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' } as const;

export type Architecture = keyof typeof ARCHITECTURES;

export function isArchitecture(text: string): text is Architecture {
  return text in ARCHITECTURES;
}

/** That of this machine; undefined where it is none of them. */
export const OWN_ARCHITECTURE = Object.keys(ARCHITECTURES)
  .filter(isArchitecture)
  .find((one) => ARCHITECTURES[one] === process.arch);

/** A Node.js: the folder with its program, `node`, and its `LICENSE`. */
export interface NodeRuntime {
  readonly version: string;
  readonly architecture: Architecture;
  readonly folder: string;
}

/** What docker/node.json holds: the version, and the checksum of each program. */
export interface PinnedNode {
  readonly version: string;
  readonly sha256: Readonly<Record<Architecture, string>>;
}

const PINS = join(PROJECT, 'docker/node.json');

export async function pinnedNode(): Promise<PinnedNode> {
  const pins: PinnedNode = JSON.parse(await readFile(PINS, 'utf8'));
  return pins;
}

/**
 * Puts a Node.js into build/node, unless it is there: from node_modules where that is of this architecture, else from npm.
 * @throws Refusal where it is not the one that docker/node.json names
 */
export async function nodeRuntime(architecture: Architecture): Promise<NodeRuntime> {
  const { version, sha256 } = await pinnedNode();
  const folder = join(PROJECT, 'build/node', architecture);
  const expected = sha256[architecture];
  if ((await sha256Of(join(folder, 'node')).catch(() => undefined)) !== expected) {
    await install(architecture, version, folder);
    const found = await sha256Of(join(folder, 'node'));
    if (found !== expected) {
      await rm(folder, { recursive: true });
      throw new Refusal(
        `Node.js ${version} for ${architecture} has the checksum ${found}, and docker/node.json says ${expected}`,
      );
    }
  }
  return { version, architecture, folder };
}

async function install(architecture: Architecture, version: string, folder: string): Promise<void> {
  await mkdir(join(PROJECT, 'build/node'), { recursive: true });
  // Whoever else does the same at this moment sees all of it or nothing.
  const made = await mkdtemp(join(PROJECT, 'build/node/new-'));
  try {
    const name = `node-linux-${ARCHITECTURES[architecture]}`;
    // Of this checkout or of one around it.
    const here = fileURLToPath(new URL(`node_modules/${name}/`, import.meta.resolve('node/package.json')));
    const isHere = await copyFile(join(here, 'LICENSE'), join(made, 'LICENSE')).then(
      () => true,
      () => false,
    );
    if (isHere) await copyFile(join(here, 'bin/node'), join(made, 'node'));
    else {
      await execa({ cwd: made })`npm pack --silent ${`${name}@${version}`}`;
      await execa({
        cwd: made,
      })`tar -xzf ${`${name}-${version}.tgz`} --strip-components=1 package/LICENSE package/bin/node`;
      await rename(join(made, 'bin/node'), join(made, 'node'));
      await rm(join(made, 'bin'), { recursive: true });
      await rm(join(made, `${name}-${version}.tgz`));
    }
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

/** The SHA-256 of a file, as `sha256sum` writes it. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Writes docker/node.json by what npm gives for the version of the lock file. */
async function update(): Promise<void> {
  const version = readLockFile(PROJECT).packages['node_modules/node']?.version;
  if (version === undefined) throw new Refusal('package-lock.json has no package node');
  const sums: [Architecture, string][] = [];
  for (const architecture of Object.keys(ARCHITECTURES).filter(isArchitecture)) {
    const folder = join(PROJECT, 'build/node', architecture);
    await install(architecture, version, folder);
    sums.push([architecture, await sha256Of(join(folder, 'node'))]);
  }
  await writeFile(PINS, `${JSON.stringify({ version, sha256: Object.fromEntries(sums) }, null, 2)}\n`);
}

if (import.meta.main) {
  const [first, ...more] = process.argv.slice(2);
  if (first === '--update') await update();
  else {
    const wanted = [first ?? OWN_ARCHITECTURE ?? '', ...more];
    for (const name of wanted) {
      if (!isArchitecture(name))
        throw new Error(`${name} is none of ${Object.keys(ARCHITECTURES).join(', ')}`);
      console.log((await nodeRuntime(name)).folder);
    }
  }
}
