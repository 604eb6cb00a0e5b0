/** A connection to the Kubernetes API: what is asked of it, and how it may fail. */
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { OperationalError } from '../../errors/operational-error.ts';
import { type Access, type AccessOptions, findAccess } from './access.ts';
import { type Liveness, Transport, type TransportAnswer } from './transport.ts';

/** The API server answered, but not with what was asked for. */
export class ApiError extends OperationalError {
  /** The HTTP status, or the `code` of a Status object that a watch brought. */
  readonly status: number;
  /** The server asks to be left alone for so long, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export interface Connection {
  /**
   * Sends a GET request.
   * @param path such as `/api/v1/services`
   * @param query parameters; those that are undefined are left out
   * @param signal ends the request, and the reading of its answer
   * @returns the answer's body, not read yet
   * @throws ApiError for any status but 200; another Error where no answer came
   */
  get(path: string, query: Query, signal: AbortSignal): Promise<Readable>;
  /** Sends an object with POST, to make it. Throws like {@link get}. */
  post(path: string, object: object, signal: AbortSignal): Promise<void>;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** A request that was answered, or was not. */
export interface SentRequest {
  readonly method: string;
  /** `host:port` of the API server. */
  readonly host: string;
  /** The HTTP status; undefined where no answer came. */
  readonly code: number | undefined;
}

export interface ConnectionOptions extends AccessOptions {
  /** Told of every request. */
  readonly onRequest?: (request: SentRequest) => void;
  /** When a connection is asked whether it lives; as client-go asks unless given. */
  readonly liveness?: Liveness;
  /** Ends whatever finds out credentials. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to an API server by a kubeconfig or the pod's service account. Both are read again after a 401, since
 * tokens and certificates are replaced from time to time.
 *
 * Of the client library only the reading of these is used. Its informer lists without paging, keeps whole objects,
 * starts again without delay when a list fails, and does not tell a watch that expired from one that broke (v2.0), so
 * list-watch.ts does that itself.
 * @throws AccessError where the kubeconfig cannot be used
 */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  return (await connectTo(options)).connection;
}

/** As {@link connect}; also tells the server's URL. */
export async function connectTo({
  onRequest,
  liveness,
  signal,
  ...options
}: ConnectionOptions): Promise<{ readonly connection: Connection; readonly server: string }> {
  const open = async () => new Transport(await findAccess(options, undefined, signal), liveness);
  let transport = open();
  const { server } = (await transport).access;

  async function send(
    method: 'GET' | 'POST',
    path: string,
    { query = {}, body, signal }: { query?: Query; body?: string; signal: AbortSignal },
  ): Promise<Readable> {
    const used = transport;
    const found = await used;
    const url = new URL(path, found.access.server);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const host = url.port === '' ? `${url.hostname}:${url.protocol === 'https:' ? 443 : 80}` : url.host;
    const headers = await headersOf(found.access);
    const answer = await found.send({ method, url, headers, body, signal }).catch((error: unknown) => {
      onRequest?.({ method, host, code: undefined });
      throw error;
    });
    onRequest?.({ method, host, code: answer.status });
    if (answer.status === 200 || answer.status === 201) return answer.body;
    // Whoever comes first finds out anew; what cannot be found out now is as it was.
    if (answer.status === 401 && transport === used) {
      transport = open().then(
        (next) => {
          void found.close();
          return next;
        },
        () => found,
      );
    }
    throw await errorOf(answer);
  }

  const connection: Connection = {
    get: (path, query, signal) => send('GET', path, { query, signal }),
    post: async (path, object, signal) => {
      const answer = await send('POST', path, { body: JSON.stringify(object), signal });
      answer.resume();
    },
  };
  return { connection, server };
}

/** The same connection, of which no answer is read before something else is over: it comes meanwhile, and waits. */
export function readAfter(over: Promise<unknown>, connection: Connection): Connection {
  return {
    get: async (...asked) => {
      const body = await connection.get(...asked);
      // What breaks meanwhile is told whoever reads it.
      body.on('error', () => {});
      await over;
      return body;
    },
    post: (...asked) => connection.post(...asked),
  };
}

async function headersOf({ headers, tokenFile, auth }: Access): Promise<Readonly<Record<string, string>>> {
  const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
  return {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    'User-Agent': 'svc2ipt',
    ...headers,
    ...(auth === undefined ? {} : { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
  };
}

const statusSchema = z.object({ message: z.string().optional(), code: z.number().optional() });

async function errorOf({ status, headers, body: answer }: TransportAnswer): Promise<ApiError> {
  const body = await text(answer).catch(() => '');
  const retryAfter = Number(headers['retry-after']);
  return new ApiError(
    status,
    `HTTP ${status}: ${messageOf(body)}`,
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  );
}

/** The message of a Status object, or the start of whatever else came. */
function messageOf(body: string): string {
  try {
    return statusSchema.parse(JSON.parse(body)).message ?? '(no message)';
  } catch {
    return body.slice(0, 200).trim() || '(no message)';
  }
}
