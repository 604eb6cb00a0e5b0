/** Who may import whom, as the table of rooms in CONTRIBUTING.md says, what runs in a browser, and no circle of files. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT } from './support/project.ts';

/** The rooms of the table, each with what it may import, as the table has it. */
function rowsOfTable(): readonly (readonly [room: string, allowed: string])[] {
  const text = readFileSync(join(PROJECT, 'CONTRIBUTING.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `src\/([a-z]+)` \|[^|]*\| ([^|]+) \|$/gm)];
  return rows.map(([, room = '', allowed = '']) => [room, allowed]);
}

/** The rooms of the table, each with those that it may import; undefined where it may import all. */
function roomsOfTable(): ReadonlyMap<string, ReadonlySet<string> | undefined> {
  return new Map(
    rowsOfTable().map(([room, allowed]) => [
      room,
      allowed === 'all'
        ? undefined
        : new Set(Array.from(allowed.matchAll(/`([a-z]+)`/g), ([, name = '']) => name)),
    ]),
  );
}

const AT_ONCE = /(?:\bfrom|^import)\s*'(\.{1,2}\/[^']+)'/gm;

/** What is there when it runs: all but types. */
const OF_VALUES = /^(?:import|export)\b(?! type\b)[^;']*?'(\.{1,2}\/[^']+)'/gm;

/** What is loaded only when it runs. */
const LATER = /\bimport\(\s*'(\.{1,2}\/[^']+)'/gm;

/** Every file of the program with the files that it imports, whether for types or for more. */
const importsBy = (...patterns: readonly RegExp[]): ReadonlyMap<string, readonly string[]> =>
  new Map(
    globSync('src/**/*.{ts,tsx}', { cwd: PROJECT })
      .filter((file) => !file.endsWith('.test.ts'))
      .map((file) => {
        const text = readFileSync(join(PROJECT, file), 'utf8');
        const paths = patterns.flatMap((pattern) =>
          Array.from(text.matchAll(pattern), ([, path = '']) => path),
        );
        return [file, paths.map((path) => normalize(join(dirname(file), path)))];
      }),
  );

const IMPORTS = importsBy(AT_ONCE, LATER);

/** Everybody may fail. */
const FOR_ALL = 'errors';

/** The room of a file; undefined for those in none. */
const roomOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1];

describe('rooms', () => {
  const rooms = roomsOfTable();

  test('the table has them all', () => {
    const there = new Set([...IMPORTS.keys()].flatMap((file) => roomOf(file) ?? []));
    expect([...rooms.keys()].sort()).toEqual([...there].sort());
  });

  test('the table names no room that there is not', () => {
    const named = [...rooms.values()].flatMap((allowed) => [...(allowed ?? [])]);
    expect(named.filter((room) => !rooms.has(room))).toEqual([]);
  });

  test.each([...rooms])('%s imports only what it may', (room, allowed) => {
    const forbidden = [...IMPORTS].flatMap(([file, imported]) =>
      roomOf(file) === room
        ? imported
            .filter((other) => {
              const from = roomOf(other);
              if (from === FOR_ALL) return false;
              return from !== room && allowed !== undefined && (from === undefined || !allowed.has(from));
            })
            .map((other) => `${file} imports ${other}`)
        : [],
    );
    expect(forbidden).toEqual([]);
  });

  test.each([...rooms])('%s makes use of all that it may import', (room, allowed) => {
    const used = new Set(
      [...IMPORTS].flatMap(([file, imported]) => (roomOf(file) === room ? imported.map(roomOf) : [])),
    );
    expect([...(allowed ?? [])].filter((other) => !used.has(other))).toEqual([]);
  });
});

describe('in a browser', () => {
  /** What is published has its text instead. */
  const AS_TEXT = join('src/graph/formats/page-script.ts');

  /** What only Node.js has: its modules, and its globals where they are used and not asked for. */
  const ONLY_NODE =
    /\b(?:from|import|import\()\s*'(node:[^']+)'|(?<!globalThis\.)\b(process\.|Buffer\.|setImmediate\(|import\.meta\.(?:dir|file)name)/g;

  const nodeIn = (files: Iterable<string>) =>
    [...files]
      .filter((file) => file !== AS_TEXT)
      .flatMap((file) => {
        const code = readFileSync(join(PROJECT, file), 'utf8').replace(/\/\*.*?\*\/|^\s*\/\/.*$/gms, '');
        return Array.from(code.matchAll(ONLY_NODE), ([, imported, used]) => `${file}: ${imported ?? used}`);
      });

  const pure = rowsOfTable().flatMap(([room, allowed]) =>
    allowed === 'all' || allowed.includes('`node:`') ? [] : [room],
  );

  test.each(pure)('%s runs', (room) => {
    expect(nodeIn([...IMPORTS.keys()].filter((file) => roomOf(file) === room))).toEqual([]);
  });

  test('the library runs, and all that it imports', () => {
    const imports = importsBy(OF_VALUES, LATER);
    const library = new Set(['src/index.ts']);
    for (const file of library) for (const other of imports.get(file) ?? []) library.add(other);
    expect(library.size).toBeGreaterThan(50);
    expect(nodeIn(library)).toEqual([]);
  });

  test('svc2ipt/iptables imports nothing of Kubernetes', () => {
    const imports = importsBy(OF_VALUES, LATER);
    const language = new Set(['src/iptables.ts']);
    for (const file of language) for (const other of imports.get(file) ?? []) language.add(other);
    const rooms = new Set([...language].flatMap((file) => roomOf(file) ?? []));
    expect([...rooms].filter((room) => !['errors', 'iptables', 'net', 'text'].includes(room))).toEqual([]);
    expect(rooms).toContain('iptables');
  });

  test('rooms that may use Node.js do', () => {
    const may = rowsOfTable().flatMap(([room, allowed]) => (allowed.includes('`node:`') ? [room] : []));
    const uses = (room: string) =>
      nodeIn([...IMPORTS.keys()].filter((file) => roomOf(file) === room)).length > 0;
    expect(may.filter((room) => !uses(room))).toEqual([]);
  });
});

test('no file imports itself by way of others', () => {
  // A command loads what it does when it is called, and that takes the types of its options.
  const imports = importsBy(AT_ONCE);
  const circles = [...imports.keys()].filter((file) => {
    const seen = new Set<string>();
    const waiting = [...(imports.get(file) ?? [])];
    for (const next of waiting) {
      if (next === file) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(...(imports.get(next) ?? []));
    }
    return false;
  });
  expect(circles).toEqual([]);
});

test('a name that is exported stands for one thing', () => {
  const places = new Map<string, string[]>();
  const declared = /^export (?:async )?(?:abstract )?(?:const|function\*?|class|interface|type) (\w+)/gm;
  for (const file of IMPORTS.keys()) {
    for (const [, name = ''] of readFileSync(join(PROJECT, file), 'utf8').matchAll(declared)) {
      places.set(name, [...(places.get(name) ?? []), file]);
    }
  }
  expect([...places].filter(([, files]) => files.length > 1)).toEqual([]);
});
