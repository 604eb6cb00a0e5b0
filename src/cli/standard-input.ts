/** What somebody pipes in. */
import { fstatSync } from 'node:fs';
import { readSources } from '../sources/files.ts';
import type { SourceText } from '../sources/source-text.ts';
import { note } from './run.ts';

/**
 * What standard input is. A shell makes pipes; a program that starts another one often makes sockets, and leaves them open
 * though it has nothing to say. A terminal is nothing that is piped in, and neither is `/dev/null`.
 */
function kindOfInput(): 'pipe' | 'socket' | undefined {
  const { stdin } = process;
  if (stdin.isTTY) return undefined;
  if (!('fd' in stdin) || typeof stdin.fd !== 'number') return 'pipe';
  try {
    const stats = fstatSync(stdin.fd);
    if (stats.isCharacterDevice()) return undefined;
    return stats.isSocket() ? 'socket' : 'pipe';
  } catch {
    // It is closed.
    return undefined;
  }
}

/** Whether standard input is a pipe, a file or a socket. */
export function isPiped(): boolean {
  return kindOfInput() !== undefined;
}

/** A pipe that nobody writes to looks like a program that hangs; in milliseconds. */
const TOLD_AFTER = 3000;

/** A program that has something to say on a socket begins before this; in milliseconds. */
const SOCKET_PATIENCE = 1000;

/**
 * The text that is piped in; undefined where there is none, or nothing in it, which is told of a pipe. Tells also where
 * nothing comes, as of a pipe that somebody has forgotten.
 * @param without what is done without one
 * @throws InputError where it is no UTF-8
 */
export async function pipedText(without: string): Promise<SourceText | undefined> {
  const kind = kindOfInput();
  if (kind === undefined) return undefined;
  if (kind === 'socket' && !(await hasBegun())) {
    note(`nothing comes on standard input (-f - waits for it): ${without}`);
    process.stdin.destroy();
    return undefined;
  }
  const waiting = setTimeout(() => {
    note(`waiting for the end of standard input; with < /dev/null, ${without}`);
  }, TOLD_AFTER);
  const [source] = await readSources(['-']).finally(() => clearTimeout(waiting));
  if (source !== undefined && source.text.trim() !== '') return source;
  if (kind === 'pipe') note(`nothing on standard input: ${without}`);
  return undefined;
}

/** Whether standard input brings something, or its end, before long. */
async function hasBegun(): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const begun = () => resolve(true);
  const waiting = setTimeout(() => resolve(false), SOCKET_PATIENCE);
  process.stdin.once('readable', begun).once('end', begun).once('error', begun);
  try {
    return await promise;
  } finally {
    clearTimeout(waiting);
    process.stdin.off('readable', begun).off('end', begun).off('error', begun);
  }
}
