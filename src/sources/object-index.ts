/** The objects of many texts, gathered again whenever some of the texts have changed. */
import { deepEqual } from 'fast-equals';
import { namespacedName, serviceKeyOf } from '../api/cluster.ts';
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import {
  type KubernetesObject,
  type ParsedObjects,
  type ParseOptions,
  type PlacedObject,
  parseObjects,
} from '../api/objects.ts';
import type { Problem } from '../api/problem.ts';
import { type KnownDocuments, parseDocuments } from './documents.ts';
import type { SourceText } from './source-text.ts';

/** What one text holds, whatever stands in others. */
export interface ParsedSource {
  /** What is wrong with the text as YAML or JSON. */
  readonly problems: readonly Problem[];
  readonly documents: readonly ParsedDocument[];
}

interface ParsedDocument extends Omit<ParsedObjects, 'objects'> {
  readonly objects: readonly KeyedObject[];
}

/** An object with its keys, which would take most of the time if they were made at every gathering. */
interface KeyedObject {
  readonly placed: PlacedObject;
  /** Kind and name. */
  readonly key: string;
  /** The Service that an EndpointSlice belongs to, by `namespace/name`. */
  readonly serviceKey: string | undefined;
}

/**
 * Parses a text; what is wrong with it is told by whoever puts it together with others.
 * @param onProgress is told how many characters are read
 * @param known documents of other texts, which are not read again
 */
export function parseSource(
  source: SourceText,
  onProgress?: (characters: number) => void,
  options?: ParseOptions,
  known?: KnownDocuments,
): ParsedSource {
  const { documents, problems } = parseDocuments(source, onProgress, known);
  return {
    problems,
    documents: documents.map(({ value, at }) => {
      const parsed = parseObjects(value, at, options);
      return { ...parsed, objects: parsed.objects.map(withKeys) };
    }),
  };
}

function withKeys(placed: PlacedObject): KeyedObject {
  const { object } = placed;
  const serviceKey = object.kind === 'EndpointSlice' ? serviceKeyOf(object) : undefined;
  return { placed, key: objectKey(object), serviceKey };
}

function objectKey(object: KubernetesObject): string {
  return `${object.kind} ${'namespace' in object ? namespacedName(object) : object.name}`;
}

export type ObjectsByKind = { readonly [K in KubernetesObject['kind']]: readonly ObjectOf<K>[] };
type ObjectOf<K extends KubernetesObject['kind']> = Extract<KubernetesObject, { kind: K }>;

/** What a gathering found. */
export interface Gathered {
  /** Each object once, as it was given. */
  readonly objects: readonly PlacedObject[];
  readonly of: ObjectsByKind;
  readonly problems: readonly Problem[];
  /** What is most likely misspelt. */
  readonly typos: readonly Problem[];
  /** How many objects of other kinds there were, by `kind.group/version`. */
  readonly ignored: ReadonlyMap<string, number>;
  /** Where an object stands. */
  placeOf(object: KubernetesObject): readonly string[];
  /** The EndpointSlices of a Service, by `namespace/name`; undefined where there are none. Until the next gathering. */
  slicesOf(serviceKey: string): readonly EndpointSlice[] | undefined;
}

/** Something in the index. What a gathering has not met is gone. */
interface Met {
  gathering: number;
}

interface IndexedObject extends Met {
  object: KubernetesObject;
  at: readonly string[];
}

interface IndexedSlices extends Met {
  slices: EndpointSlice[];
}

/** Remembers the objects of the last gathering: one that is read again, and is no other, stays the same object. */
export class ObjectIndex {
  readonly #objects = new Map<string, IndexedObject>();
  readonly #slices = new Map<string, IndexedSlices>();
  #gathering = 0;

  /** Gathers all objects, each once; of those that are there twice and differ, it tells. */
  gather(sources: readonly ParsedSource[]): Gathered {
    this.#gathering++;
    const problems: Problem[] = [];
    const typos: Problem[] = [];
    const ignored = new Map<string, number>();
    const objects: PlacedObject[] = [];
    const of: { [K in KubernetesObject['kind']]: ObjectOf<K>[] } = {
      Service: [],
      EndpointSlice: [],
      Endpoints: [],
      Pod: [],
      Node: [],
      ServiceCIDR: [],
      Deployment: [],
      StatefulSet: [],
      DaemonSet: [],
      ReplicaSet: [],
      ReplicationController: [],
      Job: [],
      CronJob: [],
    };
    const add = <K extends KubernetesObject['kind']>(kind: K, object: ObjectOf<K>) => of[kind].push(object);
    for (const source of sources) {
      for (const problem of source.problems) problems.push(problem);
      for (const document of source.documents) {
        for (const problem of document.problems) problems.push(problem);
        for (const typo of document.typos) typos.push(typo);
        for (const [kind, count] of document.ignored) ignored.set(kind, (ignored.get(kind) ?? 0) + count);
        for (const { placed, key, serviceKey } of document.objects) {
          const known = this.#objects.get(key);
          if (known?.gathering === this.#gathering) {
            if (deepEqual(known.object, placed.object)) continue;
            const message = `is defined twice, and differs from ${known.at.slice(0, -1).join(', ')}`;
            problems.push({ at: placed.at, message });
            continue;
          }
          const object = this.#meet(key, placed, known);
          objects.push(placed);
          add(object.kind, object);
          if (object.kind === 'EndpointSlice' && serviceKey !== undefined) this.#join(serviceKey, object);
        }
      }
    }
    forget(this.#objects, this.#gathering, objects.length);
    forget(this.#slices, this.#gathering);
    return {
      objects,
      of,
      problems,
      typos,
      ignored,
      placeOf: (object) => this.#objects.get(objectKey(object))?.at ?? [],
      slicesOf: (serviceKey) => this.#slices.get(serviceKey)?.slices,
    };
  }

  #meet(key: string, { object, at }: PlacedObject, known: IndexedObject | undefined): KubernetesObject {
    if (!known) {
      this.#objects.set(key, { object, at, gathering: this.#gathering });
      return object;
    }
    if (known.object !== object && !deepEqual(known.object, object)) known.object = object;
    known.at = at;
    known.gathering = this.#gathering;
    return known.object;
  }

  #join(serviceKey: string, slice: EndpointSlice): void {
    const known = this.#slices.get(serviceKey);
    if (!known) {
      this.#slices.set(serviceKey, { slices: [slice], gathering: this.#gathering });
      return;
    }
    if (known.gathering !== this.#gathering) known.slices.length = 0;
    known.slices.push(slice);
    known.gathering = this.#gathering;
  }
}

/** Takes out what a gathering has not met; not to be looked for where it has met as many as there are. */
function forget(index: Map<string, Met>, gathering: number, met?: number): void {
  if (index.size === met) return;
  for (const [key, one] of index) if (one.gathering !== gathering) index.delete(key);
}
