import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InputError } from '../api/problem.ts';
import { DEFAULT_SERVICE_RANGES } from './cluster.ts';
import { WatchedFolder } from './watched-folder.ts';

const TIMES = { settled: 40, rescan: 400 };

let folder: string;
let watched: WatchedFolder;
let stop: AbortController;
let running: Promise<void>;
let told: { changes: number; invalid: string[]; warnings: string[] };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
  told = { changes: 0, invalid: [], warnings: [] };
  stop = new AbortController();
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
      changed: () => told.changes++,
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
  expect(told.invalid[0]).toContain('is there twice');
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
