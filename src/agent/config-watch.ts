/** Noticing that a file has changed. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds. A ConfigMap takes up to a minute to arrive anyway. */
const PERIOD = 2000;

/**
 * Waits until a file holds another text than now, or the signal; what is away for a moment has not changed. It is read
 * again and again, since a mounted ConfigMap is replaced by links to links, of which no watch of a file tells.
 */
export async function untilChanged(file: string, signal: AbortSignal, period = PERIOD): Promise<void> {
  const text = async () => await readFile(file, 'utf8').catch(() => undefined);
  const before = await text();
  while (!signal.aborted) {
    await sleep(period, undefined, { signal }).catch(() => {});
    const now = await text();
    if (now !== undefined && now !== before) return;
  }
}
