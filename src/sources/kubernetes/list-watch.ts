/** Following one kind of object in the Kubernetes API: list, then watch, for ever. */
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ApiError, type Connection, type Query } from './connection.ts';

/** What is followed. */
export interface Resource<T> {
  /** `/api/v1/services` */
  readonly path: string;
  /** Label and field selectors. */
  readonly selectors: Query;
  /** Takes what is needed of an object as the server sends it, so that the rest can be forgotten at once. */
  reduce(object: unknown): T;
}

/** Who is told. */
export interface Follower<T> {
  /** All objects there are: the first list, and every list that had to be made again. */
  listed(objects: readonly T[]): void;
  /** An object that is new or has changed. */
  changed(object: T): void;
  deleted(object: T): void;
  /** Something went wrong, and will be tried again in so many milliseconds. What was known stays. */
  failed(error: Error, retryIn: number): void;
}

export interface ListWatchTimes {
  /** Objects in one page of a list. */
  readonly pageSize: number;
  /** How long a watch lasts before the server ends it, in seconds; some time up to as much again is added. */
  readonly watchSeconds: number;
  /** A request or watch that brings nothing for so long is given up, in milliseconds. */
  readonly silence: number;
  /** The pause after the first failure and the longest one, in milliseconds; each has up to as much again added. */
  readonly backOff: { readonly first: number; readonly longest: number };
}

/** As client-go's reflector has them (v0.36). */
export const DEFAULT_TIMES: ListWatchTimes = {
  pageSize: 500,
  watchSeconds: 300,
  silence: 120_000,
  backOff: { first: 800, longest: 30_000 },
};

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
  /** Where to go on watching; undefined where everything must be listed first. */
  let resourceVersion: string | undefined;
  while (!signal.aborted) {
    const started = performance.now();
    try {
      if (resourceVersion === undefined) {
        const list = await listAll(connection, resource, signal, times);
        follower.listed(list.objects);
        resourceVersion = list.resourceVersion;
      }
      for await (const event of watch(connection, resource, resourceVersion, signal, times)) {
        failures = 0;
        resourceVersion = event.resourceVersion;
        if (event.type === 'DELETED') follower.deleted(resource.reduce(event.object));
        else if (event.type !== 'BOOKMARK') follower.changed(resource.reduce(event.object));
      }
      // A watch that ends at once, over and over, must not become a storm of requests.
      if (performance.now() - started > 1000) failures = 0;
      else throw new Error('the server ended the watch at once');
    } catch (error) {
      if (signal.aborted) return;
      const problem = error instanceof Error ? error : new Error(String(error));
      // The versions to go on from are gone: what happened in between only a new list can tell.
      if (problem instanceof ApiError && problem.status === 410) resourceVersion = undefined;
      const pause = pauseAfter(failures++, problem, times);
      follower.failed(problem, pause);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }
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

/** Lists page by page. A list that expires between two pages (410) is made again without pages. */
async function listAll<T>(
  connection: Connection,
  { path, selectors, reduce }: Resource<T>,
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
  const patience = AbortSignal.any([signal, AbortSignal.timeout(silence)]);
  return listSchema.parse(await json(await connection.get(path, query, patience)));
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: unknown;
  readonly resourceVersion: string;
}

const eventSchema = z.union([
  z.object({
    type: z.literal('ERROR'),
    object: z.object({ code: z.number().optional(), message: z.string().optional() }),
  }),
  z.object({
    type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']),
    object: z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) }),
  }),
]);

/** The events of one watch, until the server ends it. Throws an ApiError for an ERROR event. */
async function* watch<T>(
  connection: Connection,
  { path, selectors }: Resource<T>,
  resourceVersion: string,
  signal: AbortSignal,
  times: ListWatchTimes,
): AsyncGenerator<WatchEvent> {
  const silence = new Watchdog(times.silence);
  const timeoutSeconds = Math.round(times.watchSeconds * (1 + Math.random()));
  const query = { ...selectors, watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds };
  try {
    const body = await connection.get(path, query, AbortSignal.any([signal, silence.signal]));
    for await (const line of linesOf(body, () => silence.reset())) {
      const event = eventSchema.parse(JSON.parse(line));
      if (event.type === 'ERROR') {
        throw new ApiError(event.object.code ?? 0, event.object.message ?? 'the watch was ended by an error');
      }
      yield { ...event, resourceVersion: event.object.metadata.resourceVersion };
    }
  } catch (error) {
    throw silence.signal.aborted ? silence.signal.reason : error;
  } finally {
    silence.stop();
  }
}

/** The lines of a stream that hold something. (readline would swallow the stream's errors.) */
async function* linesOf(body: Readable, onData: () => void): AsyncGenerator<string> {
  let rest = '';
  body.setEncoding('utf8');
  for await (const chunk of body) {
    onData();
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}

/** Aborts when it has not been reset for a while. */
class Watchdog {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`no word from the server for ${milliseconds / 1000} s`));
    }, milliseconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reset(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
