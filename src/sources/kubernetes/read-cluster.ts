/** A cluster as the Kubernetes API tells it at one moment: for commands that look at it once. */
import { isMapping } from '../../api/problem.ts';
import { OperationalError } from '../../errors/operational-error.ts';
import type { SourceText } from '../source-text.ts';
import type { AccessOptions } from './access.ts';
import { ApiError, type Connection, connectTo } from './connection.ts';
import { knownService, knownSlice } from './later-version.ts';
import { DEFAULT_TIMES, listAll } from './list-watch.ts';
import { type LiveKind, NEEDED } from './live-kinds.ts';

const RESOURCES = {
  Service: {
    path: '/api/v1/services',
    apiVersion: 'v1',
    called: 'services',
    known: (raw: unknown) => knownService(raw).value,
  },
  EndpointSlice: {
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    apiVersion: 'discovery.k8s.io/v1',
    called: 'endpointslices.discovery.k8s.io',
    known: (raw: unknown) => knownSlice(raw).value,
  },
  Node: { path: '/api/v1/nodes', apiVersion: 'v1', called: 'nodes', known: (raw: unknown) => raw },
  ServiceCIDR: {
    path: '/apis/networking.k8s.io/v1/servicecidrs',
    apiVersion: 'networking.k8s.io/v1',
    called: 'servicecidrs.networking.k8s.io',
    known: (raw: unknown) => raw,
  },
  Pod: { path: '/api/v1/pods', apiVersion: 'v1', called: 'pods', known: (raw: unknown) => raw },
} as const satisfies Readonly<Record<LiveKind, unknown>>;

export interface ClusterReading extends AccessOptions {
  /** How long one request may take, in milliseconds; undefined for no limit of its own. */
  readonly requestTimeout: number | undefined;
  /** Is told of what may not be read, and can be done without. */
  readonly onMissing: (message: string) => void;
}

/**
 * Lists the objects of some kinds, all at once, and gives them as `kubectl get -o json` would print them. Only reads.
 * @throws AccessError where the kubeconfig cannot be used; an OperationalError where the server cannot be reached, or
 * refuses what rules cannot be made without
 */
export async function readCluster(
  kinds: readonly LiveKind[],
  { requestTimeout, onMissing, ...options }: ClusterReading,
): Promise<SourceText> {
  const { connection: opened, server } = await connectTo(options);
  const connection = withTimeout(opened, requestTimeout);
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      try {
        return await list(connection, kind);
      } catch (error) {
        const problem = problemOf(error, kind, server);
        if (NEEDED.includes(kind) || !(error instanceof ApiError)) throw problem;
        onMissing(problem.message);
        return [];
      }
    }),
  );
  const items = lists.flat();
  return {
    name: `cluster ${new URL(server).host}`,
    text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    origin: 'cluster',
  };
}

async function list(connection: Connection, kind: LiveKind): Promise<object[]> {
  const { path, apiVersion, known } = RESOURCES[kind];
  // Lists leave out of their items what they say themselves.
  const reduce = (raw: unknown) => ({ apiVersion, kind, ...withoutManagers(known(raw)) });
  const resource = { path, selectors: {}, reduce };
  return (await listAll(connection, resource, NEVER, DEFAULT_TIMES)).objects;
}

const NEVER = new AbortController().signal;

/** Who wrote which field is half of what an object holds, and says nothing of rules. */
function withoutManagers(raw: unknown): object {
  if (!isMapping(raw)) return {};
  const { metadata } = raw;
  if (!isMapping(metadata)) return raw;
  const { managedFields: _, ...kept } = metadata;
  return { ...raw, metadata: kept };
}

function withTimeout(connection: Connection, requestTimeout: number | undefined): Connection {
  if (requestTimeout === undefined) return connection;
  return {
    ...connection,
    get: (path, query, signal) =>
      connection.get(path, query, AbortSignal.any([signal, AbortSignal.timeout(requestTimeout)])),
  };
}

function problemOf(error: unknown, kind: LiveKind, server: string): OperationalError {
  const { called } = RESOURCES[kind];
  if (error instanceof ApiError) {
    return new OperationalError(
      `${server} refuses to list ${called}: ${error.message}${toDo(error, called)}`,
      {
        cause: error,
      },
    );
  }
  // Nothing else ends a request.
  const timedOut = error instanceof Error && /^(?:Timeout|Abort)Error$/.test(error.name);
  const why = timedOut ? 'no answer within --request-timeout' : messageOf(error);
  return new OperationalError(`cannot list ${called} from ${server}: ${why}`, { cause: error });
}

function toDo({ status }: ApiError, called: string): string {
  if (status === 401) return '\nlog in again, or choose another user of the kubeconfig with --user';
  if (status === 403) return `\nlet this user list ${called}: bind the ClusterRole in deploy/reader`;
  return '';
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Of an address that has several, each failed in its own way.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error.message;
}
