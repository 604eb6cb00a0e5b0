/**
 * Makes the images of a release as files, by a Docker engine:
 *
 *   scripts/images VERSION REVISION FOLDER [--architecture ARCHITECTURE]... [--base ARCHITECTURE=IMAGE]... [--network NAME]
 *
 * FOLDER gets svc2ipt-VERSION-image-ARCHITECTURE.tar for each, which `docker load` and skopeo take, with two images of the
 * same layer, svc2ipt:VERSION and svc2ipt:VERSION-debug, and the bill of materials beside it. Another architecture than
 * the engine's own needs emulation (qemu-user-static, and binfmt_misc). SOURCE_DATE_EPOCH is their time.
 */
import { copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { type ArchivedImage, writeImageArchive } from './image-archive.ts';
import { IMAGE_BILL } from './image-bill-of-materials.ts';
import { ARCHITECTURES, type Architecture, isArchitecture, nodeRuntime } from './node-runtime.ts';
import type { Resource } from './provenance.ts';
import { Refusal } from './refusal.ts';

const PROJECT = join(import.meta.dirname, '..');

/** Where the Dockerfile takes Node.js from; nothing of it is sent to an engine that builds by hand. */
const IMAGE_NODE = join(PROJECT, 'build/image-node');

/** The base image of the Dockerfile, unless another one is named. */
const BASE = 'node:26-trixie-slim';

export interface ImagesOptions {
  readonly version: string;
  /** The commit. */
  readonly revision: string;
  /** Seconds: the time of the image and of its files. */
  readonly epoch: string;
  /** Where the files go. */
  readonly folder: string;
  readonly architectures: readonly Architecture[];
  /** Base images by architecture, where they are not the Dockerfile's. */
  readonly bases?: Readonly<Partial<Record<Architecture, string>>>;
  /** The network of the build, as `docker build --network` takes it: `none`, where the base image has all programs. */
  readonly network?: string | undefined;
}

/** What was made for an architecture. */
export interface MadeImages {
  readonly architecture: Architecture;
  readonly files: readonly string[];
  readonly images: readonly ArchivedImage[];
  readonly base: Resource;
}

/** The file that says what was made, and its digests: {@link MadeImages}. */
export const imagesFile = (version: string) => `svc2ipt-${version}-images.json`;

/** The engine's client: `docker`, or what DOCKER names. */
const docker = (...args: readonly string[]) =>
  execa(process.env.DOCKER ?? 'docker', args, { cwd: PROJECT, all: true });

/** Whether an engine answers. */
export async function hasEngine(): Promise<boolean> {
  return await docker('version').then(
    () => true,
    () => false,
  );
}

/** Makes images from build/bundle, which scripts/bundle has made before. Rejects where the engine fails. */
export async function makeImages(options: ImagesOptions): Promise<readonly MadeImages[]> {
  await mkdir(options.folder, { recursive: true });
  const made: MadeImages[] = [];
  for (const architecture of options.architectures) made.push(await makeFor(architecture, options));
  return made;
}

async function makeFor(
  architecture: Architecture,
  { version, revision, epoch, folder, bases = {}, network }: ImagesOptions,
): Promise<MadeImages> {
  const runtime = await nodeRuntime(architecture);
  const base = bases[architecture] ?? BASE;
  const names = [
    { name: `svc2ipt:${version}`, target: [] },
    { name: `svc2ipt:${version}-debug`, target: ['--target', 'debug'] },
  ];
  const values = { BASE_IMAGE: base, VERSION: version, REVISION: revision, SOURCE_DATE_EPOCH: epoch };
  const args = Object.entries(values).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
  if (network !== undefined) args.push('--network', network);
  await rm(IMAGE_NODE, { recursive: true, force: true });
  await cp(runtime.folder, join(IMAGE_NODE, architecture), { recursive: true });
  for (const { name, target } of names)
    await docker('build', '--platform', `linux/${architecture}`, ...args, ...target, '-t', name, '.');
  await rm(IMAGE_NODE, { recursive: true });
  const stem = `svc2ipt-${version}-image-${architecture}`;
  const [saved, archive, bill] = [`${stem}.saved`, `${stem}.tar`, `${stem}.cdx.json`].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await docker('save', '-o', saved, ...names.map(({ name }) => name));
  const look = (root: string) => copyFile(join(root, IMAGE_BILL), bill);
  const work = join(folder, `${stem}.work`);
  const images = await writeImageArchive(saved, archive, look, { architecture, epoch, work });
  await rm(saved);
  const { stdout: id } = await docker('image', 'inspect', '--format', '{{.Id}}', base);
  const digest = { sha256: id.slice('sha256:'.length) };
  return {
    architecture,
    files: [`${stem}.tar`, `${stem}.cdx.json`],
    images,
    base: { name: `${base} for ${architecture}`, digest },
  };
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      architecture: { type: 'string', multiple: true, default: Object.keys(ARCHITECTURES) },
      base: { type: 'string', multiple: true, default: [] },
      network: { type: 'string' },
    },
  });
  const [version, revision, folder] = positionals;
  const epoch = process.env.SOURCE_DATE_EPOCH;
  if (version === undefined || revision === undefined || folder === undefined || epoch === undefined)
    throw new Refusal('usage: SOURCE_DATE_EPOCH=SECONDS scripts/images VERSION REVISION FOLDER');
  const bases = Object.fromEntries(values.base.map((text) => text.split('=')));
  const architectures = values.architecture.filter(isArchitecture);
  const made = await makeImages({
    version,
    revision,
    epoch,
    folder,
    architectures,
    bases,
    network: values.network,
  });
  await writeFile(join(folder, imagesFile(version)), `${JSON.stringify(made, undefined, 2)}\n`);
  for (const { architecture, images } of made)
    for (const { name, digest, unpackedBytes } of images)
      console.log(`${name} ${architecture} ${digest} ${Math.round(unpackedBytes / 1e6)} MB unpacked`);
}
