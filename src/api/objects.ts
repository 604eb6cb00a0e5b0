/** From what a manifest or the API server holds to objects that the rest of the program trusts. */
import { z } from 'zod';
import {
  type EndpointSlice,
  type Endpoints,
  endpointSliceSchema,
  endpointsSchema,
} from './endpoint-slice.ts';
import { type Node, nodeSchema } from './node.ts';
import { type Pod, podSchema } from './pod.ts';
import { check, type Problem, show } from './problem.ts';
import { type Service, serviceSchema } from './service.ts';
import { isWorkloadKind, type Workload, workloadSchemas } from './workload.ts';

export type KubernetesObject = Service | EndpointSlice | Endpoints | Pod | Node | Workload;

/** An object and where it stands: file, document, object. */
export interface PlacedObject {
  readonly object: KubernetesObject;
  readonly at: readonly string[];
}

export interface ParsedObjects {
  readonly objects: readonly PlacedObject[];
  readonly problems: readonly Problem[];
  /** How many objects of each other kind there were, by `kind.group/version`. */
  readonly ignored: ReadonlyMap<string, number>;
}

const SCHEMAS = {
  Service: { apiVersion: 'v1', schema: serviceSchema },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', schema: endpointSliceSchema },
  Endpoints: { apiVersion: 'v1', schema: endpointsSchema },
  Pod: { apiVersion: 'v1', schema: podSchema },
  Node: { apiVersion: 'v1', schema: nodeSchema },
  ...workloadSchemas,
} as const;

export interface ParseOptions {
  /** Deployments and other workloads are read, too, and not counted among other kinds. */
  readonly workloads?: boolean;
}

/** No list of lists is nested deeper than this; a YAML alias can make one that has no end. */
const LIST_DEPTH = 8;

/**
 * Parses what one document holds: an object, or a list of objects however it is typed (`List`, `ServiceList` ...).
 * @param at where the document stands
 */
export function parseObjects(
  document: unknown,
  at: readonly string[],
  { workloads = false }: ParseOptions = {},
): ParsedObjects {
  const objects: PlacedObject[] = [];
  const problems: Problem[] = [];
  const ignored = new Map<string, number>();

  const visit = (value: unknown, at: readonly string[], inherited: TypeMeta, depth: number): void => {
    const head = check(headSchema, value, at);
    if (!head.ok) {
      for (const problem of head.problems) problems.push(problem);
      return;
    }
    const kind = head.value.kind || inherited.kind;
    const apiVersion = head.value.apiVersion || inherited.apiVersion;
    // The API server prints an empty list as null at times.
    const items: unknown = head.value.items === null ? [] : head.value.items;
    if (kind === '') {
      const hint = head.value.resources ? ' (a kustomization? kubectl kustomize prints what it makes)' : '';
      problems.push({ at, message: `expected a Kubernetes object, got a mapping without kind${hint}` });
    } else if (kind === 'List' && items !== undefined && !Array.isArray(items)) {
      problems.push({ at: [...at, 'items'], message: `expected a list, got ${show(items)}` });
    } else if (kind.endsWith('List') && Array.isArray(items)) {
      if (depth === LIST_DEPTH) {
        problems.push({ at, message: `expected lists at most ${LIST_DEPTH} deep` });
        return;
      }
      const ofItems =
        kind === 'List' ? { kind: '', apiVersion: '' } : { kind: kind.slice(0, -4), apiVersion };
      for (const [i, item] of items.entries()) visit(item, [...at, `items[${i}]`], ofItems, depth + 1);
    } else if (
      !isKnown(kind) ||
      !sameGroup(apiVersion, SCHEMAS[kind].apiVersion) ||
      // What Kubernetes serves no more in a version of long ago never had rules.
      (isWorkloadKind(kind) && !(workloads && apiVersion === SCHEMAS[kind].apiVersion))
    ) {
      const name = `${kind}.${apiVersion}`;
      ignored.set(name, (ignored.get(name) ?? 0) + 1);
    } else {
      const place = [...at, objectName(kind, head.value.metadata)];
      const expected = SCHEMAS[kind].apiVersion;
      if (apiVersion !== expected) {
        problems.push({
          at: [...place, 'apiVersion'],
          message: `expected ${expected}, got ${show(apiVersion || undefined)}`,
        });
        return;
      }
      const result = check(SCHEMAS[kind].schema, value, place);
      if (result.ok) objects.push({ object: result.value, at: place });
      else for (const problem of result.problems) problems.push(problem);
    }
  };
  visit(document, at, { kind: '', apiVersion: '' }, 0);
  return { objects, problems, ignored };
}

interface TypeMeta {
  readonly kind: string;
  readonly apiVersion: string;
}

const headSchema = z.object(
  {
    kind: z.string().nullish(),
    apiVersion: z.string().nullish(),
    items: z.unknown().optional(),
    metadata: z.unknown().optional(),
    /** Of a kustomization.yaml, which needs no kind. */
    resources: z.unknown().optional(),
  },
  { error: 'a Kubernetes object' },
);

function isKnown(kind: string): kind is keyof typeof SCHEMAS {
  return Object.hasOwn(SCHEMAS, kind);
}

function sameGroup(a: string, b: string): boolean {
  const group = (apiVersion: string) =>
    apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return group(a) === group(b);
}

const nameSchema = z.object({ name: z.string(), namespace: z.string().nullish() });

/** `Service default/web`, `Node node1`, as far as the metadata tells. */
function objectName(kind: keyof typeof SCHEMAS, metadata: unknown): string {
  const { name, namespace } = nameSchema.safeParse(metadata).data ?? {};
  if (name === undefined) return `${kind} without a name`;
  const full = kind === 'Node' ? name : `${namespace || 'default'}/${name}`;
  return /^[\w./-]{1,317}$/.test(full) ? `${kind} ${full}` : `${kind} ${show(full)}`;
}
