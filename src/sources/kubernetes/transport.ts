/**
 * How requests get to an API server, and how a connection is found out to be dead. A watch of a quiet cluster brings
 * nothing for hours, so silence says nothing: the connection itself is asked.
 *
 * Over HTTP/2, which real servers speak, all requests share one connection, and the server answers pings on it. Where
 * there is only HTTP/1.1, the server's kernel is asked by TCP's keepalive. (Bookmarks would be no sign of life: a server
 * sends them when it likes.)
 */
import { addAbortListener, once } from 'node:events';
import { Agent as HTTPAgent, type IncomingHttpHeaders, request as requestHTTP } from 'node:http';
import { type ClientHttp2Session, connect as connectHTTP2 } from 'node:http2';
import { Agent as HTTPSAgent, type RequestOptions, request as requestHTTPS } from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { connect as connectTLS, type TLSSocket } from 'node:tls';
import type { Access } from './access.ts';

/** An answer, whose body is not read yet. */
export interface TransportAnswer {
  /** The HTTP status. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Ends the request, and the reading of its answer. */
  readonly signal: AbortSignal;
}

/** When a connection is asked whether it lives; in milliseconds. */
export interface Liveness {
  /** After so long. */
  readonly after: number;
  /** It is dead where nothing has come back after so long. Of TCP's keepalive, it is always 10 s. */
  readonly patience: number;
}

/** As client-go has them (v0.36: `ReadIdleTimeout` and `PingTimeout`). */
export const DEFAULT_LIVENESS: Liveness = { after: 30_000, patience: 15_000 };

/** A connection that is not there after so long is given up, as client-go's dialer does; in milliseconds. */
const CONNECTING = 30_000;

/** What a server may send of one answer, and of all together, before it is read; in bytes. */
const WINDOW = { answer: 1 << 20, connection: 4 << 20 };

export class Transport {
  readonly #access: Access;
  readonly #liveness: Liveness;
  /** The connection that all requests share; gives undefined where the server does not speak HTTP/2. */
  #session: Promise<Session | undefined> | undefined;

  constructor(access: Access, liveness: Liveness = DEFAULT_LIVENESS) {
    this.#access = access;
    this.#liveness = liveness;
  }

  get access(): Access {
    return this.#access;
  }

  /** Sends a request. Rejects where no answer comes; any status is an answer. */
  async send(request: Request): Promise<TransportAnswer> {
    let session = await unlessAborted(this.#sessionTo(request.url), request.signal);
    if (session?.http2.destroyed) {
      // Whoever destroyed it is about to tell.
      this.#session = undefined;
      session = await unlessAborted(this.#sessionTo(request.url), request.signal);
    }
    return session ? overHTTP2(session, request) : overHTTP1(this.#access, this.#liveness, request);
  }

  /** Ends the connection once the requests on it have ended. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    session?.http2.close();
  }

  #sessionTo(url: URL): Promise<Session | undefined> {
    // Through a proxy, node:http knows the way.
    if (url.protocol !== 'https:' || this.#access.proxy !== undefined) return NO_SESSION;
    this.#session ??= this.#open(url);
    return this.#session;
  }

  #open(url: URL): Promise<Session | undefined> {
    const opening = openSession(url, this.#access.tls, this.#liveness);
    const forget = () => {
      if (this.#session === opening) this.#session = undefined;
    };
    // A server that goes away answers what it has begun, and nothing new.
    opening.then((session) => session?.http2.on('goaway', forget).on('close', forget), forget);
    return opening;
  }
}

interface Session {
  readonly http2: ClientHttp2Session;
  /** That have not ended yet. */
  requests: number;
}

const NO_SESSION = Promise.resolve(undefined);

/** What a promise gives, or an error as soon as the signal ends the waiting for it. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = addAbortListener(signal, () => reject(signal.reason));
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    listener[Symbol.dispose]();
  }
}

/** Connects, and gives undefined where the server does not speak HTTP/2. */
async function openSession(url: URL, tls: Access['tls'], liveness: Liveness): Promise<Session | undefined> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 443 : Number(url.port);
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  const socket = connectTLS({ ...tls, host, port, servername, ALPNProtocols: ['h2', 'http/1.1'] });
  const connecting = setTimeout(() => {
    socket.destroy(new Error(`no connection to ${url.host} within ${CONNECTING / 1000} s`));
  }, CONNECTING);
  try {
    await once(socket, 'secureConnect');
  } finally {
    clearTimeout(connecting);
  }
  if (socket.alpnProtocol !== 'h2') {
    socket.destroy();
    return undefined;
  }
  const session = connectHTTP2(url.origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: WINDOW.answer },
  });
  // Whoever waits for an answer is told.
  session.on('error', () => {});
  session.once('connect', () => session.setLocalWindowSize(WINDOW.connection));
  keepAsking(session, socket, liveness);
  // It is the requests on it that keep a process alive.
  session.unref();
  return { http2: session, requests: 0 };
}

/** Destroys a session that does not answer a ping, and brings nothing else. */
function keepAsking(session: ClientHttp2Session, socket: TLSSocket, { after, patience }: Liveness): void {
  const asking = setInterval(() => {
    const before = socket.bytesRead;
    if (session.destroyed) return;
    session.ping(() => {});
    const waiting = setTimeout(() => {
      if (socket.bytesRead !== before || session.destroyed) return;
      session.destroy(new Error(`the connection is dead: no answer to a ping for ${patience / 1000} s`));
    }, patience);
    waiting.unref();
  }, after);
  asking.unref();
  session.once('close', () => clearInterval(asking));
}

function overHTTP2(
  session: Session,
  { method, url, headers, body, signal }: Request,
): Promise<TransportAnswer> {
  return new Promise((resolve, reject) => {
    const path = `${url.pathname}${url.search}`;
    const stream = session.http2.request({ ...headers, ':method': method, ':path': path }, { signal });
    if (session.requests++ === 0) session.http2.ref();
    stream
      .on('response', (answer) => {
        resolve({ status: answer[':status'] ?? 0, headers: answer, body: stream });
      })
      .on('error', reject)
      .on('close', () => {
        if (--session.requests === 0) session.http2.unref();
        reject(new Error('the server closed the connection'));
      })
      .end(body);
  });
}

function overHTTP1(
  { proxy, tls }: Access,
  { after }: Liveness,
  { method, url, headers, body, signal }: Request,
): Promise<TransportAnswer> {
  const secure = url.protocol === 'https:';
  const through = proxy === undefined ? undefined : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  const Agent = secure ? HTTPSAgent : HTTPAgent;
  const options: RequestOptions = {
    ...tls,
    method,
    headers,
    signal,
    ...(through ? { agent: new Agent({ proxyEnv: through }) } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = secure ? requestHTTPS(url, options) : requestHTTP(url, options);
    // Ten probes follow, one a second (libuv), whatever the system's own times are.
    sent.setSocketKeepAlive(true, after);
    sent
      .on('response', (answer) => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
      })
      .on('error', reject)
      .end(body);
  });
}
