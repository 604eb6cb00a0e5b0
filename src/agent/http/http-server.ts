/** An HTTP server of the agent: a thin layer over `node:http` that outlives whatever clients do. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ListenOptions, Socket } from 'node:net';
import { OperationalError } from '../../errors/operational-error.ts';
import { joinPort } from '../../net/address.ts';
import type { Log } from '../log.ts';
import { type ConnectionLimits, Connections } from './connections.ts';
import { type Answer, answerRequest, type Routes, textAnswer } from './routes.ts';
import { trustedHost } from './trusted-host.ts';

/** A server cannot have its address; the message says why. */
export class ListenError extends OperationalError {
  /** The system's name for it, such as `EADDRINUSE`. */
  readonly code: string | undefined;
  /** What the system says. */
  readonly reason: string;

  constructor(
    server: string,
    address: string,
    { code, message }: { readonly code?: string | undefined; readonly message: string },
  ) {
    super(`cannot listen on ${address} (${server}): ${REASONS[code ?? ''] ?? message}`);
    this.code = code;
    this.reason = message;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there (EADDRINUSE); ss -ltnp shows which',
  EADDRNOTAVAIL: 'no interface of this machine has the address (EADDRNOTAVAIL)',
  EAFNOSUPPORT: 'this machine does not support the address family (EAFNOSUPPORT)',
  EACCES: 'not permitted (EACCES); ports below 1024 need CAP_NET_BIND_SERVICE',
};

/** Milliseconds. */
export interface HttpServerTimes {
  /** From its beginning, a request's headers and the whole request must be there in so long. */
  readonly headers: number;
  readonly request: number;
  /** Whoever takes longer is found so often. */
  readonly check: number;
  /** A connection without a request is kept so long. */
  readonly idle: number;
  /** Whoever has not taken an answer by then gets no more of it. */
  readonly send: number;
  /** An address that could not be had is tried again so often, as kube-proxy v1.36 does. */
  readonly retry: number;
  /** Requests that are being answered have so long to end once the server stops. */
  readonly drain: number;
}

const TIMES: HttpServerTimes = {
  headers: 5000,
  request: 10_000,
  check: 5000,
  idle: 120_000,
  send: 30_000,
  retry: 5000,
  drain: 1000,
};

/** Bytes of a request's line and headers, and of its body; requests of one connection that wait for their answers. */
const LIMITS = { headers: 8192, body: 1024, pipelined: 32 };

/** The agent needs its file descriptors. */
const CONNECTIONS: ConnectionLimits = { perSource: 32, total: 128 };

export interface HttpServerOptions {
  /** What it is for, for messages. */
  readonly name: string;
  readonly listen: ListenOptions;
  readonly routes: Routes;
  /** Names that guarded pages may be asked by, in lower case; none unless given. */
  names?(): readonly string[];
  readonly log: Pick<Log, 'error' | 'detail'>;
  readonly times?: HttpServerTimes;
  /** Which connections it keeps, alone or together with other servers; its own, 128 of them, unless given. */
  readonly connections?: Connections<Socket>;
}

/** The requests of one connection, answered one after the other. */
interface Line {
  /** When the last of them has been answered. */
  end: Promise<void>;
  /** How many have not been answered. */
  length: number;
}

/**
 * Where `ip:port` means to listen, the IPv6 address in brackets. The any-address of either family stands for all
 * addresses of both, as it does for kube-proxy v1.36 (Go's `net.Listen`); Node.js takes a missing host for that.
 */
export function listenOptions(ipPort: string): ListenOptions {
  const colon = ipPort.lastIndexOf(':');
  const host = ipPort.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(ipPort.slice(colon + 1));
  return host === '0.0.0.0' || host === '::' ? { port } : { host, port };
}

/**
 * `address:port` of a server for messages, `*` standing for all addresses.
 * @param port that it has, where it asked for any
 */
export function listeningAddress({ host, ...asked }: ListenOptions, port = asked.port ?? 0): string {
  return host === undefined ? `*:${port}` : joinPort(host, port);
}

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #times: HttpServerTimes;
  readonly #server: Server;
  readonly #connections: Connections<Socket>;
  readonly #lines = new WeakMap<Socket, Line>();
  #starting: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#times = options.times ?? TIMES;
    this.#server = createServer(
      {
        maxHeaderSize: LIMITS.headers,
        headersTimeout: this.#times.headers,
        requestTimeout: this.#times.request,
        connectionsCheckingInterval: this.#times.check,
        keepAliveTimeout: this.#times.idle,
      },
      (request, response) => this.#lineUp(request, response),
    );
    this.#connections = options.connections ?? new Connections(CONNECTIONS);
    this.#server.on('connection', (socket) => this.#connections.admit(socket));
    // Such as no file descriptor for another connection; failing to listen is told by start().
    this.#server.on('error', (error) => {
      if (this.#server.listening)
        options.log.error('HTTP server failed', { server: options.name, error: error.message });
    });
  }

  /** The port that it listens on; undefined while it does not. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  /**
   * Listens. An address that cannot be had is an error where `hardFail` is set (kube-proxy's `bindAddressHardFail`);
   * otherwise it is told, and tried again until the server stops.
   * @throws ListenError
   */
  async start({ hardFail }: { readonly hardFail: boolean }): Promise<void> {
    const { name, log } = this.#options;
    this.#starting = this.#listen();
    try {
      await this.#starting;
      log.detail(2, 'Listening', { server: name, address: this.#address });
    } catch (error) {
      if (hardFail || !(error instanceof ListenError)) throw error;
      if (this.#stopped) return;
      log.error('HTTP server failed', {
        server: name,
        error: error.message,
        retrySeconds: this.#times.retry / 1000,
      });
      this.#retry = setTimeout(() => void this.start({ hardFail }), this.#times.retry);
    }
  }

  /** Takes no further request, and ends when those in hand are answered or have had their time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    await this.#starting.catch(() => {});
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    const drained = setTimeout(() => this.#server.closeAllConnections(), this.#times.drain);
    await closed;
    clearTimeout(drained);
  }

  get #address(): string {
    return listeningAddress(this.#options.listen, this.port);
  }

  async #listen(): Promise<void> {
    const listening = once(this.#server, 'listening');
    this.#server.listen(this.#options.listen);
    try {
      await listening;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new ListenError(this.#options.name, this.#address, error);
    }
  }

  /**
   * Requests that come together over one connection are begun one after the other, as Go's servers do: those whose
   * client has left meanwhile are not begun at all.
   */
  #lineUp(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const line: Line = this.#lines.get(socket) ?? { end: Promise.resolve(), length: 0 };
    this.#lines.set(socket, line);
    if (++line.length > LIMITS.pipelined) {
      socket.destroy();
      return;
    }
    if (line.length === 1) this.#connections.answering(socket);
    const over = new AbortController();
    const closed = new Promise<void>((resolve) => {
      response.once('close', () => {
        over.abort();
        resolve();
      });
    });
    line.end = line.end.then(async () => {
      if (!socket.destroyed) {
        await this.#respond(request, response, over.signal);
        await closed;
      }
      if (--line.length === 0) this.#connections.answered(socket);
    });
  }

  async #respond(request: IncomingMessage, response: ServerResponse, over: AbortSignal): Promise<void> {
    try {
      const answer = await this.#answer(request, over);
      if (!over.aborted) this.#send(answer, request, response);
    } catch (error) {
      // Whoever went away in the middle is no error of ours.
      if (over.aborted || (request.destroyed && !request.complete)) return;
      const { method, url } = request;
      const { name, log } = this.#options;
      log.error('HTTP request failed', { server: name, method, url, error: String(error) });
      this.#send(textAnswer('500 internal error; see the log\n', 500), request, response);
    }
  }

  async #answer(request: IncomingMessage, over: AbortSignal): Promise<Answer> {
    const { method = '', url: target = '', headers, headersDistinct } = request;
    // Proxies and servers that differ in which one they take are how requests are smuggled.
    if ((headersDistinct.host ?? []).length > 1) return textAnswer('400 more than one Host\n', 400);
    const body = await bodyOf(request);
    if (body === undefined) return textAnswer('413 request too large\n', 413);
    const { routes, names } = this.#options;
    const trusted = trustedHost(headers.host, names?.() ?? []);
    return await answerRequest(routes, { method, target, body, over, trusted });
  }

  #send({ status = 200, headers, body }: Answer, request: IncomingMessage, response: ServerResponse): void {
    // Connections stay open without a word, as kube-proxy's do; one that must not is told so.
    if (this.#stopped || !request.complete) response.setHeader('Connection', 'close');
    else response.removeHeader('Connection');
    response.writeHead(status, {
      ...headers,
      'X-Content-Type-Options': 'nosniff',
      'Content-Length': Buffer.byteLength(body),
    });
    const slow = setTimeout(() => request.socket.destroy(), this.#times.send).unref();
    response.once('close', () => clearTimeout(slow));
    // Without the body where the method is HEAD: Node.js knows.
    response.end(body);
  }
}

/** A request's body as text; undefined where it is longer than any that makes sense. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed where it is left off, so that it can be answered.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LIMITS.body) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
