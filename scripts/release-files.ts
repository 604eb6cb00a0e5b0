/**
 * The files of a release, and whether they are as they should be. All but a signature are the same whenever they are made of
 * the same commit. scripts/release-files makes those of a checkout, in build/release.
 */
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { printBill } from './cyclone-dx.ts';
import { executableBill } from './executable.ts';
import { gzip, writeTar } from './files.ts';
import { imagesFile, type MadeImages } from './images.ts';
import { readLockFile } from './lock-file.ts';
import {
  ARCHITECTURES,
  type Architecture,
  isArchitecture,
  nodeRuntime,
  OWN_ARCHITECTURE,
  pinnedNode,
  sha256Of,
} from './node-runtime.ts';
import { printProvenance, type Resource } from './provenance.ts';
import { Refusal } from './refusal.ts';

export interface FilesOptions {
  /** Of executables and images. */
  readonly architectures: readonly Architecture[];
  /** Whether images are made, which takes a Docker engine. */
  readonly images: boolean;
  /** A private key of SSH, which signs the checksums. */
  readonly signKey?: string;
}

interface FilesOf extends FilesOptions {
  readonly version: string;
  readonly commit: string;
  /** A checkout of the commit. */
  readonly worktree: string;
  /** Where the files go. */
  readonly output: string;
}

const CHECKSUMS = 'SHA256SUMS';

/** What signatures by SSH are of, so that one of something else does not count. */
const SIGNED = 'svc2ipt';

/**
 * Makes the package, the executables, the images, the chart, their bills of materials, and what says where they come from.
 * @returns the names of the files that have a checksum, sorted
 */
export async function makeFiles(of: FilesOf): Promise<readonly string[]> {
  const { version, commit, worktree, output, architectures } = of;
  const { stdout: epoch } = await execa({ cwd: worktree })`git log -1 --format=%ct`;
  // Bills that this process writes, too.
  process.env.SOURCE_DATE_EPOCH = epoch;
  const names = await makePackage(of);
  for (const architecture of architectures) names.push(...(await makeExecutable(of, architecture, epoch)));
  const images = of.images ? await makeImageFiles(of) : [];
  names.push(...images.flatMap(({ files }) => files), ...(of.images ? [imagesFile(version)] : []));
  names.push(...(await makeChart(of, epoch)));

  const sums = new Map<string, string>();
  for (const name of names.sort()) sums.set(name, await sha256Of(join(output, name)));
  const subjects: Resource[] = Array.from(sums, ([name, sha256]) => ({ name, digest: { sha256 } }));
  for (const { architecture, images: some } of images)
    for (const { name, digest } of some)
      subjects.push({
        name: `${name} for ${architecture}`,
        digest: { sha256: digest.slice('sha256:'.length) },
      });
  const provenance = `svc2ipt-${version}.intoto.json`;
  const manifest: { repository: { url: string } } = JSON.parse(
    await readFile(join(worktree, 'package.json'), 'utf8'),
  );
  const facts = {
    ...{ version, repository: manifest.repository.url, commit, subjects },
    node: await pinnedNode(),
    lockFile: await sha256Of(join(worktree, 'package-lock.json')),
    bases: images.map(({ base }) => base),
  };
  await writeFile(join(output, provenance), printProvenance(facts));
  sums.set(provenance, await sha256Of(join(output, provenance)));
  const all = [...sums.keys()].sort();
  await writeFile(join(output, CHECKSUMS), all.map((name) => `${sums.get(name)}  ${name}\n`).join(''));
  if (of.signKey !== undefined)
    await execa({ cwd: output })`ssh-keygen -q -Y sign -n ${SIGNED} -f ${of.signKey} ${CHECKSUMS}`;
  return all;
}

async function makePackage({ version, worktree, output }: FilesOf): Promise<string[]> {
  await execa({ cwd: worktree })`npm pack --pack-destination ${output}`;
  const bill = `svc2ipt-${version}.cdx.json`;
  await copyFile(join(worktree, 'sbom.cdx.json'), join(output, bill));
  return [`svc2ipt-${version}.tgz`, bill];
}

/** By the scripts of the commit, as all that is in it. */
const script = (worktree: string, name: string, ...args: readonly string[]) =>
  execa('node', ['--disable-warning=ExperimentalWarning', `scripts/${name}`, ...args], { cwd: worktree });

async function makeExecutable(
  { version, worktree, output }: FilesOf,
  architecture: Architecture,
  epoch: string,
): Promise<string[]> {
  const stem = `svc2ipt-${version}-linux-${architecture}`;
  const work = join(output, 'work');
  const folder = join(work, stem);
  await script(worktree, 'executable.ts', architecture, folder);
  const { version: node, folder: runtime } = await nodeRuntime(architecture);
  const bill = executableBill(readLockFile(worktree), { version: node, path: join(runtime, 'node') });
  await writeFile(join(output, `${stem}.cdx.json`), printBill(bill));
  const tar = join(output, `${stem}.tar`);
  await writeTar(tar, { folder: work, epoch, more: ['--mode=go=u-w', stem] });
  await rm(work, { recursive: true });
  await gzip(tar, `${tar}.gz`);
  return [`${stem}.tar.gz`, `${stem}.cdx.json`];
}

async function makeImageFiles({
  version,
  commit,
  worktree,
  output,
  architectures,
}: FilesOf): Promise<readonly MadeImages[]> {
  await execa({ cwd: worktree })`scripts/bundle`;
  const chosen = architectures.flatMap((name) => ['--architecture', name]);
  await script(worktree, 'images.ts', version, commit, output, ...chosen);
  const made: readonly MadeImages[] = JSON.parse(await readFile(join(output, imagesFile(version)), 'utf8'));
  return made;
}

/** The chart as Helm packs one, in a folder of its own, as npm's package has the same name. */
async function makeChart({ version, worktree, output }: FilesOf, epoch: string): Promise<string[]> {
  const chart = join(worktree, 'deploy/chart');
  const isThere = await stat(chart).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const work = join(output, 'work');
  await cp(chart, join(work, 'svc2ipt'), { recursive: true });
  await mkdir(join(output, 'chart'), { recursive: true });
  const tar = join(output, 'chart', `svc2ipt-${version}.tar`);
  await writeTar(tar, { folder: work, epoch, more: ['--mode=go=u-w', 'svc2ipt'] });
  await rm(work, { recursive: true });
  const name = `chart/svc2ipt-${version}.tgz`;
  await gzip(tar, join(output, name));
  return [name];
}

/**
 * Checks files as those who download them do: the signature, the checksums, and that what runs on this machine starts
 * and says its version.
 * @throws Refusal where it does not; rejects where a program fails
 */
export async function checkFiles(output: string, version: string, options: FilesOptions): Promise<void> {
  await execa({ cwd: output })`sha256sum --check --strict --quiet ${CHECKSUMS}`;
  const work = await mkdtemp(join(tmpdir(), 'svc2ipt-release-'));
  try {
    if (options.signKey !== undefined) {
      const { stdout: key } = await execa`ssh-keygen -y -f ${options.signKey}`;
      const signers = join(work, 'signers');
      await writeFile(signers, `${SIGNED} namespaces="${SIGNED}" ${key}\n`);
      await execa({
        cwd: output,
        inputFile: join(output, CHECKSUMS),
      })`ssh-keygen -Y verify -f ${signers} -I ${SIGNED} -n ${SIGNED} -s ${`${CHECKSUMS}.sig`}`;
    }
    const says = async (program: string, ...args: readonly string[]) => {
      const { stdout } = await execa(program, [...args, '--version']);
      if (stdout.trim() !== version)
        throw new Refusal(`${basename(program)} ${args.join(' ')} says ${stdout}, and not ${version}`);
    };
    await execa`tar -xzf ${join(output, `svc2ipt-${version}.tgz`)} -C ${work}`;
    await says(process.execPath, join(work, 'package/dist/cli/main.js'));
    for (const architecture of options.architectures) {
      if (architecture !== OWN_ARCHITECTURE) continue;
      const stem = `svc2ipt-${version}-linux-${architecture}`;
      await execa`tar -xzf ${join(output, `${stem}.tar.gz`)} -C ${work}`;
      await says(join(work, stem, 'svc2ipt'));
      if (!options.images) continue;
      const docker = process.env.DOCKER ?? 'docker';
      await execa(docker, ['load', '--input', join(output, `svc2ipt-${version}-image-${architecture}.tar`)]);
      for (const image of [`svc2ipt:${version}`, `svc2ipt:${version}-debug`])
        await says(docker, 'run', '--rm', '--network=none', image);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The files with their sizes, a line each. */
export async function describeFiles(output: string, names: readonly string[]): Promise<string> {
  const lines = names.map(async (name) => {
    const { size } = await stat(join(output, name));
    return `  ${(size / 1e6).toFixed(1).padStart(7)} MB  ${name}`;
  });
  return [
    `build/release holds ${(await readdir(output)).length} files and folders:`,
    ...(await Promise.all(lines)),
    '',
  ].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      architecture: { type: 'string', multiple: true, default: Object.keys(ARCHITECTURES) },
      'sign-key': { type: 'string' },
      'without-images': { type: 'boolean', default: false },
    },
  });
  const worktree = process.cwd();
  const output = join(worktree, 'build/release');
  const { version }: { version: string } = JSON.parse(await readFile(join(worktree, 'package.json'), 'utf8'));
  const { stdout: commit } = await execa`git rev-parse HEAD`;
  const signKey = values['sign-key'];
  const options = {
    architectures: values.architecture.filter(isArchitecture),
    images: !values['without-images'],
    ...(signKey !== undefined && { signKey: resolve(signKey) }),
  };
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  const files = await makeFiles({ version, commit, worktree, output, ...options });
  await checkFiles(output, version, options);
  console.log(await describeFiles(output, files));
}
