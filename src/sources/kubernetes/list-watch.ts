/**
 * Following one kind of object in the Kubernetes API: list, then watch, for ever.
 *
 * A list comes as the beginning of a watch (`sendInitialEvents`, Kubernetes v1.34 and later by default), which takes
 * less of the server's memory; from servers that refuse that, in pages.
 */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ApiError, type Connection, type Query } from './connection.ts';
import { mappingAt, textAt } from './raw-object.ts';

/** What is followed. */
export interface Resource<T> {
  /** `/api/v1/services` */
  readonly path: string;
  /** Label and field selectors. */
  readonly selectors: Query;
  /** Tells one object from the others, whatever else it holds. */
  keyOf(object: unknown): string;
  /** Takes what is needed of an object as the server sends it, so that the rest can be forgotten at once. */
  reduce(object: unknown): T;
}

/** Who is told. */
export interface Follower<T> {
  /** All objects there are: the first list, and every list that had to be made again. */
  listed(objects: readonly T[]): void;
  /** An object that is new or has changed. */
  changed(object: T): void;
  /** An object that is gone, by its key. */
  deleted(key: string): void;
  /** Something went wrong, and will be tried again in so many milliseconds. What was known stays. */
  failed(error: Error, retryIn: number): void;
  /** It goes well again. */
  recovered(): void;
}

export interface ListWatchTimes {
  /** Objects in one page of a list. */
  readonly pageSize: number;
  /** How long a watch lasts before the server ends it, in seconds; some time up to as much again is added. */
  readonly watchSeconds: number;
  /**
   * A request that is not answered is given up after so long, and an answer that stops before it is whole, in
   * milliseconds. A watch may be silent for as long as it lasts.
   */
  readonly silence: number;
  /** The pause after the first failure and the longest one, in milliseconds; each has up to as much again added. */
  readonly backOff: { readonly first: number; readonly longest: number };
}

/** As client-go's reflector has them (v0.36); the API server gives a request no more than the minute of `silence`. */
export const DEFAULT_TIMES: ListWatchTimes = {
  pageSize: 500,
  watchSeconds: 300,
  silence: 60_000,
  backOff: { first: 800, longest: 30_000 },
};

/** How the next list is asked for. */
type ListMode =
  | 'stream'
  /** Once, as the last stream was not whole. A server that knows no streams may leave us waiting for its end. */
  | 'pages this time'
  /** The server has no streams. */
  | 'pages';

/**
 * Follows a resource until the signal ends it. Never throws for what a server does: it lists again when a watch has
 * expired (410), picks up where it was when a connection broke, and waits between failures, longer each time.
 */
export async function listWatch<T>(
  connection: Connection,
  resource: Resource<T>,
  follower: Follower<T>,
  signal: AbortSignal,
  times: ListWatchTimes = DEFAULT_TIMES,
): Promise<void> {
  let failures = 0;
  const goesWell = () => {
    if (failures > 0) follower.recovered();
    failures = 0;
  };
  /** Where to go on watching; undefined where everything must be listed first. */
  let resourceVersion: string | undefined;
  let mode: ListMode = 'stream';
  while (!signal.aborted) {
    const started = performance.now();
    let streamed: Map<string, T> | undefined;
    try {
      if (resourceVersion === undefined && mode === 'stream') streamed = new Map();
      else if (resourceVersion === undefined) {
        if (mode === 'pages this time') mode = 'stream';
        const list = await listAll(connection, resource, signal, times);
        follower.listed(list.objects);
        resourceVersion = list.resourceVersion;
      }
      for await (const event of watch(connection, resource, resourceVersion, signal, times)) {
        if (streamed && event.endsList) {
          follower.listed([...streamed.values()]);
          streamed = undefined;
        } else if (streamed) take(streamed, resource, event);
        else {
          goesWell();
          if (event.type === 'DELETED') follower.deleted(resource.keyOf(event.object));
          else if (event.type !== 'BOOKMARK') follower.changed(resource.reduce(event.object));
        }
        if (!streamed) resourceVersion = event.resourceVersion ?? resourceVersion;
      }
      if (streamed) throw new Error('the server ended the list too early');
      // A watch that ends at once, over and over, must not become a storm of requests.
      if (performance.now() - started > 1000) goesWell();
      else throw new Error('the server ended the watch immediately');
    } catch (error) {
      if (signal.aborted) return;
      const problem = error instanceof Error ? error : new Error(String(error));
      if (streamed && problem instanceof ApiError && NO_STREAMS.has(problem.status)) {
        mode = 'pages';
        continue;
      }
      if (streamed) mode = 'pages this time';
      // The versions to go on from are gone: what happened in between only a new list can tell.
      if (problem instanceof ApiError && problem.status === 410) resourceVersion = undefined;
      const pause = pauseAfter(failures++, problem, times);
      follower.failed(problem, pause);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }
}

/** What servers say that do not know `sendInitialEvents`, or do not want it: Invalid, or a bad request. */
const NO_STREAMS: ReadonlySet<number> = new Set([400, 422]);

/** Takes an event into a list that is not whole yet. */
function take<T>(list: Map<string, T>, resource: Resource<T>, { type, object }: WatchEvent): void {
  if (type === 'BOOKMARK') return;
  const key = resource.keyOf(object);
  if (type === 'DELETED') list.delete(key);
  else list.set(key, resource.reduce(object));
}

function pauseAfter(failures: number, error: Error, { backOff }: ListWatchTimes): number {
  const expected = error instanceof ApiError && error.status === 410 && failures === 0;
  const base = expected ? 0 : Math.min(backOff.first * 2 ** failures, backOff.longest);
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
  return Math.max(base * (1 + Math.random()), asked);
}

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullable(),
});

/**
 * Lists page by page. A list that expires between two pages (410) is made again without pages.
 * @throws ApiError where the server refuses, and whatever a connection fails with
 */
export async function listAll<T>(
  connection: Connection,
  { path, selectors, reduce }: Pick<Resource<T>, 'path' | 'selectors' | 'reduce'>,
  signal: AbortSignal,
  times: ListWatchTimes,
): Promise<{ objects: T[]; resourceVersion: string }> {
  const objects: T[] = [];
  let next: string | undefined;
  let limit: number | undefined = times.pageSize;
  for (;;) {
    const page = await getPage(
      connection,
      path,
      { ...selectors, limit, continue: next },
      signal,
      times,
    ).catch((error: unknown) => {
      if (next !== undefined && error instanceof ApiError && error.status === 410) return undefined;
      throw error;
    });
    if (!page) {
      objects.length = 0;
      next = undefined;
      limit = undefined;
      continue;
    }
    for (const item of page.items ?? []) objects.push(reduce(item));
    next = page.metadata.continue || undefined;
    if (next === undefined) return { objects, resourceVersion: page.metadata.resourceVersion };
  }
}

async function getPage(
  connection: Connection,
  path: string,
  query: Query,
  signal: AbortSignal,
  { silence }: ListWatchTimes,
): Promise<z.output<typeof listSchema>> {
  const watchdog = new Watchdog(silence);
  try {
    const body = await connection.get(path, query, AbortSignal.any([signal, watchdog.signal]));
    const parts: string[] = [];
    for await (const part of textsOf(body)) {
      watchdog.reset();
      parts.push(part);
    }
    return listSchema.parse(JSON.parse(parts.join('')));
  } catch (error) {
    throw watchdog.signal.aborted ? watchdog.signal.reason : error;
  } finally {
    watchdog.stop();
  }
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
  /** Undefined where the object tells none. */
  readonly resourceVersion: string | undefined;
  /** All that there was when the watch began has been told. */
  readonly endsList: boolean;
}

const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const eventTypeSchema = z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);
const errorSchema = z.object({ code: z.number().optional(), message: z.string().optional() });

/**
 * The events of one watch, until the server ends it. Throws an ApiError for an ERROR event.
 * @param resourceVersion where to begin; undefined for a stream that begins with a list
 */
async function* watch<T>(
  connection: Connection,
  { path, selectors }: Resource<T>,
  resourceVersion: string | undefined,
  signal: AbortSignal,
  times: ListWatchTimes,
): AsyncGenerator<WatchEvent> {
  const watchdog = new Watchdog(times.silence);
  const timeoutSeconds = Math.round(times.watchSeconds * (1 + Math.random()));
  const beginning =
    resourceVersion === undefined
      ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion };
  const query = { ...selectors, watch: true, allowWatchBookmarks: true, ...beginning, timeoutSeconds };
  let listing = resourceVersion === undefined;
  /** Nothing need come any more, but for the end that the server was asked for. */
  const beSilent = () => watchdog.wait(timeoutSeconds * 1000 + times.silence);
  try {
    const body = await connection.get(path, query, AbortSignal.any([signal, watchdog.signal]));
    if (!listing) beSilent();
    for await (const line of linesOf(body, () => listing && watchdog.reset())) {
      const event = eventOf(line);
      if (listing && event?.endsList) {
        listing = false;
        beSilent();
      }
      if (event) yield event;
    }
  } catch (error) {
    throw watchdog.signal.aborted ? watchdog.signal.reason : error;
  } finally {
    watchdog.stop();
  }
}

/** Undefined for an event of a type that no server has today. Throws an ApiError for an ERROR. */
function eventOf(line: string): WatchEvent | undefined {
  const { type, object } = eventSchema.parse(JSON.parse(line));
  if (type === 'ERROR') {
    const { code = 0, message = 'the watch ended with an error' } = errorSchema.parse(object);
    throw new ApiError(code, message);
  }
  const known = eventTypeSchema.safeParse(type).data;
  if (known === undefined) return undefined;
  const metadata = mappingAt(object, 'metadata');
  const resourceVersion = textAt(metadata, 'resourceVersion');
  const endsList =
    known === 'BOOKMARK' &&
    textAt(mappingAt(metadata, 'annotations'), 'k8s.io/initial-events-end') === 'true';
  return { type: known, object, resourceVersion, endsList };
}

/** A stream as texts; no character is cut in two. */
function textsOf(body: Readable): AsyncIterable<string> {
  return body.setEncoding('utf8');
}

/** The lines of a stream that hold something. (readline would swallow the stream's errors.) */
async function* linesOf(body: Readable, onText: () => unknown): AsyncGenerator<string> {
  /** Of a line that is not whole yet: an object of some megabytes comes in hundreds of parts. */
  let parts: string[] = [];
  for await (const text of textsOf(body)) {
    onText();
    const [first = '', ...others] = text.split('\n');
    parts.push(first);
    for (const next of others) {
      const line = parts.join('');
      if (line.trim() !== '') yield line;
      parts = [next];
    }
  }
  const rest = parts.join('');
  if (rest.trim() !== '') yield rest;
}

/** Aborts when it has not been reset for a while. */
class Watchdog {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  /** @param silence how long to wait, in milliseconds */
  constructor(silence: number) {
    this.#timer = this.#start(silence);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reset(): void {
    this.#timer.refresh();
  }

  /** Waits for so many milliseconds from now on, instead of what it waited for before. */
  wait(milliseconds: number): void {
    this.stop();
    this.#timer = this.#start(milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#controller.abort(new Error(`no data from the server for ${milliseconds / 1000} s`));
    }, milliseconds);
  }
}
