/**
 * Fields as controllers and clients of Kubernetes write them, read without zod: the short ways of schemas (`withShortcut`)
 * are made of these. zod takes some 50 microseconds for a Service and 15 for an endpoint, of which a cluster has hundreds of
 * thousands. Each gives exactly what its schema gives, or undefined for whatever it does not know: null, what is rare, and
 * all that is wrong, which only the schema can tell in words.
 */
import type { z } from 'zod';
import {
  isDNSLabel,
  isLabelKey,
  isLabelValue,
  isPortNumber,
  isSubdomain,
  type namespacedMetadata,
} from './fields.ts';
import { isMapping } from './problem.ts';

export const isTextOrAbsent = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === 'string';

export const isFlagOrAbsent = (value: unknown): value is boolean | undefined =>
  value === undefined || typeof value === 'boolean';

/** Absent, or one of a few words. */
export function isWordOrAbsent<Word extends string>(
  value: unknown,
  words: readonly Word[],
): value is Word | undefined {
  return value === undefined || words.includes(value as Word);
}

/** The fields of a mapping that the schema of metadata reads. */
export function usualMetadata(value: unknown): z.output<typeof namespacedMetadata> | undefined {
  if (!isMapping(value)) return undefined;
  const { name, namespace, labels } = value;
  if (typeof name !== 'string' || !isSubdomain(name)) return undefined;
  if (typeof namespace !== 'string' || !isDNSLabel(namespace)) return undefined;
  const read = usualLabels(labels);
  return read && { name, namespace, labels: read };
}

/** Labels or a selector; a new object, empty where they are absent. */
export function usualLabels(value: unknown): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  if (value === undefined) return labels;
  if (!isMapping(value)) return undefined;
  for (const [key, text] of Object.entries(value)) {
    // No object is given a prototype by a label.
    if (key === '__proto__' || !isLabelKey(key)) return undefined;
    if (typeof text !== 'string' || !isLabelValue(text)) return undefined;
    labels[key] = text;
  }
  return labels;
}

/** The fields that ports of Services and of EndpointSlices share. */
interface UsualPort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

export function usualPort(value: unknown): UsualPort | undefined {
  if (!isMapping(value)) return undefined;
  const { name = '', protocol = 'TCP', port } = value;
  if (typeof name !== 'string' || (name !== '' && !isDNSLabel(name))) return undefined;
  if (!isWordOrAbsent(protocol, PROTOCOLS) || !isPortNumber(port)) return undefined;
  return { name, protocol: protocol ?? 'TCP', port };
}

/** A list of what its items are read to; undefined where the value is none, or one of its items is not known. */
export function usualList<Item>(
  value: unknown,
  read: (item: unknown) => Item | undefined,
): Item[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: Item[] = [];
  for (const one of value as readonly unknown[]) {
    const item = read(one);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}
