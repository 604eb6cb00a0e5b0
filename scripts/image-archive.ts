/**
 * Images as files of a release. What an engine saves has the times of its build, and each builder writes layers in its
 * own way; here the files of an image are written anew, so that an archive has the same bytes whenever and by whatever
 * builder it is made. It is an OCI image layout (skopeo, crane, ctr, podman) and what `docker load` reads, in one.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { gzip, writeTar } from './files.ts';
import { type Architecture, sha256Of } from './node-runtime.ts';

/** An image in an archive, and its bytes unpacked. */
export interface ArchivedImage {
  readonly name: string;
  /** Of its manifest, by which registries know it: `sha256:...`. */
  readonly digest: string;
  readonly unpackedBytes: number;
}

export interface ArchiveOptions {
  readonly architecture: Architecture;
  /** The time of all files and of the image, in seconds. */
  readonly epoch: string;
  /** A folder for what is made on the way, which is removed. */
  readonly work: string;
}

/** What `docker save` writes of each image. */
interface SavedImage {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/** What an image is, in the file that `docker save` calls its Config. */
interface SavedConfig {
  readonly config: RunConfiguration;
  /** The layers by their bytes; an engine may save one of them once for each image, in files of other names. */
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** What decides how an image runs; the rest tells of the build. */
const CONFIGURED = ['User', 'Env', 'Entrypoint', 'Cmd', 'Healthcheck', 'Labels'] as const;

type RunConfiguration = Readonly<Partial<Record<(typeof CONFIGURED)[number], unknown>>>;

const OCI = 'application/vnd.oci.image';

/**
 * Writes an archive of what `docker save` wrote: images of one layer, which they share.
 * @param saved the file
 * @param archive where the archive goes
 * @returns the images, and the folder with their files, for whoever looks at those before `work` is removed
 */
export async function writeImageArchive(
  saved: string,
  archive: string,
  look: (root: string) => Promise<void>,
  { architecture, epoch, work }: ArchiveOptions,
): Promise<readonly ArchivedImage[]> {
  const [unpacked, root, layout] = [join(work, 'saved'), join(work, 'root'), join(work, 'layout')];
  const blobs = join(layout, 'blobs/sha256');
  await rm(work, { recursive: true, force: true });
  for (const folder of [unpacked, root, blobs]) await mkdir(folder, { recursive: true });
  try {
    await execa`tar -xf ${saved} -C ${unpacked}`;
    const read = async (name: string) => JSON.parse(await readFile(join(unpacked, name), 'utf8'));
    const manifest: readonly SavedImage[] = await read('manifest.json');
    const images = await Promise.all(
      manifest.map(async (image) => ({ ...image, ...((await read(image.Config)) as SavedConfig) })),
    );
    const [saveLayer] = images.flatMap(({ Layers }) => Layers);
    if (saveLayer === undefined || new Set(images.flatMap(({ rootfs }) => rootfs.diff_ids)).size !== 1)
      throw new Error(`expected images of one and the same layer, got ${JSON.stringify(manifest)}`);
    await execa`tar -xpf ${join(unpacked, saveLayer)} -C ${root}`;
    await look(root);

    const layer = join(work, 'layer.tar');
    await writeTar(layer, { folder: root, epoch, more: ['.'] });
    const diffId = `sha256:${await sha256Of(layer)}`;
    const unpackedBytes = (await stat(layer)).size;
    await gzip(layer, join(work, 'layer.tar.gz'));
    const packed = await addBlob(blobs, join(work, 'layer.tar.gz'), `${OCI}.layer.v1.tar+gzip`);

    const archived: ArchivedImage[] = [];
    const entries: object[] = [];
    const forDocker: SavedImage[] = [];
    const named = images
      .flatMap(({ RepoTags, config }) => (RepoTags ?? []).map((name) => ({ name, told: config })))
      // An engine saves them in no certain order.
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, told } of named) {
      const created = new Date(Number(epoch) * 1000).toISOString();
      const config = await addJSON(blobs, work, `${OCI}.config.v1+json`, {
        created,
        architecture,
        os: 'linux',
        config: Object.fromEntries(
          CONFIGURED.flatMap((key) => (told[key] == null ? [] : [[key, told[key]]])),
        ),
        rootfs: { type: 'layers', diff_ids: [diffId] },
        history: [{ created, created_by: 'Dockerfile' }],
      });
      const manifest = await addJSON(blobs, work, `${OCI}.manifest.v1+json`, {
        schemaVersion: 2,
        mediaType: `${OCI}.manifest.v1+json`,
        config,
        layers: [packed],
      });
      const pathOf = ({ digest }: Descriptor) => `blobs/sha256/${digest.slice('sha256:'.length)}`;
      archived.push({ name, digest: manifest.digest, unpackedBytes });
      entries.push({
        ...manifest,
        platform: { architecture, os: 'linux' },
        annotations: {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
        },
      });
      forDocker.push({ Config: pathOf(config), RepoTags: [name], Layers: [pathOf(packed)] });
    }
    const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: entries };
    await writeFile(join(layout, 'index.json'), JSON.stringify(index));
    await writeFile(join(layout, 'manifest.json'), JSON.stringify(forDocker));
    await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    // Private to nobody, whatever this process gives new files.
    await execa`chmod -R u=rwX,go=rX ${layout}`;
    const files = ['oci-layout', 'index.json', 'manifest.json', 'blobs'];
    await writeTar(archive, { folder: layout, epoch, more: files });
    return archived;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** As a manifest names a blob. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Moves a file to where its digest says. */
async function addBlob(blobs: string, file: string, mediaType: string): Promise<Descriptor> {
  const digest = await sha256Of(file);
  const { size } = await stat(file);
  await rename(file, join(blobs, digest));
  return { mediaType, digest: `sha256:${digest}`, size };
}

async function addJSON(blobs: string, work: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const file = join(work, 'blob.json');
  await writeFile(file, JSON.stringify(value));
  return await addBlob(blobs, file, mediaType);
}
