import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Connection, Query } from './connection.ts';
import { type Follower, listWatch, type Resource } from './list-watch.ts';

/** What a kube-apiserver v1.36 answered to a watch that begins with a list. */
const RECORDING = readFileSync(
  new URL('../../../test/data/api-server/endpointslices.watchlist.jsonl', import.meta.url),
);

const TOLD = [
  'listed kubernetes legacy-pw9jg web-a',
  'changed web-a',
  'changed extra-j287s',
  'deleted web-a',
];

/** What a follower is told where a server answers with these bytes, and with which queries it was asked. */
async function follow(parts: readonly Uint8Array[], failures = 0) {
  const told: string[] = [];
  const queries: Query[] = [];
  const stop = new AbortController();
  const connection: Connection = {
    get: async (_, query) => {
      queries.push(query);
      if (queries.length <= failures) throw new Error('away');
      if (queries.length === failures + 1) return Readable.from(parts, { objectMode: false });
      stop.abort();
      throw new Error('enough');
    },
    post: async () => {},
  };
  const nameOf = (object: unknown) => (object as { metadata: { name: string } }).metadata.name;
  const resource: Resource<string> = { path: '/', selectors: {}, keyOf: nameOf, reduce: nameOf };
  const follower: Follower<string> = {
    listed: (names) => told.push(['listed', ...names].join(' ')),
    changed: (name) => told.push(`changed ${name}`),
    deleted: (name) => told.push(`deleted ${name}`),
    failed: (error) => {
      if (error.message === 'away') told.push('failed');
    },
    recovered: () => told.push('recovered'),
  };
  const times = { pageSize: 1, watchSeconds: 60, silence: 1000, backOff: { first: 0, longest: 0 } };
  await listWatch(connection, resource, follower, stop.signal, times);
  return { told, queries };
}

describe('a stream of a real API server', () => {
  test('is a list and what came after it, and is gone on from where it ended', async () => {
    const { told, queries } = await follow([RECORDING]);
    expect(told).toEqual(TOLD);
    expect(queries).toEqual([
      {
        watch: true,
        allowWatchBookmarks: true,
        sendInitialEvents: true,
        resourceVersionMatch: 'NotOlderThan',
        timeoutSeconds: expect.any(Number),
      },
      { watch: true, allowWatchBookmarks: true, resourceVersion: '98', timeoutSeconds: expect.any(Number) },
    ]);
  });

  test('tells once that it is well again, with what comes after the list', async () => {
    const { told } = await follow([RECORDING], 2);
    expect(told.filter((what) => what === 'failed')).toHaveLength(2);
    expect(told.filter((what) => what === 'recovered')).toHaveLength(1);
  });

  test('is the same in whatever parts it comes', async () => {
    // With characters of several bytes, which may be cut in two.
    const bytes = Buffer.from(RECORDING.toString().replaceAll('default', 'défaut €'));
    const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(cuts, async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const parts = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        const { told } = await follow(parts.filter(({ length }) => length > 0));
        expect(told).toEqual(TOLD);
      }),
      { numRuns: 50 },
    );
  });
});
