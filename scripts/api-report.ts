/**
 * What programs can import, as `test/api` has it: `npm run api` writes one report for each entry point of the package. A test compares, so that a break is seen by whoever makes it, and by who reads the change.
 *
 * It goes by the declarations that tsc makes. api-extractor would bring a TypeScript of its own and 42 packages, and
 * rolldown-plugin-dts a parser that npm locks for one platform only; the parser of rolldown is there.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { execaSync } from 'execa';
import { parseSync } from 'rolldown/utils';

const PROJECT = join(import.meta.dirname, '..');

/** The modules that package.json exports, by their names in src. */
export const ENTRIES = ['index', 'iptables'] as const;

export type Entry = (typeof ENTRIES)[number];

/** Where the report of an entry point is. */
export const reportFile = (entry: Entry): string => join(PROJECT, 'test/api', `${entry}.txt`);

/** A part of a syntax tree: whatever it has, its type tells. */
interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** One place where something is declared. */
interface Declaration {
  readonly file: string;
  readonly name: string;
  readonly text: string;
  /** Whether other files can import it, and whether it is a function. */
  readonly isExported: boolean;
  readonly isFunction: boolean;
  /** The names that its types mention, and those of values whose types it takes. */
  readonly types: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
}

interface Module {
  readonly declarations: ReadonlyMap<string, readonly Declaration[]>;
  /** What it imports and exports, by the name here: the file, and the name there. */
  readonly imports: ReadonlyMap<string, readonly [file: string, name: string]>;
  readonly exports: ReadonlyMap<string, readonly [file: string, name: string]>;
  /** Files of which it exports everything. */
  readonly all: readonly string[];
}

export interface EntryReport {
  readonly text: string;
  /**
   * Types that something exported mentions, and that are not exported: `Name (file), in Other`. What no file can import is
   * none, unless a function has it in its signature.
   */
  readonly forgotten: readonly string[];
}

/** The reports of all entry points. */
export function apiReports(): ReadonlyMap<Entry, EntryReport> {
  const folder = mkdtempSync(join(tmpdir(), 'svc2ipt-api-'));
  try {
    const tsc = join(PROJECT, 'node_modules/.bin/tsc');
    execaSync(tsc, ['-p', 'tsconfig.build.json', '--noCheck', '--emitDeclarationOnly', '--outDir', folder], {
      cwd: PROJECT,
    });
    const read = reader(folder);
    return new Map(ENTRIES.map((entry) => [entry, reportOf(`${entry}.d.ts`, read)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Read = (file: string) => Module;

function reader(folder: string): Read {
  const known = new Map<string, Module>();
  return (file) => {
    const module = known.get(file) ?? moduleOf(file, readFileSync(join(folder, file), 'utf8'));
    known.set(file, module);
    return module;
  };
}

function moduleOf(file: string, text: string): Module {
  const { program, comments } = parseSync(file, text, { lang: 'dts' });
  const declarations = new Map<string, Declaration[]>();
  const imports = new Map<string, [string, string]>();
  const exports = new Map<string, [string, string]>();
  const all: string[] = [];
  const resolve = (source: unknown) => {
    const path = isNode(source) ? String(source.value) : '';
    return path.startsWith('.') ? normalize(join(dirname(file), path)).replace(/\.ts$/, '.d.ts') : path;
  };
  for (const statement of program.body as unknown as readonly SyntaxNode[]) {
    const declared = isNode(statement.declaration) ? statement.declaration : statement;
    if (statement.type === 'ImportDeclaration') {
      for (const one of nodesIn(statement.specifiers)) {
        imports.set(nameOf(one.local), [resolve(statement.source), nameOf(one.imported ?? one.local)]);
      }
    } else if (statement.type === 'ExportAllDeclaration') all.push(resolve(statement.source));
    else if (statement.type === 'ExportNamedDeclaration' && !isNode(statement.declaration)) {
      for (const one of nodesIn(statement.specifiers)) {
        const from = isNode(statement.source) ? resolve(statement.source) : file;
        exports.set(nameOf(one.exported), [from, nameOf(one.local)]);
      }
    } else {
      const isExported = declared !== statement;
      const shown = withoutComments(text, declared, comments);
      for (const name of namesOf(declared)) {
        const mentioned = mentionsOf(declared);
        const isFunction = declared.type.endsWith('Function') || declared.type === 'FunctionDeclaration';
        const declaration = { file, name, text: shown, isExported, isFunction, ...mentioned };
        declarations.set(name, [...(declarations.get(name) ?? []), declaration]);
        if (isExported) exports.set(name, [file, name]);
      }
    }
  }
  return { declarations, imports, exports, all };
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function nodesIn(value: unknown): readonly SyntaxNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function nameOf(value: unknown): string {
  if (!isNode(value)) throw new Error('a declaration without a name');
  return String(value.name ?? value.value);
}

/** What a statement declares. */
function namesOf(declared: SyntaxNode): readonly string[] {
  if (declared.type === 'VariableDeclaration')
    return nodesIn(declared.declarations).map(({ id }) => nameOf(id));
  return isNode(declared.id) ? [nameOf(declared.id)] : [];
}

/** A declaration as it is, without the words for people, which may change. */
function withoutComments(
  text: string,
  { start, end }: SyntaxNode,
  comments: readonly { readonly start: number; readonly end: number }[],
): string {
  let at = start;
  let shown = '';
  for (const comment of comments) {
    if (comment.start < start || comment.end > end) continue;
    shown += text.slice(at, comment.start);
    at = comment.end;
  }
  return (shown + text.slice(at, end))
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

function mentionsOf(declared: SyntaxNode): Pick<Declaration, 'types' | 'values'> {
  const [types, values, own] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'TSTypeParameter') own.add(nameOf(node.name));
    const [into, first] =
      node.type === 'TSTypeQuery'
        ? [values, node.exprName]
        : node.type === 'TSTypeReference'
          ? [types, node.typeName]
          : node.type === 'TSInterfaceHeritage' || node.type === 'TSClassImplements'
            ? [types, node.expression]
            : [types, node.type === 'ClassDeclaration' ? node.superClass : undefined];
    if (isNode(first)) into.add(leftmost(first));
    for (const [field, value] of Object.entries(node)) {
      if (field === 'type') continue;
      if (isNode(value)) visit(value);
      else for (const one of nodesIn(value)) visit(one);
    }
  };
  visit(declared);
  for (const name of own) types.delete(name);
  return { types, values };
}

/** `z` of `z.output`. */
function leftmost(node: SyntaxNode): string {
  return isNode(node.left) ? leftmost(node.left) : isNode(node.object) ? leftmost(node.object) : nameOf(node);
}

/** Where a name of a file is declared; none for what is of a library or of the language. */
function declarationsOf(file: string, name: string, read: Read): readonly Declaration[] {
  if (!file.endsWith('.d.ts')) return [];
  const { declarations, imports, exports, all } = read(file);
  const own = declarations.get(name);
  if (own) return own;
  const from = imports.get(name) ?? exports.get(name);
  if (from) return declarationsOf(...from, read);
  return all.flatMap((other) => (exportsOf(other, read).has(name) ? declarationsOf(other, name, read) : []));
}

function exportsOf(file: string, read: Read): ReadonlySet<string> {
  const { exports, all } = read(file);
  return new Set([...exports.keys(), ...all.flatMap((other) => [...exportsOf(other, read)])]);
}

function reportOf(file: string, read: Read): EntryReport {
  const names = [...exportsOf(file, read)].sort();
  const found = names.flatMap((name) => declarationsOf(file, name, read));
  const exported = new Set(found);
  // What has no name of its own for users: types that zod infers of a schema, classes' bases.
  const behind = new Set<Declaration>();
  const forgotten = new Set<string>();
  for (const declaration of [...found]) {
    for (const name of declaration.types) {
      for (const other of declarationsOf(declaration.file, name, read)) {
        if (exported.has(other)) continue;
        if (other.isExported || declaration.isFunction) {
          forgotten.add(`${name} (${other.file}), in ${declaration.name}`);
        } else behind.add(other);
      }
    }
  }
  const waiting = [...found, ...behind];
  for (const { file, values, types } of waiting) {
    for (const other of [...values, ...types].flatMap((name) => declarationsOf(file, name, read))) {
      if (exported.has(other) || behind.has(other)) continue;
      behind.add(other);
      waiting.push(other);
    }
  }
  const print = (some: Iterable<Declaration>) =>
    [...new Set([...some].map(({ text }) => text))].map((text) => `${text}\n`).join('\n');
  const text = [
    `// What \`import ... from '${file === 'index.d.ts' ? 'svc2ipt' : `svc2ipt/${file.replace('.d.ts', '')}`}'\` gives. Made by scripts/api-report.ts.\n`,
    print(found),
    ...(behind.size > 0 ? ['// Not exported; types above are made of them.\n', print(behind)] : []),
  ].join('\n');
  return { text, forgotten: [...forgotten].sort() };
}

if (import.meta.main) {
  for (const [entry, { text, forgotten }] of apiReports()) {
    writeFileSync(reportFile(entry), text);
    for (const name of forgotten) console.error(`svc2ipt ${entry}: not exported: ${name}`);
  }
}
