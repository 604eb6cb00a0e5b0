/** What an HTTP server of the agent answers, as data: pages by their path. */

export interface PageRequest {
  /** `GET` or `HEAD`, unless the page takes others. */
  readonly method: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

export interface Answer {
  /** 200 unless given. */
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Page {
  /** The methods that it takes; GET and HEAD unless given. */
  readonly methods?: readonly string[];
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
 * Answers a request with the page of its path: 404 where there is none, 405 where the page does not take the method.
 * @param target path and query, as a request line has them
 * @throws whatever the page throws
 */
export async function answerRequest(
  routes: Routes,
  { method, target, body }: { readonly method: string; readonly target: string; readonly body: string },
): Promise<Answer> {
  const [path = '', ...query] = target.split('?');
  const page = routes.get(path) ?? routes.get(ANY_PATH);
  if (!page) return textAnswer('404 page not found\n', 404);
  const methods = page.methods ?? ['GET', 'HEAD'];
  if (methods.includes(method)) {
    return await page.answer({ method, query: new URLSearchParams(query.join('?')), body });
  }
  const answer = textAnswer('405 method not allowed\n', 405);
  return { ...answer, headers: { ...answer.headers, Allow: methods.join(', ') } };
}
