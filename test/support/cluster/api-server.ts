/**
 * A Kubernetes API server over a store of objects: as much of the API as kubectl and the agent use, with real requests.
 * It keeps no history that expires, and has no faults; `test/support/api-server` is the one that misbehaves.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { patched } from '../json-patch.ts';
import { problemsOf } from '../kubernetes-schemas.ts';
import { isAllowed } from './authorization.ts';
import { type KubernetesObject, type ObjectStore, objectSchema, type StoreEvent } from './object-store.ts';
import { objectOfBody } from './protobuf.ts';
import { discoveryDocument, RESOURCES, type Resource, versionOf } from './resources.ts';
import { field, hasFields, hasLabels } from './selectors.ts';
import { type Streams, serveStreams, streamServer } from './streams.ts';
import { tableOf } from './tables.ts';

/** What runs in the pods. */
export interface Runtime {
  logs(pod: KubernetesObject): string;
  /** Runs a command in a pod, and gives its exit code. */
  exec(pod: KubernetesObject, command: readonly string[], streams: Streams): Promise<number>;
  /** Becomes the standard input and output of a pod's own command until that ends. */
  attach(pod: KubernetesObject, streams: Streams): Promise<number>;
}

interface Target {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
}

/** A refusal, in the API's words. */
class Refusal extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** Kinds whose objects are held against the schemas, as a real server holds all. */
const VALIDATED = new Set([
  'ConfigMap',
  'ClusterRole',
  'ClusterRoleBinding',
  'DaemonSet',
  'Role',
  'RoleBinding',
  'ServiceAccount',
]);

export class ClusterApiServer implements AsyncDisposable {
  /** What service accounts asked for and may not have. */
  readonly forbidden: string[] = [];
  readonly #store: ObjectStore;
  readonly #runtime: Runtime;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #streams = streamServer();

  /** @param runtime what `logs`, `exec` and `attach` are about */
  constructor(store: ObjectStore, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
    this.#server.on('upgrade', (request, socket, head) => {
      const { query, subresource, ...target } = targetOf(request);
      const pod = this.#found({ ...target, query, subresource });
      this.#streams.handleUpgrade(request, socket, head, (connection) =>
        serveStreams(connection, (streams) =>
          subresource === 'attach'
            ? this.#runtime.attach(pod, streams)
            : this.#runtime.exec(pod, query.getAll('command'), streams),
        ),
      );
    });
  }

  /** @param socket the path of a Unix socket */
  async listen(socket: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(socket, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#streams.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (code: number, body: object) =>
      response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    try {
      const { pathname } = urlOf(request);
      const document = discoveryDocument(pathname);
      if (document) return void send(200, document);
      const target = targetOf(request);
      this.#authorize(request, target);
      if (request.method === 'GET' && target.query.get('watch') === 'true')
        return this.#watch(target, response);
      if (target.subresource === 'log') {
        return void response
          .writeHead(200, { 'Content-Type': 'text/plain' })
          .end(this.#runtime.logs(this.#found(target)));
      }
      const body = await buffer(request);
      send(request.method === 'POST' ? 201 : 200, this.#result(request, target, body));
    } catch (error) {
      const { code, reason } = error instanceof Refusal ? error : { code: 500, reason: 'InternalError' };
      const message = error instanceof Error ? error.message : String(error);
      send(code, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason,
        code,
      });
    }
  }

  /** Whoever has no token is the administrator, who may do everything. */
  #authorize(request: IncomingMessage, { resource, namespace, name, query }: Target): void {
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) return;
    const reading = query.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
    const verbs: Readonly<Record<string, string>> = {
      POST: 'create',
      PUT: 'update',
      PATCH: 'patch',
      DELETE: 'delete',
    };
    const verb = verbs[request.method ?? ''] ?? reading;
    if (isAllowed(this.#store, token, { verb, resource, namespace })) return;
    const message = `${token} cannot ${verb} ${resource.plural} in group "${resource.group}"`;
    this.forbidden.push(message);
    throw new Refusal(403, 'Forbidden', message);
  }

  #result(request: IncomingMessage, target: Target, body: Buffer): object {
    const type = request.headers['content-type'] ?? '';
    switch (request.method) {
      case 'POST':
        return this.#created(target, objectOfBody(body, type));
      case 'PATCH':
        return this.#patched(target, type, objectOfBody(body, type));
      case 'PUT':
        return this.#replaced(this.#found(target), objectSchema.parse(objectOfBody(body, type)));
      case 'DELETE': {
        const object = this.#found(target);
        this.#store.delete(object);
        return {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Success',
          details: detailsOf(object),
        };
      }
      default: {
        const { kind } = target.resource;
        const asTable = request.headers.accept?.includes('as=Table') ?? false;
        if (target.name === undefined) return this.#listed(target, asTable);
        const object = this.#found(target);
        return asTable ? tableOf(kind, [object]) : object;
      }
    }
  }

  #found({ resource, namespace, name = '' }: Target): KubernetesObject {
    const object = this.#store.get(resource, namespace, name);
    if (!object) throw new Refusal(404, 'NotFound', `${resource.plural} "${name}" not found`);
    return object;
  }

  #listed({ resource, namespace, query }: Target, asTable: boolean): object {
    const objects = this.#store.list(resource, namespace).filter((object) => isSelected(object, query));
    if (asTable) return tableOf(resource.kind, objects);
    // Lists leave out what they have said already: the items' kind and version.
    const items = objects.map(({ kind: _, apiVersion: __, ...item }) => item);
    const metadata = { resourceVersion: String(this.#store.version) };
    return { kind: `${resource.kind}List`, apiVersion: versionOf(resource), metadata, items };
  }

  #created({ resource, namespace, query }: Target, body: unknown): object {
    const sent = objectSchema.parse(
      Object.assign({}, body, { apiVersion: versionOf(resource), kind: resource.kind }),
    );
    const placed = { ...sent, metadata: { ...sent.metadata, ...(namespace !== undefined && { namespace }) } };
    const object = resource.group === 'events.k8s.io' ? coreEvent(placed) : placed;
    if (this.#store.get(resource, namespace, object.metadata.name)) {
      throw new Refusal(409, 'AlreadyExists', `${resource.plural} "${object.metadata.name}" already exists`);
    }
    refuseInvalid(object);
    return query.has('dryRun') ? object : this.#store.put(object);
  }

  #patched(target: Target, type: string, patch: unknown): object {
    if (type.startsWith('application/apply-patch')) return this.#applied(target, patch);
    const before = this.#found(target);
    const after = type.startsWith('application/json-patch') ? patched(before, patch) : merged(before, patch);
    const object = objectSchema.parse(after);
    refuseInvalid(object);
    return this.#store.put(object);
  }

  /** Server-side apply, as if there were no other field managers: what was applied before and is not now is gone. */
  #applied(target: Target, body: unknown): object {
    const { resource, namespace, name = '' } = target;
    const before = this.#store.get(resource, namespace, name);
    return before ? this.#replaced(before, objectSchema.parse(body)) : this.#created(target, body);
  }

  /** The status is not the client's. */
  #replaced(before: KubernetesObject, sent: KubernetesObject): object {
    const { status } = before;
    const metadata = { ...sent.metadata, uid: before.metadata.uid, namespace: before.metadata.namespace };
    const object = { ...sent, metadata, ...(status === undefined ? {} : { status }) };
    refuseInvalid(object);
    return this.#store.put(object);
  }

  #watch({ resource, namespace, query, name }: Target, response: ServerResponse): void {
    if (query.has('sendInitialEvents')) throw new Refusal(422, 'Invalid', 'sendInitialEvents is forbidden');
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    const concerns = (object: KubernetesObject | undefined) =>
      object !== undefined &&
      (namespace === undefined || object.metadata.namespace === namespace) &&
      (name === undefined || object.metadata.name === name) &&
      isSelected(object, query);
    const tell = (event: StoreEvent) => {
      if (event.resource !== resource) return;
      const [was, is] = [concerns(event.former), event.type !== 'DELETED' && concerns(event.object)];
      if (!was && !is) return;
      const type = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
      response.write(`${JSON.stringify({ type, object: event.object })}\n`);
    };
    const from = Number(query.get('resourceVersion') ?? 0);
    for (const event of this.#store.events) if (event.version > from) tell(event);
    response.on('close', this.#store.listen(tell));
  }
}

const urlOf = ({ url = '/' }: IncomingMessage) => new URL(url, 'http://api-server');

const PATH =
  /^\/(?:api|apis\/(?<group>[^/]+))\/v1(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>\w+)(?:\/(?<name>[^/]+))?(?:\/(?<subresource>\w+))?$/;

/** What a request is about. Throws a refusal where there is no such thing. */
function targetOf(request: IncomingMessage): Target {
  const { pathname, searchParams } = urlOf(request);
  const { group = '', namespace, plural, name, subresource } = PATH.exec(pathname)?.groups ?? {};
  const resource = RESOURCES.find((one) => one.group === group && one.plural === plural);
  if (!resource) throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
  return { resource, namespace, name, subresource, query: searchParams };
}

const isSelected = (object: KubernetesObject, query: URLSearchParams): boolean =>
  hasLabels(object, query.get('labelSelector') ?? '') && hasFields(object, query.get('fieldSelector') ?? '');

const detailsOf = ({ kind, metadata }: KubernetesObject) => ({
  kind,
  name: metadata.name,
  uid: metadata.uid,
});

function refuseInvalid(object: KubernetesObject): void {
  if (!VALIDATED.has(object.kind)) return;
  const problems = problemsOf(object);
  if (problems.length > 0) throw new Refusal(422, 'Invalid', problems.join('\n'));
}

/**
 * A JSON merge patch (RFC 7386). A strategic one is the same as long as its lists are new: then there is nothing that
 * their entries could be merged with.
 */
function merged(value: unknown, patch: unknown): unknown {
  if (Array.isArray(patch) || typeof patch !== 'object' || patch === null) return patch;
  const result: Record<string, unknown> = { ...Object(Array.isArray(value) ? {} : value) };
  for (const [key, inner] of Object.entries(patch)) {
    if (inner === null) delete result[key];
    else result[key] = merged(result[key], inner);
  }
  return result;
}

/** An Event of `events.k8s.io` as the core group has it: there is one object, under two names. */
function coreEvent(event: KubernetesObject): KubernetesObject {
  const of = (...path: readonly string[]) => field(event, path);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: event.metadata,
    involvedObject: of('regarding'),
    type: of('type'),
    reason: of('reason'),
    message: of('note'),
    eventTime: of('eventTime'),
    firstTimestamp: null,
    lastTimestamp: null,
    source: {},
    reportingComponent: of('reportingController'),
    reportingInstance: of('reportingInstance'),
    action: of('action'),
  };
}
