/** What an HTTP server of the agent answers, as data: pages by their path. */

export interface PageRequest {
  /** `GET` or `HEAD`, unless the page takes others. */
  readonly method: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Aborted once the answer has been sent, or there is nobody to send it to. */
  readonly over: AbortSignal;
}

/** A request as it comes. */
export interface AskedPage extends Omit<PageRequest, 'query'> {
  /** Path and query, as a request line has them. */
  readonly target: string;
  /** See {@link Page.guarded}. */
  readonly trusted: boolean;
}

export interface Answer {
  /** 200 unless given. */
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface Page {
  /** The methods that it takes; GET and HEAD unless given. */
  readonly methods?: readonly string[];
  /** Tells of the cluster, or changes something: answered only where `Host` is what it should be (trusted-host.ts). */
  readonly guarded?: true;
  answer(request: PageRequest): Answer | Promise<Answer>;
}

/** Pages by path. The page of {@link ANY_PATH} answers for every path that has none. */
export type Routes = ReadonlyMap<string, Page>;

export const ANY_PATH = '*';

/** An answer in plain text. */
export function textAnswer(body: string, status = 200): Answer {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body };
}

/** An answer that is JSON already. */
export function jsonAnswer(body: string, status = 200): Answer {
  return { status, headers: { 'Content-Type': 'application/json' }, body };
}

/**
 * Answers a request with the page of its path: 404 where there is none, 421 where the page is guarded and the request
 * names another server, 405 where the page does not take the method.
 * @throws whatever the page throws
 */
export async function answerRequest(
  routes: Routes,
  { target, trusted, ...request }: AskedPage,
): Promise<Answer> {
  const [path = '', ...query] = target.split('?');
  const page = routes.get(path) ?? routes.get(ANY_PATH);
  if (!page) return textAnswer('404 page not found\n', 404);
  if (page.guarded && !trusted) {
    return textAnswer("421 use an IP address, localhost or this node's name as host\n", 421);
  }
  const methods = page.methods ?? ['GET', 'HEAD'];
  if (methods.includes(request.method)) {
    return await page.answer({ ...request, query: new URLSearchParams(query.join('?')) });
  }
  const answer = textAnswer('405 method not allowed\n', 405);
  return { ...answer, headers: { ...answer.headers, Allow: methods.join(', ') } };
}
