/** Where in YAML somebody types, while it is not yet YAML. */

/** What is typed at a place in a text. */
export interface YAMLPlace {
  /** The kind of the object, as far as it has one. */
  readonly kind: string | undefined;
  /** The fields around it, from the outside in; items of lists do not count. */
  readonly path: readonly string[];
  /** The field whose value is typed; undefined where the name of a field is. */
  readonly field: string | undefined;
  /** Where the word begins, in characters from the start of the text. */
  readonly from: number;
  /** The fields that are there beside it already. */
  readonly siblings: ReadonlySet<string>;
}

/** A line that has a field: `  - name: web`. */
interface FieldLine {
  /** The column of the first dash; undefined without any. */
  readonly dash: number | undefined;
  /** The column of what comes behind the dashes. */
  readonly column: number;
  /** What comes behind the dashes. */
  readonly rest: string;
}

/**
 * The place of something that is typed.
 * @param offset of the cursor, in characters
 * @returns undefined where neither a field nor a value can be there, as in a comment
 */
export function yamlPlaceAt(text: string, offset: number): YAMLPlace | undefined {
  const start = Math.max(0, text.slice(0, offset).search(/^---.*\n(?![\s\S]*^---)/m));
  const before = text.slice(start, offset).split('\n');
  const current = before.pop() ?? '';
  const after = text.slice(offset).split(/^---/m)[0] ?? '';
  const kind = /^kind:[ \t]*["']?(\w+)/m.exec(text.slice(start, offset) + after)?.[1];
  const typed = openFlow(current);
  const word = /[\w./-]*$/.exec(current)?.[0] ?? '';
  const common = { kind, from: offset - word.length };
  if (typed !== undefined) {
    const around = placeOfLine(typed.before, before);
    if (around === undefined) return undefined;
    const [, own, value] = /^\s*(?:([\w./-]+):\s+)?([\w./-]*)$/.exec(typed.word) ?? [];
    if (value === undefined) return undefined;
    const opened = /([\w./-]+):\s*$/.exec(around.rest)?.[1];
    const path = [...around.path, ...(opened === undefined ? [] : [opened]), ...typed.path];
    return { ...common, path, field: own, siblings: typed.siblings };
  }
  const line = placeOfLine(current, before);
  const [, own, value] = /^(?:([\w./-]+):\s+)?([\w./-]*)$/.exec(line?.rest ?? '') ?? [];
  if (line === undefined || value === undefined) return undefined;
  const below = after.split('\n').slice(1);
  const siblings = new Set([
    ...fieldsBeside(line.column, before.toReversed()),
    ...fieldsBeside(line.column, below),
  ]);
  return { ...common, path: line.path, field: own, siblings };
}

/** The fields on lines next to it in the same column, until one ends the mapping that they are in. */
function fieldsBeside(column: number, lines: readonly string[]): string[] {
  const fields: string[] = [];
  for (const text of lines) {
    const line = fieldLine(text);
    if (line === undefined) continue;
    const name = fieldName(line);
    if (line.column < column) break;
    if (line.column === column && name !== undefined) fields.push(name);
    // Behind a dash, another item ends or begins.
    if (line.dash !== undefined && line.dash < column) break;
  }
  return fields;
}

function placeOfLine(
  current: string,
  before: readonly string[],
): (FieldLine & { readonly path: readonly string[] }) | undefined {
  const line = fieldLine(current) ?? { dash: undefined, column: current.length, rest: '' };
  if (line.rest.startsWith('#')) return undefined;
  const path: string[] = [];
  // A list may stand in the column of the field that holds it.
  let column = line.dash === undefined ? line.column : line.dash + 0.5;
  for (const text of before.toReversed()) {
    const above = fieldLine(text);
    if (above === undefined || above.rest.startsWith('#')) continue;
    const name = fieldName(above);
    if (above.column < column && name !== undefined) {
      path.unshift(name);
      column = above.dash === undefined ? above.column : above.dash + 0.5;
    } else if (above.dash !== undefined && above.dash < column) column = above.dash + 0.5;
    if (column === 0) break;
  }
  return { ...line, path };
}

function fieldLine(text: string): FieldLine | undefined {
  const [, indent, dashes, rest] = /^(\s*)((?:-\s+)*)(.*)$/.exec(text) ?? [];
  if (indent === undefined || dashes === undefined || rest === undefined) return undefined;
  if (dashes === '' && rest === '') return undefined;
  const dash = dashes === '' ? undefined : indent.length;
  return { dash, column: indent.length + dashes.length, rest };
}

function fieldName({ rest }: FieldLine): string | undefined {
  return /^["']?([\w./-]+)["']?:(?:\s|$)/.exec(rest)?.[1];
}

/** Braces that are open at the end of a line: what stands before the first, the fields that they are in, and the word. */
function openFlow(line: string):
  | {
      readonly before: string;
      readonly path: readonly string[];
      readonly word: string;
      readonly siblings: ReadonlySet<string>;
    }
  | undefined {
  const open: { readonly at: number; part: number }[] = [];
  for (const [at, character] of [...line].entries()) {
    const last = open.at(-1);
    if (character === '{' || character === '[') open.push({ at, part: at + 1 });
    else if (character === '}' || character === ']') open.pop();
    else if (character === ',' && last) last.part = at + 1;
  }
  const [first] = open;
  const last = open.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const path = open.slice(1).flatMap(({ at }, i) => {
    const outer = open[i];
    return /([\w./-]+):\s*$/.exec(line.slice(outer?.part, at))?.[1] ?? [];
  });
  const beside = line.slice(last.at + 1, last.part).matchAll(/([\w./-]+):/g);
  const siblings = new Set(Array.from(beside, ([, name = '']) => name));
  return { before: line.slice(0, first.at), path, word: line.slice(last.part), siblings };
}
