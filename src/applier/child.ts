/** A program that runs beside this process, as Node.js starts it. */
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface Child {
  readonly pid: number;
  /** Undefined where it is given nothing. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Waits for its end. Asked for once it has closed its output, or is to end. */
  ended(): Promise<ChildEnd>;
}

/** Both undefined where nobody knows. */
export interface ChildEnd {
  readonly exitCode: number | undefined;
  /** What it was killed by, such as `SIGKILL`. */
  readonly signal: string | undefined;
}

export interface ChildOptions {
  /** Whether it is given something to read. */
  readonly input: boolean;
  /** Whether it has a process group of its own, with what it starts. */
  readonly ownGroup: boolean;
}

/** Starts a program. Rejects with an error that has the system's `code`, such as `ENOENT`, where it cannot be run. */
export type StartChild = (command: readonly string[], options: ChildOptions) => Promise<Child>;

/** There is always one; the folder that a user is in may be gone, and then nothing would run. */
export const FOLDER = '/';

/** Messages are read by programs here, so they must not be translated. */
export const childEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C' });

/** Starts a program with node:child_process, which is there everywhere. */
export const startByNode: StartChild = ([program = '', ...args], { input, ownGroup }) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: FOLDER,
      env: childEnvironment(),
      stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      detached: ownGroup,
    });
    const ended = new Promise<ChildEnd>((end) => {
      child.on('exit', (exitCode, signal) =>
        end({ exitCode: exitCode ?? undefined, signal: signal ?? undefined }),
      );
    });
    child.on('error', reject);
    const { pid, stdin, stdout, stderr } = child;
    // Why not, the event tells.
    if (pid === undefined || !stdout || !stderr) return;
    resolve({ pid, stdin: stdin ?? undefined, stdout, stderr, ended: () => ended });
  });
