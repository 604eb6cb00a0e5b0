/** Images as files of a release, from what an engine saves, in the ways that engines and builders do. */
import { copyFile, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeImageArchive } from '../scripts/image-archive.ts';
import { sha256Of } from '../scripts/node-runtime.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-image-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What `docker save` would write of two images of one layer; engines differ in times, names, order, and what else they say. */
async function save(
  name: string,
  { time, layers: [layer, other = layer] }: { readonly time: number; readonly layers: [string, string?] },
) {
  const [root, saved] = [join(folder, name, 'root'), join(folder, name, 'saved')];
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await mkdir(join(saved, layer, '..'), { recursive: true });
  await writeFile(join(root, 'usr/bin/program'), 'text', { mode: 0o755 });
  await execa`ln -s program ${join(root, 'usr/bin/link')}`;
  await utimes(join(root, 'usr/bin/program'), time, time);
  await execa`tar -C ${root} -cf ${join(saved, layer)} usr`;
  const rootfs = { type: 'layers', diff_ids: [`sha256:${await sha256Of(join(saved, layer))}`] };
  if (other !== layer) {
    await mkdir(join(saved, other, '..'), { recursive: true });
    await copyFile(join(saved, layer), join(saved, other));
  }
  const suffixes = time === 2 ? ['-debug', ''] : ['', '-debug'];
  const configs = suffixes.map((suffix) => ({
    Config: `config${suffix}-${time}.json`,
    RepoTags: [`svc2ipt:1.2.3${suffix}`],
    Layers: [suffix === '' ? layer : other],
    User: suffix === '' ? '65532:65532' : '0:0',
  }));
  for (const { Config, User } of configs) {
    const config = {
      User,
      Entrypoint: ['svc2ipt'],
      WorkingDir: time === 1 ? '' : '/',
      Image: `sha256:${time}`,
    };
    await writeFile(
      join(saved, Config),
      JSON.stringify({ created: String(time), container: 'abc', config, rootfs }),
    );
  }
  await writeFile(
    join(saved, 'manifest.json'),
    JSON.stringify(configs.map(({ Config, RepoTags, Layers }) => ({ Config, RepoTags, Layers }))),
  );
  const file = join(folder, `${name}.saved`);
  await execa`tar -C ${saved} -cf ${file} .`;
  return file;
}

async function archive(name: string, saved: string) {
  const file = join(folder, `${name}.tar`);
  const seen: string[] = [];
  const look = async (root: string) => {
    seen.push(await readFile(join(root, 'usr/bin/program'), 'utf8'));
  };
  const options = { architecture: 'arm64', epoch: '1700000000', work: join(folder, `${name}.work`) } as const;
  const images = await writeImageArchive(saved, file, look, options);
  return { file, images, seen };
}

describe('an archive of images', () => {
  test('is the same, whenever and by whatever builder', async () => {
    const one = await archive(
      'one',
      await save('older', { time: 1, layers: ['abc/layer.tar', 'def/layer.tar'] }),
    );
    const other = await archive('other', await save('newer', { time: 2, layers: ['blobs/sha256/def'] }));
    expect(other.images).toEqual(one.images);
    expect(await sha256Of(other.file)).toBe(await sha256Of(one.file));
    expect([...one.seen, ...other.seen]).toEqual(['text', 'text']);
  });

  test('is an OCI image layout, and what docker load reads', async () => {
    const { file, images } = await archive(
      'third',
      await save('third', { time: 3, layers: ['l/layer.tar'] }),
    );
    const read = async (path: string) => JSON.parse((await execa`tar -xOf ${file} ${path}`).stdout);
    const blob = (digest: string) => read(`blobs/sha256/${digest.replace('sha256:', '')}`);
    expect(await read('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    const { manifests } = await read('index.json');
    expect(manifests.map(({ digest }: { digest: string }) => digest)).toEqual(
      images.map(({ digest }) => digest),
    );
    const forDocker = await read('manifest.json');
    expect(forDocker.map(({ RepoTags }: { RepoTags: string[] }) => RepoTags)).toEqual([
      ['svc2ipt:1.2.3'],
      ['svc2ipt:1.2.3-debug'],
    ]);
    for (const [i, { digest, platform }] of manifests.entries()) {
      expect(platform).toEqual({ architecture: 'arm64', os: 'linux' });
      const { config, layers } = await blob(digest);
      expect(`blobs/sha256/${config.digest.slice(7)}`).toBe(forDocker[i].Config);
      const { created, architecture, os, config: told, rootfs } = await blob(config.digest);
      expect({ created, architecture, os }).toEqual({
        created: '2023-11-14T22:13:20.000Z',
        architecture: 'arm64',
        os: 'linux',
      });
      expect(told).toEqual({ User: i === 0 ? '65532:65532' : '0:0', Entrypoint: ['svc2ipt'] });
      const layer = join(folder, 'layer.tar');
      await execa({
        shell: true,
      })`tar -xOf ${file} ${`blobs/sha256/${layers[0].digest.slice(7)}`} | gzip -d >${layer}`;
      expect(rootfs.diff_ids).toEqual([`sha256:${await sha256Of(layer)}`]);
      expect((await execa`tar -tvf ${layer}`).stdout).toMatch(
        /-rwxr-xr-x 0\/0 +4 2023-11-14 .* \.\/usr\/bin\/program/,
      );
    }
  });

  test('images that share no layer are refused', async () => {
    const saved = join(folder, 'two');
    await mkdir(saved);
    const images = ['a', 'b'].map((layer) => ({ Config: `${layer}.json`, RepoTags: null, Layers: [layer] }));
    for (const { Config } of images)
      await writeFile(join(saved, Config), JSON.stringify({ config: {}, rootfs: { diff_ids: [Config] } }));
    await writeFile(join(saved, 'manifest.json'), JSON.stringify(images));
    await execa`tar -C ${saved} -cf ${`${saved}.saved`} .`;
    await expect(archive('two', `${saved}.saved`)).rejects.toThrow(
      'expected images of one and the same layer',
    );
  });
});
