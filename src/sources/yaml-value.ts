/**
 * From a parsed YAML document to plain values. The library can do that, too, but it searches lists for every key and
 * every alias, which a large manifest or a hostile one turns into minutes; and it does not say where an alias is wrong.
 */
import { type Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, type YAMLMap } from 'yaml';

/** Something wrong in a document, `offset` characters into the text. */
export interface Mistake {
  readonly offset: number;
  readonly message: string;
}

/** What aliases may add to a document, in values: they share memory, but whoever walks the values walks all of them. */
const ALIAS_BUDGET = 1_000_000;

/** A value that an anchor names; undefined while it is being made. */
interface Anchored {
  readonly value: unknown;
  /** How many values it is made of. */
  readonly size: number;
}

/**
 * The value of a document. Mappings become plain objects, whatever their keys are called (`__proto__`); keys that are
 * not strings become strings, as they do on their way to an API server. Merge keys (`<<`) are YAML 1.1, but kubectl
 * knows them.
 * @throws RangeError where it nests too deeply, or its aliases come to too much
 */
export function documentValue(document: Document): {
  readonly value: unknown;
  readonly mistakes: readonly Mistake[];
  /** Whether nothing is missing in the value, whatever is wrong: of a key that is there twice, it has the first. */
  readonly whole: boolean;
} {
  const mistakes: Mistake[] = [];
  let whole = true;
  const anchors = new Map<string, Anchored | undefined>();
  let size = 0;
  let spent = 0;

  const complain = (node: unknown, message: string): undefined => {
    whole = false;
    mistakes.push({ offset: offsetOf(node), message });
  };

  const convert = (node: unknown): unknown => {
    if (isAlias(node)) return resolve(node.source, node);
    const anchor = isNode(node) ? node.anchor : undefined;
    if (anchor === undefined) return convertContent(node);
    const before = size;
    anchors.set(anchor, undefined);
    const value = convertContent(node);
    anchors.set(anchor, { value, size: size - before });
    return value;
  };

  const resolve = (name: string, node: unknown): unknown => {
    const anchored = anchors.get(name);
    if (anchored === undefined) {
      return complain(
        node,
        anchors.has(name)
          ? `the alias *${name} stands inside its own anchor`
          : `the alias *${name} has no anchor &${name} before it`,
      );
    }
    size += anchored.size;
    spent += anchored.size;
    if (spent > ALIAS_BUDGET) throw new RangeError('its aliases expand to too many values');
    return anchored.value;
  };

  const convertContent = (node: unknown): unknown => {
    size++;
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map(convert);
    if (isMap(node)) return convertMap(node);
    return null;
  };

  const convertMap = (node: YAMLMap<unknown, unknown>): unknown => {
    const entries = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    for (const { key, value } of node.items) {
      if (isScalar(key) && key.value === '<<' && key.type === 'PLAIN') {
        for (const [name, inherited] of mergeSources(value)) {
          if (!merged.has(name)) merged.set(name, inherited);
        }
        continue;
      }
      const name = keyText(key);
      if (name === undefined) complain(key, 'a mapping or a list cannot be a key');
      else if (entries.has(name))
        mistakes.push({ offset: offsetOf(key), message: `duplicate key ${JSON.stringify(name)}` });
      else entries.set(name, convert(value));
    }
    for (const [name, value] of merged) if (!entries.has(name)) entries.set(name, value);
    return Object.fromEntries(entries);
  };

  const keyText = (key: unknown): string | undefined => {
    const value = convert(key);
    return typeof value === 'object' && value !== null ? undefined : String(value);
  };

  /** The entries that a merge key brings in, of a mapping or a list of mappings, the first of the list first. */
  const mergeSources = (node: unknown): [string, unknown][] => {
    const value = convert(node);
    const sources: unknown[] = Array.isArray(value) ? value : [value];
    return sources.flatMap((source) => {
      if (typeof source === 'object' && source !== null && !Array.isArray(source))
        return Object.entries(source);
      complain(node, 'expected a mapping, or a list of mappings, to merge');
      return [];
    });
  };

  return { value: convert(document.contents), mistakes, whole };
}

function offsetOf(node: unknown): number {
  if (isPair(node)) return offsetOf(node.key);
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0;
}
