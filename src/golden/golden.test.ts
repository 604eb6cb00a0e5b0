import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatProblem } from '../api/problem.ts';
import { findFixtures } from './fixtures.ts';
import { type GoldenOptions, type GoldenRun, runGolden, updateGolden } from './golden.ts';

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
function statesOf({ clusters }: GoldenRun): Record<string, string> {
  const state = (expected: string | undefined, actual: string | undefined) =>
    expected === undefined
      ? 'missing'
      : actual === undefined
        ? 'left over'
        : expected === actual
          ? 'same'
          : 'differs';
  const results = clusters.flatMap((cluster) => cluster.results);
  return Object.fromEntries(results.map(({ file, expected, actual }) => [file, state(expected, actual)]));
}

/** Everything that is wrong, without the folder of the test. */
function problemsOf({ clusters }: GoldenRun): string[] {
  const all = clusters.flatMap(({ problems }) => problems.map(({ problem }) => formatProblem(problem)));
  return all.map((text) => text.replaceAll(`${folder}/`, ''));
}

const run = (options?: GoldenOptions) => runGolden(fixtures, golden, () => {}, options);

async function update(options?: GoldenOptions): Promise<void> {
  for (const { results } of (await run(options)).clusters) {
    for (const result of results) await updateGolden(golden, result);
  }
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
    const before = await run();
    expect({ clusters: before.clusters.length, states: statesOf(before) }).toEqual({
      clusters: 2,
      states: {
        'web/ipv4.rules': 'missing',
        'web/ipv6.rules': 'missing',
        'x/web/ipv4.rules': 'missing',
        'x/web/ipv6.rules': 'missing',
      },
    });
    await update();
    expect(new Set(Object.values(statesOf(await run())))).toEqual(new Set(['same']));
    expect(await readFile(join(golden, 'web/ipv4.rules'), 'utf8')).toContain('-d 10.96.0.10 ');
  });

  test('differ where a cluster or its configuration changes, and in the family that it changes', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE, 'fixtures/b/b.yaml': SERVICE, 'fixtures/c/c.yaml': SERVICE });
    await update();
    await write({ 'fixtures/a/a.yaml': OTHER, 'fixtures/b/config.yaml': CONFIG });
    expect(statesOf(await run())).toEqual({
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
    expect(statesOf(await run())).toMatchObject({ 'b/ipv4.rules': 'left over' });
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
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringContaining('has no cluster IP yet; assigned cluster IP 10.')]);
  });
});

describe('what is misspelt', () => {
  const misspelt = { 'fixtures/a/a.yaml': SERVICE.replace('ports:', 'selectors: {}, ports:') };

  test('is a warning', async () => {
    await write(misspelt);
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringMatching(/spec\.selectors: unknown field \(selector\?\)$/)]);
  });

  test('is an error where it is strict', async () => {
    await write(misspelt);
    expect(problemsOf(await run({ strict: true }))).toEqual([
      'fixtures/a/a.yaml, document 1, Service default/web, spec.selectors: unknown field (selector?)',
    ]);
  });

  test('may be a kind, and then a cluster has no Service', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE.replace('kind: Service', 'kind: service') });
    expect(problemsOf(await run())).toEqual([
      expect.stringMatching(/kind: expected Service, got "service"$/),
      'fixtures/a: this cluster has objects, but no Service',
    ]);
  });

  test('a cluster without any object is one on purpose', async () => {
    await write({ 'fixtures/a/a.yaml': '' });
    expect((await run()).clusters).toHaveLength(1);
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
      'a golden folder that is a file',
      { 'fixtures/a/a.yaml': SERVICE, golden: '' },
      'golden: is below a file, expected a folder there',
    ],
  ])('%s', async (_, files, expected) => {
    await write(files);
    const error: unknown = await run().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof Error && error.message.replaceAll(`${folder}/`, '')).toBe(expected);
  });

  test('a golden file that cannot be written', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE, 'golden/a': '' });
    await expect(update()).rejects.toThrow('/golden/a/ipv4.rules: is below a file, expected a folder there');
  });
});

describe('clusters that cannot be compiled', () => {
  const BROKEN = SERVICE.replace('80', '0');

  test('are all told, with everything that is wrong, and keep no other from being compared', async () => {
    await write({
      'fixtures/a/a.yaml': BROKEN,
      'fixtures/b/b.yaml': SERVICE,
      'fixtures/b/config.yaml': 'mode: x',
      'fixtures/c/c.yaml': SERVICE,
      'fixtures/c/host.yaml': 'nodeName: x',
      'fixtures/d/d.yaml': SERVICE,
    });
    const done = await run();
    expect(problemsOf(done)).toEqual([
      'fixtures/a/a.yaml, document 1, Service default/web, spec.ports[0].port: expected 1 to 65535, got 0',
      'fixtures/b/config.yaml, document 1, apiVersion: expected kubeproxy.config.k8s.io/v1alpha1, got nothing',
      'fixtures/b/config.yaml, document 1, kind: expected KubeProxyConfiguration, got nothing',
      'fixtures/b/config.yaml, document 1, mode: expected iptables (svc2ipt has no other mode: keep kube-proxy for it, or run kube-proxy --cleanup and then set mode iptables), got "x"',
      'fixtures/c/host.yaml, document 1, nodeName: unknown field',
    ]);
    expect(statesOf(done)).toEqual({ 'd/ipv4.rules': 'missing', 'd/ipv6.rules': 'missing' });
  });

  test('have golden files that are not left over', async () => {
    await write({ 'fixtures/a/a.yaml': SERVICE, 'fixtures/a/b/b.yaml': SERVICE });
    await update();
    await write({ 'golden/a/node-a/ipv4.rules': '', 'fixtures/a/a.yaml': BROKEN });
    expect(statesOf(await run())).toEqual({ 'a/b/ipv4.rules': 'same', 'a/b/ipv6.rules': 'same' });
  });

  test.each<[string, string, string | undefined, number | undefined, number | undefined]>([
    ['a field', BROKEN, 'a.yaml', 4, 40],
    ['a text', 'kind: [\n', 'a.yaml', 2, 1],
    ['no file alone', SERVICE.replace('kind: Service', 'kind: ConfigMap'), undefined, undefined, undefined],
    ['what is no UTF-8', '', undefined, undefined, undefined],
  ])('are told with the place of %s', async (_, text, file, line, column) => {
    await write({ 'fixtures/a/a.yaml': text });
    if (text === '') await writeFile(join(fixtures, 'a/a.yaml'), Buffer.from([0xff, 0xfe, 0x20]));
    const [first] = (await run()).clusters.flatMap(({ problems }) => problems);
    expect(first?.location).toEqual({
      file: file && join(fixtures, 'a', file),
      position: line && { line, column },
    });
  });
});

describe('a Service is found in the manifests', () => {
  test.each<[string, string, object | undefined]>([
    ['first', 'default/web', { line: 1, column: 1 }],
    ['second', 'default/api', { line: 6, column: 1 }],
    ['not at all', 'default/db', undefined],
  ])('%s', async (_, service, position) => {
    await write({ 'fixtures/a/a.yaml': `${SERVICE}---\n${OTHER.replace('name: web', 'name: api')}` });
    const [cluster] = (await run()).clusters;
    expect(cluster?.locationOf(service)).toEqual(position && { file: join(fixtures, 'a/a.yaml'), position });
  });
});

describe('options narrow what is compared and written', () => {
  const FAST = 'svc2ipt: {layout: fast}\n';
  const files = {
    'fixtures/a/a.yaml': SERVICE,
    'fixtures/b/b.yaml': SERVICE,
    'fixtures/b/config.yaml': FAST,
    'fixtures/b/c/c.yaml': SERVICE,
    'golden/gone/ipv4.rules': '',
    'golden/gone/ipv6.rules': '',
  };
  const [a, b, c, gone] = ['a', 'b', 'b/c', 'gone'].map((name) =>
    ['ipv4', 'ipv6'].map((family) => `${name}/${family}.rules`),
  );

  test.each<[string, GoldenOptions, (readonly string[] | undefined)[]]>([
    ['nothing', {}, [a, b, c, gone]],
    ['one cluster', { clusters: ['a'] }, [a]],
    ['two clusters', { clusters: ['b', 'gone'] }, [b, gone]],
    ['a cluster below another', { clusters: ['b/c'] }, [c]],
    ['a layout', { layout: 'fast' }, [b]],
    ['the other layout', { layout: 'kube-proxy' }, [a, c]],
    ['a layout and a cluster', { layout: 'kube-proxy', clusters: ['a'] }, [a]],
    ['a family', { families: ['ipv6'] }, [a, b, c, gone].map((both) => both?.slice(1))],
    ['all of it', { families: ['ipv4'], clusters: ['b'], layout: 'fast' }, [b?.slice(0, 1)]],
  ])('%s', async (_, options, expected) => {
    await write(files);
    const narrowed = expected.flatMap((some) => some ?? []);
    expect(Object.keys(statesOf(await run(options))).sort()).toEqual(narrowed.toSorted());
    await update(options);
    const kept = ['gone/ipv4.rules', 'gone/ipv6.rules'].filter((file) => !narrowed.includes(file));
    const written = narrowed.filter((file) => !file.startsWith('gone/'));
    expect(await goldenFiles()).toEqual([...kept, ...written].sort());
  });

  test.each<[string, GoldenOptions, string]>([
    ['a cluster that there is not', { clusters: ['a', 'gnoe'] }, '--cluster: no cluster "gnoe" (gone?)'],
    [
      'a layout that the cluster has not',
      { clusters: ['a'], layout: 'fast' },
      '--layout: no cluster has the layout fast',
    ],
  ])('not to %s', async (_, options, message) => {
    await write(files);
    await expect(run(options)).rejects.toThrow(message);
  });

  test('what cannot be read may have any layout', async () => {
    await write({ ...files, 'fixtures/a/config.yaml': 'mode: x\n' });
    const { clusters } = await run({ layout: 'fast' });
    expect(clusters.map(({ name, problems }) => [name, problems.length > 0])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });
});
