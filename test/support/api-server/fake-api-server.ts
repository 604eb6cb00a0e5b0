/**
 * A Kubernetes API server as far as an agent sees it: lists with pages or as streams, watches with bookmarks, a bearer
 * token. It speaks the wire format of v1.36 and misbehaves on command.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { createServer as createHTTPSServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { json } from 'node:stream/consumers';

/** An object as the server keeps it. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What the next requests get instead of an answer. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'drop' }
  /** Tells so many events of a list that comes as a stream, and then this. */
  | { readonly kind: 'cut'; readonly after: number; readonly by: 'drop' | 'end' | 'hang' | 410 | 500 };

export interface FakeApiServerOptions {
  /** Over TLS, with HTTP/2 or without. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly http2: boolean };
}

interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
  readonly version: number;
}

interface Resource {
  readonly path: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly objects: Map<string, ApiObject>;
  readonly events: Event[];
  readonly watches: Set<ServerResponse>;
}

const PATHS = {
  '/api/v1/services': { kind: 'Service', apiVersion: 'v1' },
  '/apis/discovery.k8s.io/v1/endpointslices': { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' },
  '/api/v1/nodes': { kind: 'Node', apiVersion: 'v1' },
  '/api/v1/pods': { kind: 'Pod', apiVersion: 'v1' },
  '/apis/networking.k8s.io/v1/servicecidrs': { kind: 'ServiceCIDR', apiVersion: 'networking.k8s.io/v1' },
} as const;

export type Path = keyof typeof PATHS;

export class FakeApiServer {
  readonly requests: string[] = [];
  /** That requests came by. */
  readonly httpVersions = new Set<string>();
  /** What was sent to be made, such as Events. */
  readonly posted: unknown[] = [];
  token: string | undefined;
  /** Older servers refuse lists that come as streams. */
  streamsLists = true;
  /** What it refuses for good, with which status: kinds that it does not have, or does not show. */
  readonly refused = new Map<Path, number>();
  readonly #tls: FakeApiServerOptions['tls'];
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #endsWatches = true;
  readonly #resources = new Map<string, Resource>();
  /** What lists that were begun have still to give, by the token to go on with. */
  readonly #lists = new Map<string, { readonly version: number; readonly rest: readonly ApiObject[] }>();
  #listCount = 0;
  readonly #held = new Map<string, Event[]>();
  readonly #faults: { path: string | undefined; watch: boolean | undefined; fault: Fault }[] = [];
  #server: Server | undefined;
  #port = 0;
  #version = 100;
  /** Versions before this one are compacted: a watch from one has expired. */
  #oldest = 0;

  constructor({ tls }: FakeApiServerOptions = {}) {
    this.#tls = tls;
    this.#reset();
  }

  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    // Node.js gives requests over HTTP/2 the same methods.
    const server = !this.#tls
      ? createServer(answer)
      : this.#tls.http2
        ? createSecureServer(
            // A list of 250,000 endpoints is written at once, and takes no request's place.
            { ...this.#tls, allowHTTP1: true, maxSessionMemory: 1000 },
            answer as unknown as Parameters<typeof createSecureServer>[1],
          )
        : createHTTPSServer(this.#tls, answer);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket)));
    });
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session.on('close', () => this.#sessions.delete(session)));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  /** Stops, forgets everything, and starts on the same port with versions that begin anew. */
  async restartEmpty(): Promise<void> {
    await this.stop();
    this.#reset();
    this.#version = 1;
    await this.start();
  }

  /** The next `times` requests (to a path; lists or watches only) get a fault. */
  misbehave(
    fault: Fault,
    { path, watch, times = 1 }: { path?: Path; watch?: boolean; times?: number } = {},
  ): void {
    for (let i = 0; i < times; i++) this.#faults.push({ path, watch, fault });
  }

  /** No fault is left that {@link misbehave} has asked for. */
  behave(): void {
    this.#faults.length = 0;
  }

  /** Puts an object there, or a new version of it, and tells those who watch. */
  put(object: ApiObject): void {
    const resource = this.#resourceOf(object.kind);
    const version = ++this.#version;
    const stored = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version), uid: `uid-${object.metadata.name}` },
    };
    const type = resource.objects.has(keyOf(object)) ? 'MODIFIED' : 'ADDED';
    resource.objects.set(keyOf(object), stored);
    this.#publish(resource, { type, object: stored, version });
  }

  delete(object: ApiObject): void {
    const resource = this.#resourceOf(object.kind);
    const stored = resource.objects.get(keyOf(object));
    if (!stored) return;
    resource.objects.delete(keyOf(object));
    const version = ++this.#version;
    const last = { ...stored, metadata: { ...stored.metadata, resourceVersion: String(version) } };
    this.#publish(resource, { type: 'DELETED', object: last, version });
  }

  /** What the server holds, of all kinds. */
  get objects(): readonly ApiObject[] {
    return [...this.#resources.values()].flatMap(({ objects }) => [...objects.values()]);
  }

  /** Keeps the events of a resource back until they are let go, so that those of other resources overtake them. */
  hold(path: Path): void {
    this.#held.set(path, []);
  }

  release(path: Path): void {
    const events = this.#held.get(path) ?? [];
    this.#held.delete(path);
    const resource = this.#resources.get(path);
    for (const event of events) if (resource) this.#publish(resource, event);
  }

  /** Forgets all events so far: watches from before must list again. */
  compact(): void {
    this.#oldest = ++this.#version;
    this.#lists.clear();
    for (const resource of this.#resources.values()) resource.events.length = 0;
  }

  /** Tells those who watch how far they are. */
  bookmark(): void {
    for (const resource of this.#resources.values()) {
      for (const watch of resource.watches) watch.write(`${JSON.stringify(this.#bookmarkOf(resource))}\n`);
    }
  }

  /** Says on all connections over HTTP/2 that it takes no more requests on them. */
  goAway(): void {
    for (const session of this.#sessions) session.goaway();
  }

  /** Does not end watches any more when their time is over. */
  neverEnd(): void {
    this.#endsWatches = false;
  }

  /** Tells those who watch what no server should. */
  writeToWatches(line: string): void {
    for (const { watches } of this.#resources.values()) {
      for (const watch of watches) watch.write(`${line}\n`);
    }
  }

  /** Breaks every watch, in the middle of a line if so wanted. */
  disconnect({ midEvent = false } = {}): void {
    for (const resource of this.#resources.values()) {
      for (const watch of resource.watches) {
        if (midEvent) watch.write('{"type":"MODIFIED","object":{"kind":"Servi', () => watch.destroy());
        else watch.destroy();
      }
      resource.watches.clear();
    }
  }

  /** Ends every watch with an ERROR event, as for a version that has expired while it was watched. */
  endWatches(code: number): void {
    for (const resource of this.#resources.values()) {
      for (const watch of resource.watches) watch.end(errorLine(code, 'ended'));
      resource.watches.clear();
    }
  }

  get watchCount(): number {
    return [...this.#resources.values()].reduce((sum, { watches }) => sum + watches.size, 0);
  }

  #reset(): void {
    for (const [path, names] of Object.entries(PATHS)) {
      this.#resources.set(path, { path, ...names, objects: new Map(), events: [], watches: new Set() });
    }
  }

  #resourceOf(kind: string): Resource {
    const resource = [...this.#resources.values()].find((resource) => resource.kind === kind);
    if (!resource) throw new Error(`no resource of kind ${kind}`);
    return resource;
  }

  #publish(resource: Resource, event: Event): void {
    const held = this.#held.get(resource.path);
    if (held) {
      held.push(event);
      return;
    }
    resource.events.push(event);
    for (const watch of resource.watches) watch.write(lineOf(event));
  }

  #bookmarkOf({ kind, apiVersion }: Resource, annotations?: Readonly<Record<string, string>>) {
    const metadata = { resourceVersion: String(this.#version), ...(annotations ? { annotations } : {}) };
    return { type: 'BOOKMARK', object: { kind, apiVersion, metadata } };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    const watching = url.searchParams.get('watch') === 'true';
    this.httpVersions.add(request.httpVersion);
    this.requests.push(`${watching ? 'WATCH' : 'LIST'} ${url.pathname}`);
    const i = this.#faults.findIndex(
      ({ path, watch }) => (path ?? url.pathname) === url.pathname && (watch ?? watching) === watching,
    );
    const [faulty] = i === -1 ? [] : this.#faults.splice(i, 1);
    const refused = [...this.refused].find(([path]) => path === url.pathname);
    const resource = selected(this.#resources.get(url.pathname), url.searchParams);
    const listing = watching && url.searchParams.get('sendInitialEvents') === 'true';
    if (faulty && (faulty.fault.kind !== 'cut' || !listing || !resource)) this.#fail(response, faulty.fault);
    else if (refused) this.#fail(response, { kind: 'status', status: refused[1] });
    else if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      this.#fail(response, { kind: 'status', status: 401 });
    } else if (request.method === 'POST') void this.#take(request, response);
    else if (!resource) this.#listByName(url, response);
    else if (listing && !this.streamsLists) this.#fail(response, { kind: 'status', status: 422 });
    else if (listing) this.#streamList(resource, url.searchParams, response, faulty?.fault);
    else if (watching) this.#watch(resource, url.searchParams, response);
    else this.#list(resource, url.searchParams, response);
  }

  /** What is in a namespace, by its name: `/api/v1/namespaces/default/services?fieldSelector=metadata.name=web`. */
  #listByName({ pathname, searchParams }: URL, response: ServerResponse): void {
    const [, namespace] = /\/namespaces\/([^/]+)\//.exec(pathname) ?? [];
    const resource = this.#resources.get(pathname.replace(/\/namespaces\/[^/]+/, ''));
    const [, name] = /^metadata\.name=(.+)$/.exec(searchParams.get('fieldSelector') ?? '') ?? [];
    if (namespace === undefined || name === undefined || !resource) {
      this.#fail(response, { kind: 'status', status: 404 });
      return;
    }
    const found = resource.objects.get(`${namespace}/${name}`);
    const objects = new Map(found ? [[name, found]] : []);
    this.#list({ ...resource, objects }, searchParams, response);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const object: unknown = await json(request);
    this.posted.push(object);
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify(object));
  }

  #fail(response: ServerResponse, fault: Fault): void {
    if (fault.kind === 'hang') return;
    if (fault.kind === 'drop') {
      response.destroy();
      return;
    }
    const { status, headers } = fault.kind === 'cut' ? { status: 500, headers: {} } : fault;
    const body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'no',
      code: status,
    };
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  /** All pages of a list show the same moment, that of the first. */
  #list({ kind, apiVersion, objects }: Resource, query: URLSearchParams, response: ServerResponse): void {
    const token = query.get('continue');
    const started = token === null ? undefined : this.#lists.get(token);
    if (token !== null && !started) {
      this.#fail(response, { kind: 'status', status: 410 });
      return;
    }
    const { version, rest } = started ?? { version: this.#version, rest: [...objects.values()] };
    const limit = Number(query.get('limit') ?? 0) || rest.length;
    // Lists leave out what they have said already: the items' kind and version.
    const items = rest.slice(0, limit).map(({ kind: _, apiVersion: __, ...item }) => item);
    let next = {};
    if (rest.length > limit) {
      const token = `list-${++this.#listCount}`;
      this.#lists.set(token, { version, rest: rest.slice(limit) });
      next = { continue: token };
    }
    const metadata = { resourceVersion: String(version), ...next };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ kind: `${kind}List`, apiVersion, metadata, items }));
  }

  #watch(resource: Resource, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    if (from < this.#oldest || from > this.#version) {
      response.end(errorLine(410, 'too old resource version'));
      return;
    }
    for (const event of resource.events) if (event.version > from) response.write(lineOf(event));
    this.#goOn(resource, query, response);
  }

  /** A list as the beginning of a watch. */
  #streamList(
    resource: Resource,
    query: URLSearchParams,
    response: ServerResponse,
    fault: Fault | undefined,
  ): void {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    const lines = Array.from(
      resource.objects.values(),
      (object) => `${JSON.stringify({ type: 'ADDED', object })}\n`,
    );
    if (fault?.kind === 'cut') {
      const { by, after } = fault;
      const told = lines.slice(0, after).join('');
      if (by === 'drop') response.write(told, () => response.destroy());
      else if (by === 'hang') response.write(told);
      else if (by === 'end') response.end(told);
      else response.end(`${told}${errorLine(by, 'ended')}`);
      return;
    }
    const bookmark = this.#bookmarkOf(resource, { 'k8s.io/initial-events-end': 'true' });
    for (const line of lines) response.write(line);
    response.write(`${JSON.stringify(bookmark)}\n`);
    this.#goOn(resource, query, response);
  }

  #goOn(resource: Resource, query: URLSearchParams, response: ServerResponse): void {
    const end = setTimeout(
      () => this.#endsWatches && response.end(),
      Number(query.get('timeoutSeconds') ?? 1800) * 1000,
    );
    resource.watches.add(response);
    response.on('close', () => {
      clearTimeout(end);
      resource.watches.delete(response);
    });
  }
}

/** What of a resource is there by selectors such as agents ask with for Nodes. Events of a watch are not chosen by them. */
function selected(resource: Resource | undefined, query: URLSearchParams): Resource | undefined {
  const [, name] = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '') ?? [];
  const [, label = '', values] = /^([^! ]+) in \((.+)\)$/.exec(query.get('labelSelector') ?? '') ?? [];
  if (!resource || (name === undefined && values === undefined)) return resource;
  const fits = ({ metadata }: ApiObject) =>
    (name === undefined || metadata.name === name) &&
    (values === undefined || values.split(',').includes(String(Object(metadata.labels)[label])));
  return { ...resource, objects: new Map([...resource.objects].filter(([, object]) => fits(object))) };
}

function errorLine(code: number, message: string): string {
  const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code };
  return `${JSON.stringify({ type: 'ERROR', object })}\n`;
}

function lineOf({ type, object }: Event): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
