/** How the agent has V8 use memory: it runs for months beside what a node is for. */
import { isSea } from 'node:sea';

/**
 * V8 collects garbage when the heap has grown by so much, not only when it is twice its size or more, and what is new has 4 MB
 * instead of 16: at 5,000 Services x 10 endpoints the agent takes some 190 MB so, and over 300 MB else (Node.js 26). With
 * less for what is new, most of the time of a start goes into collecting what is not garbage yet. What a start leaves behind is
 * collected by src/agent/collect-garbage.ts, and not by V8 at times of its own.
 */
const FRUGAL = ['--max-semi-space-size=4', '--heap-growing-percent=15', '--no-memory-reducer'];

/** What is said is read by people: that node:ffi is young (src/applier/watch/libc.ts) is nothing to do anything about. */
const QUIET = ['--disable-warning=ExperimentalWarning'];

/** Of commands that ask the C library, and of the agent, which does so for long. */
const FLAGS: Readonly<Record<string, readonly string[]>> = { agent: [...FRUGAL, ...QUIET], doctor: QUIET };

/**
 * For few commands. V8 takes these only when it starts, so the program starts anew, as the same process, unless it has them already: before
 * anything else is loaded, and then only Node.js itself has been started twice.
 */
export function becomeFrugal(): void {
  const missing = (FLAGS[process.argv[2] ?? ''] ?? []).filter((flag) => !process.execArgv.includes(flag));
  if (missing.length === 0) return;
  // A single executable has its own flags already, and takes further ones in this way only (scripts/executable.ts). It keeps
  // the name that it was called by.
  const args = isSea()
    ? [process.argv0, `--node-options=${missing.join(' ')}`, ...process.argv.slice(2)]
    : [process.execPath, ...missing, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, args);
}
