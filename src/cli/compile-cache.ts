/** Where Node.js keeps what it has compiled of the program, so that the next start need not compile it again. */
import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { homeFolder } from './home.ts';

/**
 * Has Node.js keep what it compiles from here on, in the user's own cache folder (`$XDG_CACHE_HOME` or `~/.cache`).
 * Where there is none, or another user may write to it, nothing is kept: whoever can write there decides what is run.
 * Does nothing where NODE_COMPILE_CACHE names a folder, where the program runs from its sources, or where it is a single
 * executable, of which Node.js keeps nothing.
 */
export function keepCompiled(): void {
  if (isSea() || import.meta.filename.endsWith('.ts') || process.env.NODE_COMPILE_CACHE !== undefined) return;
  const home = homeFolder();
  if (home === undefined) return;
  const folder = cacheFolder(process.env, home, process.geteuid?.());
  if (folder !== undefined) enableCompileCache(folder);
}

/**
 * The folder to keep it in, made where there is none yet; undefined where none is safe.
 * @param user the effective user ID; undefined on systems that have none, where the home folder is trusted
 */
export function cacheFolder(
  { XDG_CACHE_HOME = '' }: NodeJS.ProcessEnv,
  home: string,
  user: number | undefined,
): string | undefined {
  // What is no absolute path counts as not set (XDG Base Directory Specification).
  const [base, caches] = XDG_CACHE_HOME.startsWith('/')
    ? [XDG_CACHE_HOME, XDG_CACHE_HOME]
    : [home, join(home, '.cache')];
  const folder = join(caches, 'svc2ipt');
  const isOwn = ({ uid, mode }: Stats) => user === undefined || (uid === user && (mode & 0o022) === 0);
  try {
    // `sudo` may leave another user's home folder: nothing is made there, and nothing run from there.
    if (!isOwn(statSync(base))) return undefined;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    return found.isDirectory() && isOwn(found) ? folder : undefined;
  } catch {
    // No home, a read-only file system: the program starts all the same.
    return undefined;
  }
}
