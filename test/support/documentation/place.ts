/** Where the commands of a page run. */
import type { Scratch } from './scratch.ts';
import type { World } from './world.ts';

export interface Place extends AsyncDisposable {
  /** The words that run a command in it, before it. */
  readonly inside: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The URL of the cluster's API server; undefined where the world has none. */
  readonly apiServer: string | undefined;
}

export type MakePlace = (world: World, scratch: Scratch) => Promise<Place>;

/** Here, as whoever runs the tests. */
export async function here(): Promise<Place> {
  return { inside: [], env: {}, apiServer: undefined, [Symbol.asyncDispose]: async () => {} };
}
