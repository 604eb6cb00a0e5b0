/** A connection to the Kubernetes API: what is asked of it, and how it may fail. */
import type { IncomingMessage } from 'node:http';
import { request as requestHTTP } from 'node:http';
import { type RequestOptions, request as requestHTTPS } from 'node:https';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

/** The API server answered, but not with what was asked for. */
export class ApiError extends Error {
  /** The HTTP status, or the `code` of a Status object that a watch brought. */
  readonly status: number;
  /** The server asks to be left alone for so long, in seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export interface Connection {
  /** The server's URL, for messages. */
  readonly server: string;
  /**
   * Sends a GET request.
   * @param path such as `/api/v1/services`
   * @param query parameters; those that are undefined are left out
   * @param signal ends the request, and the reading of its answer
   * @returns the answer's body, not read yet
   * @throws ApiError for any status but 200; another Error where no answer came
   */
  get(path: string, query: Query, signal: AbortSignal): Promise<IncomingMessage>;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ConnectionOptions {
  /** A kubeconfig file; the pod's service account unless given. */
  readonly kubeconfig: string | undefined;
  /** The server's URL, whatever the kubeconfig says. */
  readonly master: string | undefined;
}

/**
 * Makes a connection from a kubeconfig or the pod's service account. Tokens in files are read again as they change;
 * after a 401 everything is read anew.
 *
 * Of the client library only this part is used: which server, which certificates, which token, through which proxy.
 * Its informer lists without paging, keeps whole objects, starts again without delay when a list fails, and does not
 * tell a watch that expired from one that broke (v2.0), so list-watch.ts does that itself.
 * @throws Error where the kubeconfig cannot be used
 */
export async function connect({ kubeconfig, master }: ConnectionOptions): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const load = () => {
    const config = new KubeConfig();
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else if (master === undefined) config.loadFromCluster();
    else
      config.loadFromClusterAndUser(
        { name: 'master', server: master, skipTLSVerify: false },
        { name: 'nobody' },
      );
    // The library refuses a server without TLS unless it is told that TLS need not be verified.
    config.clusters = config.clusters.map((cluster) =>
      (master ?? cluster.server).startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
    );
    return config;
  };
  let config = load();
  const server = () => {
    const url = master ?? config.getCurrentCluster()?.server;
    if (url === undefined)
      throw new Error(`${kubeconfig ?? 'the service account'}: names no cluster to connect to`);
    return url;
  };
  return {
    server: server(),
    async get(path, query, signal) {
      const url = new URL(path, server());
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      const options: RequestOptions = {
        headers: { Accept: 'application/json', 'User-Agent': 'svc2ipt' },
        signal,
      };
      await config.applyToHTTPSOptions(options);
      const answer = await send(url, options);
      if (answer.statusCode === 200) return answer;
      if (answer.statusCode === 401) config = load();
      throw await errorOf(answer);
    },
  };
}

function send(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHTTPS(url, options) : requestHTTP(url, options);
    request.on('response', resolve).on('error', reject).end();
  });
}

const statusSchema = z.object({ message: z.string().optional(), code: z.number().optional() });

async function errorOf(answer: IncomingMessage): Promise<ApiError> {
  const body = await text(answer).catch(() => '');
  const status = answer.statusCode ?? 0;
  const retryAfter = Number(answer.headers['retry-after']);
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
