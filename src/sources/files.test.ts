import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InputError } from '../api/problem.ts';
import { readSource, readSources, STANDARD_INPUT } from './files.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-'));
});

afterEach(() => rm(folder, { recursive: true }));

/** Files by their paths below the folder; a value of `null` is a folder, one that begins with `->` a symbolic link. */
async function write(files: Readonly<Record<string, string | Uint8Array | null>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path);
    await mkdir(content === null ? full : dirname(full), { recursive: true });
    if (typeof content === 'string' && content.startsWith('->')) await symlink(content.slice(2), full);
    else if (content !== null) await writeFile(full, content);
  }
}

/** The names and texts that are read, the folder's own path left out. */
async function read(...paths: string[]): Promise<Record<string, string>> {
  const sources = await readSources(paths.map((path) => (path === '-' ? path : join(folder, path))));
  return Object.fromEntries(sources.map(({ name, text }) => [name.replace(`${folder}/`, ''), text]));
}

async function problems(...paths: string[]): Promise<string[]> {
  const error: unknown = await read(...paths).catch((error: unknown) => error);
  if (!(error instanceof InputError)) throw new Error('no problems');
  return error.message.replaceAll(`${folder}/`, '').replaceAll(folder, '').split('\n');
}

describe('what is read', () => {
  test.each<[string, Record<string, string | null>, string[], Record<string, string>]>([
    ['a file', { 'a.yaml': 'a' }, ['a.yaml'], { 'a.yaml': 'a' }],
    ['a file of any name', { Makefile: 'a' }, ['Makefile'], { Makefile: 'a' }],
    ['a file whose name begins with a dot', { '.a.yaml': 'a' }, ['.a.yaml'], { '.a.yaml': 'a' }],
    ['an empty file', { 'a.yaml': '' }, ['a.yaml'], { 'a.yaml': '' }],
    [
      'files in the order given',
      { 'b.yaml': 'b', 'a.yaml': 'a' },
      ['b.yaml', 'a.yaml'],
      { 'b.yaml': 'b', 'a.yaml': 'a' },
    ],
    ['a file given twice', { 'a.yaml': 'a' }, ['a.yaml', 'a.yaml'], { 'a.yaml': 'a' }],
    [
      'the manifests in a folder, in the order of their names',
      {
        'm/b.yml': 'b',
        'm/a.yaml': 'a',
        'm/c.json': 'c',
        'm/README.md': 'x',
        'm/yaml': 'x',
        'm/d.yaml.bak': 'x',
      },
      ['m'],
      { 'm/a.yaml': 'a', 'm/b.yml': 'b', 'm/c.json': 'c' },
    ],
    [
      'in the folders below it',
      { 'm/b/c/d.yaml': 'd', 'm/b/a.yaml': 'a', 'm/z.yaml': 'z', 'm/empty': null },
      ['m'],
      { 'm/b/a.yaml': 'a', 'm/b/c/d.yaml': 'd', 'm/z.yaml': 'z' },
    ],
    ['a folder with the name of a manifest', { 'm/a.yaml/b.yaml': 'b' }, ['m'], { 'm/a.yaml/b.yaml': 'b' }],
    [
      'not what begins with a dot',
      { 'm/.git/a.yaml': 'x', 'm/.b.yaml': 'x', 'm/c.yaml': 'c' },
      ['m'],
      { 'm/c.yaml': 'c' },
    ],
    ['a folder that begins with a dot, if it is named', { '.m/a.yaml': 'a' }, ['.m'], { '.m/a.yaml': 'a' }],
    [
      'through links',
      { 'x/a.yaml': 'a', 'm/a.yaml': '->../x/a.yaml', n: '->x' },
      ['m', 'n'],
      { 'm/a.yaml': 'a', 'n/a.yaml': 'a' },
    ],
    [
      'links that lead round, once',
      { 'm/a.yaml': 'a', 'm/b/up': '->..', 'm/self': '->.' },
      ['m'],
      { 'm/a.yaml': 'a' },
    ],
    [
      'a folder that two links lead to, once',
      { 'x/a.yaml': 'a', 'm/b': '->../x', 'm/c': '->../x' },
      ['m'],
      { 'm/b/a.yaml': 'a' },
    ],
    [
      'a mounted ConfigMap, once',
      { 'm/..2026/a.yaml': 'a', 'm/..data': '->..2026', 'm/a.yaml': '->..data/a.yaml' },
      ['m'],
      { 'm/a.yaml': 'a' },
    ],
    ['not what links to nowhere', { 'm/a.yaml': 'a', 'm/b': '->nowhere' }, ['m'], { 'm/a.yaml': 'a' }],
    ['without its byte order mark', { 'a.yaml': '\ufeffa: ä' }, ['a.yaml'], { 'a.yaml': 'a: ä' }],
  ])('%s', async (_, files, paths, expected) => {
    await write(files);
    const result = await read(...paths);
    expect(result).toEqual(expected);
    expect(Object.keys(result)).toEqual(Object.keys(expected));
  });

  test('no pipe among the manifests of a folder, which would never end', async () => {
    await write({ 'm/a.yaml': 'a' });
    execFileSync('mkfifo', [join(folder, 'm/b.yaml')]);
    expect(await read('m')).toEqual({ 'm/a.yaml': 'a' });
  });

  test('standard input, once', async () => {
    const input = () => Readable.from([Buffer.from('a: 1\nb: \xc3'), Buffer.from('\xa4\n', 'latin1')]);
    const split = Readable.from([Buffer.from([0x61, 0xc3]), Buffer.from([0xa4])]);
    expect(await readSources(['-', '-'], split)).toEqual([
      { name: STANDARD_INPUT, text: 'aä', origin: STANDARD_INPUT },
    ]);
    await expect(readSources(['-'], input())).rejects.toThrow('standard input: is not UTF-8 text');
  });
});

describe('what is told', () => {
  test.each<[string, Record<string, string | Uint8Array | null>, string[], string[]]>([
    ['a file that is missing', {}, ['a.yaml'], ['a.yaml: no such file or folder']],
    [
      'everything that is missing',
      { 'b.yaml': '' },
      ['a.yaml', 'b.yaml', 'c'],
      ['a.yaml: no such file or folder', 'c: no such file or folder'],
    ],
    [
      'a path below a file',
      { 'a.yaml': '' },
      ['a.yaml/b'],
      ['a.yaml/b: is below a file, expected a folder there'],
    ],
    ['an empty folder', { m: null }, ['m'], ['m: no .yaml, .yml or .json file in this folder']],
    [
      'a folder without manifests',
      { 'm/README.md': '', 'm/n/.a.yaml': '' },
      ['m'],
      ['m: no .yaml, .yml or .json file in this folder'],
    ],
    [
      'bytes that are no text',
      { 'm/a.yaml': Uint8Array.of(0x61, 0xff, 0x62), 'm/b.yaml': '' },
      ['m'],
      ['m/a.yaml: is not UTF-8 text'],
    ],
    ['Latin-1', { 'a.yaml': Uint8Array.of(0xe4, 0x20) }, ['a.yaml'], ['a.yaml: is not UTF-8 text']],
    [
      'UTF-16, as PowerShell writes it',
      { 'a.yaml': Uint8Array.of(0xff, 0xfe, 0x61, 0) },
      ['a.yaml'],
      ['a.yaml: is UTF-16 text, expected UTF-8'],
    ],
    [
      'a link to nowhere by the name of a manifest',
      { 'm/a.yaml': '->nowhere' },
      ['m'],
      ['m/a.yaml: no such file or folder'],
    ],
    [
      'a link to itself',
      { 'm/a.yaml': '->a.yaml' },
      ['m'],
      ['m/a.yaml: is a symbolic link that leads to itself'],
    ],
    ['a name that is too long', {}, ['a'.repeat(300)], [`${'a'.repeat(300)}: has too long a name`]],
    [
      'a name that would clear the screen',
      {},
      ['\u001b[2J\n'],
      ['\\u001b[2J\\u000a: no such file or folder'],
    ],
  ])('%s', async (_, files, paths, expected) => {
    await write(files);
    expect(await problems(...paths)).toEqual(expected);
  });

  test.skipIf(process.getuid?.() === 0)('what may not be read, and nothing else', async () => {
    await write({ 'm/a.yaml': 'a', 'm/b/c.yaml': 'c', 'm/d.yaml': 'd' });
    await chmod(join(folder, 'm/b'), 0);
    await chmod(join(folder, 'm/d.yaml'), 0);
    expect(await problems('m')).toEqual(['m/b: permission denied', 'm/d.yaml: permission denied']);
    await chmod(join(folder, 'm/b'), 0o700);
  });
});

describe('a single file', () => {
  test('is read', async () => {
    await write({ 'a.yaml': 'a' });
    expect(await readSource(join(folder, 'a.yaml'))).toEqual({ name: join(folder, 'a.yaml'), text: 'a' });
  });

  test('is no folder', async () => {
    await expect(readSource(folder)).rejects.toThrow(`${folder}: is a folder, expected a file`);
  });
});
