/** From what a manifest or the API server holds to objects that the rest of the program trusts. */
import { deepEqual } from 'fast-equals';
import { z } from 'zod';
import { meantBy, nearest } from '../text/nearest.ts';
import {
  type EndpointSlice,
  type Endpoints,
  endpointSliceSchema,
  endpointsSchema,
} from './endpoint-slice.ts';
import { KINDS } from './kubernetes-fields.ts';
import { type Node, nodeSchema } from './node.ts';
import { type Pod, podSchema } from './pod.ts';
import { check, formatPath, type Problem, show } from './problem.ts';
import { type Service, serviceSchema } from './service.ts';
import { type ServiceCIDR, serviceCIDRSchema } from './service-cidr.ts';
import { type KnownKind, unknownFields } from './unknown-fields.ts';
import {
  isWorkloadKind,
  WORKLOAD_KINDS,
  type Workload,
  type WorkloadKind,
  workloadSchemas,
} from './workload.ts';

export type KubernetesObject = Service | EndpointSlice | Endpoints | Pod | Node | ServiceCIDR | Workload;

/** An object and where it stands: file, document, object. */
export interface PlacedObject {
  readonly object: KubernetesObject;
  readonly at: readonly string[];
}

export interface ParsedObjects {
  readonly objects: readonly PlacedObject[];
  readonly problems: readonly Problem[];
  /**
   * What is most likely misspelt: fields that Kubernetes does not have, and objects that are passed over for their kind or
   * apiVersion, with all that is wrong in those. Problems only where validation is strict.
   */
  readonly typos: readonly Problem[];
  /** How many objects of each other kind there were, by `kind.group/version`. */
  readonly ignored: ReadonlyMap<string, number>;
}

/** Of the kinds that decide rules. Of others whose fields are known, only these are looked at. */
const SCHEMAS = {
  Service: serviceSchema,
  EndpointSlice: endpointSliceSchema,
  Endpoints: endpointsSchema,
  Pod: podSchema,
  Node: nodeSchema,
  ServiceCIDR: serviceCIDRSchema,
} as const;

export interface ParseOptions {
  /** Deployments and other workloads are read, too, and not counted among other kinds. */
  readonly workloads?: boolean;
  /** Objects that were read before: one that is given again just so is the same object. Those that are read are added. */
  readonly known?: KnownObjects | undefined;
}

/** Objects with nothing wrong in them, and what they were given as: by type and name. */
export type KnownObjects = Map<string, { readonly given: unknown; readonly object: KubernetesObject }>;

/** No list of lists is nested deeper than this; a YAML alias can make one that has no end. */
const LIST_DEPTH = 8;

/**
 * Parses what one document holds: an object, or a list of objects however it is typed (`List`, `ServiceList` ...).
 * @param at where the document stands
 */
export function parseObjects(
  document: unknown,
  at: readonly string[],
  { workloads = false, known }: ParseOptions = {},
): ParsedObjects {
  const objects: PlacedObject[] = [];
  const problems: Problem[] = [];
  const typos: Problem[] = [];
  const ignored = new Map<string, number>();
  const ignore = (kind: string, apiVersion: string) => {
    const name = `${kind}.${apiVersion}`;
    ignored.set(name, (ignored.get(name) ?? 0) + 1);
  };

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
      const hint = head.value.resources ? ' (a kustomization? build it with kubectl kustomize)' : '';
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
    } else if (Array.isArray(items) && nearest(kind, ['List'], 1)) {
      const message = `expected List, got ${show(kind)}`;
      typos.push({ at: [...at, 'kind'], message, code: 'unknown-kind' });
    } else {
      const type = { kind, apiVersion };
      const meant = meantKind(type) ?? meantWorkload(type);
      if (meant === undefined) {
        ignore(kind, apiVersion);
        return;
      }
      const place = [...at, objectName(meant, head.value.metadata)];
      if (isWorkloadKind(meant)) visitWorkload(value, place, type, meant);
      else visitObject(value, place, type, meant);
    }
  };

  const tellType = (
    { kind, apiVersion }: TypeMeta,
    place: readonly string[],
    meant: KnownKind,
    wrong: Problem[],
  ): void => {
    const expected = KINDS[meant].apiVersion;
    if (kind !== meant) {
      const message = `expected ${meant}, got ${show(kind)}`;
      wrong.push({ at: [...place, 'kind'], message, code: 'unknown-kind' });
    }
    if (apiVersion !== expected) {
      const message = `expected ${expected}, got ${show(apiVersion || undefined)}`;
      wrong.push({ at: [...place, 'apiVersion'], message, code: 'wrong-api-version' });
    }
  };

  const tellUnknownFields = (value: unknown, place: readonly string[], kind: KnownKind): void => {
    for (const { path, meant } of unknownFields(value, kind)) {
      const message = `unknown field${meantBy(meant)}`;
      typos.push({ at: [...place, formatPath(path)], message, code: 'unknown-field' });
    }
  };

  const visitWorkload = (
    value: unknown,
    place: readonly string[],
    type: TypeMeta,
    meant: WorkloadKind,
  ): void => {
    const passedOver = type.kind !== meant || type.apiVersion !== KINDS[meant].apiVersion;
    tellType(type, place, meant, typos);
    tellUnknownFields(value, place, meant);
    if (!workloads) {
      if (!passedOver) ignore(type.kind, type.apiVersion);
      return;
    }
    const result = check(workloadSchemas[meant].schema, value, place);
    if (!result.ok) for (const problem of result.problems) (passedOver ? typos : problems).push(problem);
    else if (!passedOver) objects.push({ object: result.value, at: place });
  };

  const visitObject = (
    value: unknown,
    place: readonly string[],
    type: TypeMeta,
    meant: Exclude<KnownKind, WorkloadKind>,
  ): void => {
    const { kind, apiVersion } = type;
    const key = `${apiVersion} ${kind} ${place.at(-1)}`;
    const former = known?.get(key);
    if (former && deepEqual(former.given, value)) {
      objects.push({ object: former.object, at: place });
      return;
    }
    const expected = KINDS[meant].apiVersion;
    const passedOver = kind !== meant || !sameGroup(apiVersion, expected);
    // Nothing in an object that is passed over keeps the others from being used.
    const wrong = passedOver ? typos : problems;
    tellType(type, place, meant, wrong);
    const told = typos.length;
    tellUnknownFields(value, place, meant);
    if (!isRead(meant)) {
      if (!passedOver) ignore(kind, apiVersion);
      return;
    }
    const result = check(SCHEMAS[meant], value, place);
    if (!result.ok) for (const problem of result.problems) wrong.push(problem);
    else if (!passedOver && apiVersion === expected) {
      objects.push({ object: result.value, at: place });
      if (typos.length === told) known?.set(key, { given: value, object: result.value });
    }
  };
  visit(document, at, { kind: '', apiVersion: '' }, 0);
  return { objects, problems, typos, ignored };
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

function isRead(kind: KnownKind): kind is keyof typeof SCHEMAS {
  return Object.hasOwn(SCHEMAS, kind);
}

const KINDS_BY_NAME = byName([
  'Service',
  'EndpointSlice',
  'Endpoints',
  'Pod',
  'Node',
  'Namespace',
  'ServiceCIDR',
]);

/** The kinds that are in no namespace. */
const OF_CLUSTER: ReadonlySet<string> = new Set(['Node', 'Namespace', 'ServiceCIDR']);

const WORKLOADS_BY_NAME = byName(WORKLOAD_KINDS);

function byName<Kind extends string>(kinds: readonly Kind[]): ReadonlyMap<string, Kind> {
  return new Map(kinds.map((kind) => [kind, kind]));
}

/**
 * The kind that an object is of or, by what it says, should be of: undefined where it is of another, also one of the same
 * name in a group of somebody else's.
 */
function meantKind({ kind, apiVersion }: TypeMeta): Exclude<KnownKind, WorkloadKind> | undefined {
  const meant = KINDS_BY_NAME.get(kind) ?? KINDS_BY_NAME.get(nearest(kind, KINDS_BY_NAME.keys(), 1) ?? '');
  if (meant === undefined) return undefined;
  const expected = KINDS[meant].apiVersion;
  return sameGroup(apiVersion, expected) ||
    isOfKubernetes(groupOf(apiVersion)) ||
    nearest(apiVersion, [expected])
    ? meant
    : undefined;
}

/** Versions in which Kubernetes serves its workloads no more. */
const FORMER_VERSIONS: ReadonlySet<string> = new Set([
  'apps/v1beta1',
  'apps/v1beta2',
  'batch/v1beta1',
  'batch/v2alpha1',
  'extensions/v1beta1',
]);

/**
 * The same for workloads, of which many groups have their own: a letter may be wrong only in the kind's own group, and
 * capitals alone in any group of Kubernetes. Undefined for a former version, too: no fields of it are known.
 */
function meantWorkload({ kind, apiVersion }: TypeMeta): WorkloadKind | undefined {
  const meant = WORKLOADS_BY_NAME.get(nearest(kind, WORKLOAD_KINDS, 1) ?? '');
  if (meant === undefined || (kind === meant && FORMER_VERSIONS.has(apiVersion))) return undefined;
  const { apiVersion: expected } = KINDS[meant];
  return sameGroup(apiVersion, expected) ||
    (kind.toLowerCase() === meant.toLowerCase() && isOfKubernetes(groupOf(apiVersion))) ||
    nearest(apiVersion, [expected])
    ? meant
    : undefined;
}

/** Groups of whoever extends Kubernetes have a dot, and its own have none or end like this; no kind is in two of them. */
function isOfKubernetes(group: string): boolean {
  return !group.includes('.') || group.endsWith('.k8s.io');
}

function sameGroup(a: string, b: string): boolean {
  return groupOf(a) === groupOf(b);
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

const nameSchema = z.object({ name: z.string(), namespace: z.string().nullish() });

/** `Service default/web`, `Node node1`, as far as the metadata tells. */
function objectName(kind: string, metadata: unknown): string {
  const { name, namespace } = nameSchema.safeParse(metadata).data ?? {};
  if (name === undefined) return `${kind} without a name`;
  const full = OF_CLUSTER.has(kind) ? name : `${namespace || 'default'}/${name}`;
  return /^[\w./-]{1,317}$/.test(full) ? `${kind} ${full}` : `${kind} ${show(full)}`;
}
