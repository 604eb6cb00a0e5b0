import { appendFile, link, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileChange } from '../../test/support/arbitrary/manifest-files.ts';
import { InputError } from '../api/problem.ts';
import { DEFAULT_SERVICE_RANGES, type LoadedCluster, type LoadOptions, loadCluster } from './cluster.ts';
import type { SourceChange } from './source.ts';
import type { SourceText } from './source-text.ts';
import { WatchedFolder } from './watched-folder.ts';

const TIMES = { settled: 40, rescan: 400 };

let folder: string;
let watched: WatchedFolder;
let stop: AbortController;
let running: Promise<void> | undefined;
let last: SourceChange | undefined;
let told: { changes: number; invalid: string[]; warnings: string[] };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  told = { changes: 0, invalid: [], warnings: [] };
  stop = new AbortController();
  running = undefined;
});

afterEach(async () => {
  stop.abort();
  await running;
  await rm(folder, { recursive: true, force: true });
});

function follow(): void {
  watched = new WatchedFolder(
    folder,
    { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false },
    {
      changed: (change) => {
        last = change;
        told.changes++;
      },
      invalid: (message) => told.invalid.push(message),
      warned: (message) => told.warnings.push(message),
    },
    TIMES,
  );
  running = watched.run(stop.signal);
}

const service = (name: string, port = 80, ip = `10.96.0.${name.charCodeAt(0)}`) =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {clusterIP: ${ip}, ports: [{port: ${port}}]}}\n`;

const write = (name: string, text: string) => writeFile(join(folder, name), text);

function state(): string[] {
  return [...watched.cluster.services].map(([key, { service }]) => `${key}:${service.ports[0]?.port}`).sort();
}

async function eventually<T>(actual: () => T, expected: T): Promise<void> {
  const end = Date.now() + 5000;
  while (JSON.stringify(actual()) !== JSON.stringify(expected) && Date.now() < end) await sleep(5);
  expect(actual()).toEqual(expected);
}

test('a Node that is not there is missed where there are others', async () => {
  await write('a.yaml', service('a'));
  follow();
  await eventually(() => watched.synced, true);
  expect(await watched.noSuchNode('node-x')).toBeUndefined();
  for (const name of ['node-a', 'node-x.example']) {
    await write(`${name}.yaml`, `{apiVersion: v1, kind: Node, metadata: {name: ${name}}}\n`);
  }
  await eventually(() => watched.nodes.size, 2);
  expect(await watched.noSuchNode('node-x')).toBe(
    'no Node node-x in the manifests, which has node-x.example, node-a',
  );
});

test('no Pods are made of workloads: an agent sends nobody to addresses that nobody has', async () => {
  const template = '{metadata: {labels: {app: a}}, spec: {containers: []}}';
  const selecting = service('a').replace('spec: {', 'spec: {selector: {app: a}, ');
  await write('a.yaml', selecting);
  await write(
    'b.yaml',
    `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: ${template}}}`,
  );
  // What is no workload for a control plane is none of an agent's business.
  await write('c.yaml', '{apiVersion: apps/v1, kind: Deployment, metadata: {name: b}, spec: 1}');
  follow();
  await eventually(state, ['default/a:80']);
  expect(watched.cluster.services.get('default/a')?.endpointSlices).toEqual([]);
  expect(told.invalid).toEqual([]);
});

test('files appear, change and go', async () => {
  await write('a.yaml', service('a'));
  follow();
  await eventually(state, ['default/a:80']);
  await mkdir(join(folder, 'deep/er'), { recursive: true });
  await write('deep/er/b.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] }));
  await write('deep/c.yml', service('c'));
  await eventually(state, ['default/a:80', 'default/c:80']);
  await write('a.yaml', `${service('a', 81)}---\n${service('d')}`);
  await eventually(state, ['default/a:81', 'default/c:80', 'default/d:80']);
  await rm(join(folder, 'deep'), { recursive: true });
  await eventually(state, ['default/a:81', 'default/d:80']);
  expect(told.invalid).toEqual([]);
});

test('an entry that did not change stays the same object', async () => {
  await write('all.yaml', `${service('a')}---\n${service('b')}`);
  follow();
  await eventually(state, ['default/a:80', 'default/b:80']);
  const before = watched.cluster.services.get('default/a');
  await write('all.yaml', `${service('a')}---\n${service('b', 81)}`);
  await eventually(state, ['default/a:80', 'default/b:81']);
  expect(watched.cluster.services.get('default/a')).toBe(before);
});

test('a file that is renamed into its place is taken whole', async () => {
  await write('a.yaml', service('a'));
  follow();
  await eventually(state, ['default/a:80']);
  await write('a.yaml.new', service('a', 8080));
  await rename(join(folder, 'a.yaml.new'), join(folder, 'a.yaml'));
  await eventually(state, ['default/a:8080']);
});

test('a file that is being written is taken when it is left alone, never in between', async () => {
  await write('a.yaml', service('a'));
  follow();
  await eventually(state, ['default/a:80']);
  const seen = new Set<string>();
  const watching = setInterval(() => seen.add(state().join(' ')), 1);
  await write('a.yaml', '');
  for (const name of ['a', 'b', 'c', 'd']) {
    await appendFile(join(folder, 'a.yaml'), `---\n${service(name, 90)}`);
    await sleep(TIMES.settled / 4);
  }
  await eventually(state, ['default/a:90', 'default/b:90', 'default/c:90', 'default/d:90']);
  clearInterval(watching);
  expect([...seen].filter((text) => text !== state().join(' '))).toEqual(['default/a:80']);
});

test('a bad file is told of once, and keeps its last good state', async () => {
  await write('a.yaml', service('a'));
  follow();
  await eventually(state, ['default/a:80']);
  await write('a.yaml', service('a', 70000));
  await write('b.yaml', service('b'));
  await eventually(state, ['default/a:80', 'default/b:80']);
  await sleep(2 * TIMES.rescan);
  expect(told.invalid).toEqual([
    expect.stringContaining(
      'a.yaml, document 1, Service default/a, spec.ports[0].port: expected 1 to 65535, got 70000',
    ),
  ]);
  await write('a.yaml', service('a', 82));
  await eventually(state, ['default/a:82', 'default/b:80']);
});

test('files that contradict each other leave everything as it was', async () => {
  await write('a.yaml', service('a'));
  follow();
  await eventually(state, ['default/a:80']);
  await write('b.yaml', service('a', 81));
  await eventually(() => told.invalid.length, 1);
  expect(told.invalid[0]).toContain('is defined twice');
  expect(state()).toEqual(['default/a:80']);
  await rm(join(folder, 'a.yaml'));
  await eventually(state, ['default/a:81']);
});

test('an empty folder is an empty cluster; one that goes away takes nothing away', async () => {
  follow();
  await eventually(() => [watched.synced, told.changes], [true, 1]);
  await write('a.yaml', service('a'));
  await eventually(state, ['default/a:80']);
  await rename(folder, `${folder}-away`);
  await sleep(2 * TIMES.rescan);
  expect(state()).toEqual(['default/a:80']);
  await rename(`${folder}-away`, folder);
  await write('b.yaml', service('b'));
  await eventually(state, ['default/a:80', 'default/b:80']);
});

test('a Service without a cluster IP gets one, and a warning once', async () => {
  await write('a.yaml', '{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}');
  follow();
  await eventually(state, ['default/a:80']);
  await write('b.yaml', service('b'));
  await eventually(state, ['default/a:80', 'default/b:80']);
  expect(told.warnings).toEqual([expect.stringContaining('has no cluster IP yet; assigned')]);
});

test('what is misspelt is warned of once', async () => {
  await write('a.yaml', service('a').replace('spec', 'lables: {}, spec'));
  await write('b.yaml', service('b').replace('Service', 'service'));
  follow();
  await eventually(state, ['default/a:80']);
  await write('c.yaml', service('c'));
  await eventually(state, ['default/a:80', 'default/c:80']);
  expect(told.warnings.map((warning) => warning.replace(/.*, Service /, ''))).toEqual([
    'default/a, lables: unknown field',
    'default/b, kind: expected Service, got "service"',
  ]);
});

test('a folder that is not there to begin with is an error', async () => {
  const missing = new WatchedFolder(
    join(folder, 'missing'),
    { serviceRanges: [], strict: false },
    {
      changed: () => {},
      invalid: () => {},
      warned: () => {},
    },
  );
  running = Promise.resolve();
  await expect(missing.run(stop.signal)).rejects.toThrow(InputError);
});

test('a ConfigMap that is swapped is taken whole', async () => {
  const version = async (name: string, port: number) => {
    await mkdir(join(folder, name));
    for (const one of ['a', 'b']) await write(`${name}/${one}.yaml`, service(one, port));
    await symlink(name, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await version('..1', 80);
  for (const one of ['a', 'b']) await symlink(`..data/${one}.yaml`, join(folder, `${one}.yaml`));
  follow();
  await eventually(state, ['default/a:80', 'default/b:80']);
  await version('..2', 81);
  await rm(join(folder, '..1'), { recursive: true });
  await eventually(state, ['default/a:81', 'default/b:81']);
  expect(told).toEqual({ changes: 2, invalid: [], warnings: [] });
});

test('a link to a folder, and what changes behind it', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  try {
    await write('a.yaml', service('a'));
    follow();
    await eventually(state, ['default/a:80']);
    await writeFile(join(elsewhere, 'b.yaml'), service('b'));
    await symlink(elsewhere, join(folder, 'link'));
    await eventually(state, ['default/a:80', 'default/b:80']);
    await writeFile(join(elsewhere, 'b.yaml'), service('b', 81));
    await eventually(state, ['default/a:80', 'default/b:81']);
    await rm(join(folder, 'link'));
    await eventually(state, ['default/a:80']);
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

test('what the watch does not tell is found when all files are looked at', async () => {
  await write('a.yaml', service('a'));
  const elsewhere = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  try {
    // A second name of the same file: what is written by it is not told of in the folder.
    await link(join(folder, 'a.yaml'), join(elsewhere, 'a.yaml'));
    follow();
    await eventually(state, ['default/a:80']);
    await writeFile(join(elsewhere, 'a.yaml'), service('a', 81));
    await eventually(state, ['default/a:81']);
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

describe('what is told of a change', () => {
  const slice = (name: string, service: string, host = 1) =>
    `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ${name}, labels: ` +
    `{kubernetes.io/service-name: ${service}}}, addressType: IPv4, ports: [{name: '', port: 80}], ` +
    `endpoints: [{addresses: [10.0.0.${host}]}]}\n`;
  const all = (...texts: readonly string[]) => texts.join('---\n');
  const before = all(service('a'), service('b'), slice('a-1', 'a'), slice('a-2', 'a'));

  test.each<[string, string, number, number]>([
    ['a Service', all(before, service('c')), 1, 0],
    ['a Service with its slices', all(before, service('c'), slice('c-1', 'c')), 1, 1],
    ['another port', before.replace('port: 80', 'port: 81'), 1, 0],
    ['a slice', all(before, slice('b-1', 'b')), 0, 1],
    ['a slice of no Service, and a Service', all(before, service('d'), slice('c-1', 'c')), 1, 0],
    ['another endpoint', before.replace('10.0.0.1', '10.0.0.2'), 0, 1],
    ['one slice less', before.replace(/---[^-]*kind: EndpointSlice.*a-2.*\n/, ''), 0, 1],
    ['a slice that is of another Service now', before.replace(/service-name: a/, 'service-name: b'), 0, 1],
    ['a Service that went with its slices', before.replace(service('a'), ''), 1, 0],
  ])('%s', async (_, after, services, endpointSlices) => {
    await write('a.yaml', before);
    follow();
    await eventually(() => told.changes, 1);
    await write('a.yaml', after);
    await eventually(() => told.changes, 2);
    expect(last).toEqual({ services, endpointSlices, triggered: [] });
  });
});

test('after whatever happens to files, the cluster is that of the folder as it is', async () => {
  const options = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false };
  await fc.assert(
    fc.asyncProperty(fc.array(fileChange, { minLength: 3, maxLength: 8 }), async (changes) => {
      const root = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
      const stop = new AbortController();
      const invalid: string[] = [];
      const listener = { changed: () => {}, invalid: (text: string) => invalid.push(text), warned: () => {} };
      const watched = new WatchedFolder(root, options, listener, { settled: 10, rescan: 60_000 });
      const running = watched.run(stop.signal);
      /** Of each manifest the last text that can be used. */
      const good = new Map<string, string>();
      const take = (path: string, text: string) => {
        if (!path.endsWith('.yaml')) return;
        const loads = loadOrUndefined([{ name: path, text }], options) !== undefined;
        if (loads) good.set(path, text);
      };
      let cluster: unknown = new Map();
      try {
        await eventually(() => watched.synced, true);
        await mkdir(join(root, 'b'));
        for (const [i, change] of changes.entries()) {
          const path = join(root, change.path);
          if (change.change === 'write') await writeFile(path, change.text);
          if (change.change === 'replace') {
            await writeFile(`${path}.new`, change.text);
            await rename(`${path}.new`, path);
          }
          if (change.change === 'write' || change.change === 'replace') take(change.path, change.text);
          if (change.change === 'remove') {
            await rm(path, { force: true });
            good.delete(change.path);
          }
          if (change.change === 'rename' && change.path !== change.to) {
            const text = await readFile(path, 'utf8').catch(() => undefined);
            if (text !== undefined) {
              await rename(path, join(root, change.to));
              good.delete(change.path);
              take(change.to, text);
            }
          }
          // A file that cannot be used is always told of, and only after all that was there before it.
          await writeFile(join(root, 'zz.yaml'), `step ${i}`);
          await eventually(() => invalid.some((text) => text.includes(`"step ${i}"`)), true);
          const sources = [...good].sort(([a], [b]) =>
            a.replace('/', '\0') < b.replace('/', '\0') ? -1 : 1,
          );
          const loaded = loadOrUndefined(
            sources.map(([name, text]) => ({ name, text })),
            options,
          );
          cluster = loaded?.cluster.services ?? cluster;
          await eventually(() => isDeepStrictEqual(new Map(watched.cluster.services), cluster), true);
          if (loaded) await eventually(() => isDeepStrictEqual(watched.nodes, loaded.nodes), true);
        }
      } finally {
        stop.abort();
        await running;
        await rm(root, { recursive: true });
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
});

function loadOrUndefined(sources: readonly SourceText[], options: LoadOptions): LoadedCluster | undefined {
  try {
    return loadCluster(sources, options);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

test('ServiceCIDRs: a change is told, though no Service changes', async () => {
  const ranges = (...cidrs: string[]) =>
    JSON.stringify({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: 'kubernetes' },
      spec: { cidrs },
    });
  await write('a.yaml', service('a'));
  await write('ranges.json', ranges('10.96.0.0/16'));
  follow();
  await expect.poll(() => watched.serviceCIDRs, { timeout: 10_000 }).toEqual(['10.96.0.0/16']);
  expect(told.changes).toBe(1);
  await write('ranges.json', ranges('10.96.0.0/12'));
  await expect.poll(() => watched.serviceCIDRs, { timeout: 10_000 }).toEqual(['10.96.0.0/12']);
  expect(told.changes).toBe(2);
});
