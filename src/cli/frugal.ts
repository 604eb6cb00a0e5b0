/** How the agent has V8 use memory: it runs for months beside what a node is for. */
import { isSea } from 'node:sea';

/**
 * V8 collects garbage when the heap has grown by so much, not only when it is twice its size or more, and what is new has 4 MB
 * instead of 16: at 5,000 Services x 10 endpoints the agent takes some 190 MB so, and over 300 MB else (Node.js 26). With
 * less for what is new, most of the time of a start goes into collecting what is not garbage yet. What a start leaves behind is
 * collected by src/agent/memory.ts, and not by V8 at times of its own.
 */
export const FRUGAL = ['--max-semi-space-size=4', '--heap-growing-percent=15', '--no-memory-reducer'];

/**
 * The C library has one place for what V8's threads allocate, mostly to compile, and not one for each thread of which each keeps
 * what it once had: of 184 MB at 5,000 Services x 10 endpoints, 17 go (glibc 2.36). No start takes longer.
 */
const FRUGAL_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };

/** What is said is read by people: that node:ffi is young (src/applier/watch/libc.ts) is nothing to do anything about. */
const QUIET = ['--disable-warning=ExperimentalWarning'];

/** How a command's process is to be started. */
interface Start {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Of commands that ask the C library, and of the agent, which does so for long. */
const STARTS: Readonly<Record<string, Start>> = {
  agent: { flags: [...FRUGAL, ...QUIET], environment: FRUGAL_ENVIRONMENT },
  doctor: { flags: QUIET, environment: {} },
};

/**
 * For few commands. V8 takes these only when it starts, so the program starts anew, as the same process, unless it has them already: before
 * anything else is loaded, and then only Node.js itself has been started twice.
 */
export function becomeFrugal(): void {
  const { flags, environment } = STARTS[process.argv[2] ?? ''] ?? { flags: [], environment: {} };
  const missing = flags.filter((flag) => !process.execArgv.includes(flag));
  const unset = Object.keys(environment).filter((name) => process.env[name] === undefined);
  if (missing.length === 0 && unset.length === 0) return;
  // A single executable has its own flags already, and takes further ones in this way only (scripts/executable.ts). It keeps
  // the name that it was called by.
  const args = isSea()
    ? [process.argv0, `--node-options=${missing.join(' ')}`, ...process.argv.slice(2)]
    : [process.execPath, ...missing, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, args, { ...environment, ...process.env });
}
