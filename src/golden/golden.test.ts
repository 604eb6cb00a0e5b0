import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findFixtures } from './fixtures.ts';
import { type GoldenRun, runGolden, updateGolden } from './golden.ts';

let folder: string;
let fixtures: string;
let golden: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  fixtures = join(folder, 'fixtures');
  golden = join(folder, 'golden');
});

afterEach(() => rm(folder, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** What there is to say of each golden file. */
function statesOf({ results }: GoldenRun): Record<string, string> {
  const state = (expected: string | undefined, actual: string | undefined) =>
    expected === undefined
      ? 'missing'
      : actual === undefined
        ? 'left over'
        : expected === actual
          ? 'same'
          : 'differs';
  return Object.fromEntries(results.map(({ file, expected, actual }) => [file, state(expected, actual)]));
}

async function update(): Promise<void> {
  for (const result of (await runGolden(fixtures, golden)).results) await updateGolden(golden, result);
}

async function goldenFiles(): Promise<string[]> {
  const entries = await readdir(golden, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(relative(golden, parentPath), name))
    .sort();
}

const SERVICE =
  'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}\n';
const OTHER = SERVICE.replace('10.96.0.10', '10.96.0.11');
const CONFIG =
  'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\niptables: {masqueradeBit: 5}\n';

describe('clusters', () => {
  test.each<[string, Record<string, string>, [string, string[], boolean, boolean][]]>([
    ['none', { 'fixtures/README.md': '' }, []],
    ['the folder itself', { 'fixtures/a.yaml': '' }, [['.', ['a.yaml'], false, false]]],
    [
      'folders with manifests, by name',
      {
        'fixtures/b/x.yaml': '',
        'fixtures/a/z.json': '',
        'fixtures/a/y.yml': '',
        'fixtures/c/README.md': '',
      },
      [
        ['a', ['y.yml', 'z.json'], false, false],
        ['b', ['x.yaml'], false, false],
      ],
    ],
    [
      'with a configuration and facts beside',
      { 'fixtures/a/config.yaml': '', 'fixtures/a/host.yaml': '', 'fixtures/a/b.yaml': '' },
      [['a', ['b.yaml'], true, true]],
    ],
    ['not a configuration alone', { 'fixtures/a/config.yaml': '', 'fixtures/a/host.yaml': '' }, []],
    [
      'folders in folders',
      { 'fixtures/a/b.yaml': '', 'fixtures/a/c/d.yaml': '' },
      [
        ['a', ['b.yaml'], false, false],
        ['a/c', ['d.yaml'], false, false],
      ],
    ],
    ['not what begins with a dot', { 'fixtures/.a/b.yaml': '', 'fixtures/c/.d.yaml': '' }, []],
  ])('%s', async (_, files, expected) => {
    await write(files);
    const found = (await findFixtures(fixtures)).map(({ name, folder, manifests, config, host }) => [
      name,
      manifests.map((path) => relative(folder, path)),
      config !== undefined,
      host !== undefined,
    ]);
    expect(found).toEqual(expected);
  });
});

describe('golden files', () => {
  test('are made, and then are the same', async () => {
    await write({ 'fixtures/web/a.yaml': SERVICE, 'fixtures/x/web/a.yaml': OTHER });
    const before = await runGolden(fixtures, golden);
    expect({ clusters: before.clusters, states: statesOf(before) }).toEqual({
      clusters: 2,
      states: {
        'web/ipv4.rules': 'missing',
        'web/ipv6.rules': 'missing',
        'x/web/ipv4.rules': 'missing',
        'x/web/ipv6.rules': 'missing',
      },
    });
    await update();
    expect(new Set(Object.values(statesOf(await runGolden(fixtures, golden))))).toEqual(new Set(['same']));
    expect(await readFile(join(golden, 'web/ipv4.rules'), 'utf8')).toContain('-d 10.96.0.10 ');
  });

  test('differ where a cluster or its configuration changes, and in the family that it changes', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE, 'fixtures/b/b.yaml': SERVICE, 'fixtures/c/c.yaml': SERVICE });
    await update();
    await write({ 'fixtures/a/a.yaml': OTHER, 'fixtures/b/config.yaml': CONFIG });
    expect(statesOf(await runGolden(fixtures, golden))).toEqual({
      'a/ipv4.rules': 'differs',
      'a/ipv6.rules': 'same',
      'b/ipv4.rules': 'differs',
      'b/ipv6.rules': 'differs',
      'c/ipv4.rules': 'same',
      'c/ipv6.rules': 'same',
    });
  });

  test('go when their cluster goes; files of other names stay', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE, 'fixtures/b/b.yaml': SERVICE });
    await update();
    await write({ 'golden/b/README.md': 'mine', 'golden/rules': 'mine' });
    await rm(join(fixtures, 'b'), { recursive: true });
    expect(statesOf(await runGolden(fixtures, golden))).toMatchObject({ 'b/ipv4.rules': 'left over' });
    await update();
    expect(await goldenFiles()).toEqual(['a/ipv4.rules', 'a/ipv6.rules', 'b/README.md', 'rules']);
  });

  test('of the folder itself', async () => {
    await write({ 'fixtures/a.yaml': SERVICE });
    await update();
    expect(await goldenFiles()).toEqual(['ipv4.rules', 'ipv6.rules']);
  });

  test('tell of assigned addresses', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE.replace('clusterIP: 10.96.0.10, ', '') });
    const { warnings } = await runGolden(fixtures, golden);
    expect(warnings).toEqual([expect.stringContaining('has no cluster IP yet; assigned cluster IP 10.')]);
  });
});

describe('what is misspelt', () => {
  const misspelt = { 'fixtures/a/a.yaml': SERVICE.replace('ports:', 'selectors: {}, ports:') };

  test('is a warning', async () => {
    await write(misspelt);
    const { warnings } = await runGolden(fixtures, golden);
    expect(warnings).toEqual([expect.stringMatching(/spec\.selectors: unknown field \(selector\?\)$/)]);
  });

  test('is an error where it is strict', async () => {
    await write(misspelt);
    const strict = runGolden(fixtures, golden, () => {}, { strict: true });
    await expect(strict).rejects.toThrow('spec.selectors: unknown field (selector?)');
  });

  test('may be a kind, and then a cluster has no Service', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE.replace('kind: Service', 'kind: service') });
    await expect(runGolden(fixtures, golden)).rejects.toThrow(
      /kind: expected Service, got "service"\n.*fixtures\/a: this cluster has objects, but no Service$/,
    );
  });

  test('a cluster without any object is one on purpose', async () => {
    await write({ 'fixtures/a/a.yaml': '' });
    expect((await runGolden(fixtures, golden)).clusters).toBe(1);
  });
});

describe('what is told', () => {
  test.each<[string, Record<string, string>, string]>([
    ['no such folder', {}, 'fixtures: no such file or folder'],
    ['a file instead', { fixtures: '' }, 'fixtures: is below a file, expected a folder there'],
    [
      'no cluster',
      { 'fixtures/README.md': '' },
      'fixtures: no cluster in this folder (no .yaml, .yml or .json file)',
    ],
    [
      'everything wrong in all clusters',
      {
        'fixtures/a/a.yaml': SERVICE.replace('80', '0'),
        'fixtures/b/b.yaml': SERVICE,
        'fixtures/b/config.yaml': 'mode: x',
        'fixtures/c/c.yaml': SERVICE,
        'fixtures/c/host.yaml': 'nodeName: x',
      },
      [
        'fixtures/a/a.yaml, document 1, Service default/web, spec.ports[0].port: expected 1 to 65535, got 0',
        'fixtures/b/config.yaml, document 1, apiVersion: expected kubeproxy.config.k8s.io/v1alpha1, got nothing',
        'fixtures/b/config.yaml, document 1, kind: expected KubeProxyConfiguration, got nothing',
        'fixtures/b/config.yaml, document 1, mode: expected iptables (svc2ipt has no other mode), got "x"',
        'fixtures/c/host.yaml, document 1, nodeName: unknown field',
      ].join('\n'),
    ],
    [
      'a golden folder that is a file',
      { 'fixtures/a/a.yaml': SERVICE, golden: '' },
      'golden: is below a file, expected a folder there',
    ],
  ])('%s', async (_, files, expected) => {
    await write(files);
    const error: unknown = await runGolden(fixtures, golden).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof Error && error.message.replaceAll(`${folder}/`, '')).toBe(expected);
  });

  test('a golden file that cannot be written', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE, 'golden/a': '' });
    await expect(update()).rejects.toThrow('/golden/a/ipv4.rules: is below a file, expected a folder there');
  });
});
