/** Programs that fail: what that means, and what to do about it. */
import type { ExecaError } from 'execa';
import { quotable } from '../text/printable.ts';
import { OperationalError } from './operational-error.ts';

/** How a program failed, as far as it is known. */
export interface CommandFailure {
  /** Undefined where it did not run, did not end by itself, or nobody knows. */
  readonly exitCode?: number | undefined;
  /** What it was killed by, such as `SIGKILL`. */
  readonly signal?: string | undefined;
  /** It had not ended after so many seconds, and was stopped. */
  readonly stoppedAfter?: number | undefined;
  /** Whoever had started it wanted no more of it, and ended it. */
  readonly givenUp?: boolean;
  /** It printed more than anybody can read, and was stopped. */
  readonly printedTooMuch?: boolean;
  /** Why it could not be run: the system's name for it, such as `ENOENT` where there is no such program. */
  readonly code?: string | undefined;
  readonly stderr?: string | undefined;
  /** Told where there was nothing else. */
  readonly stdout?: string | undefined;
}

/** A program that could not be run, or that failed: the message tells the command, what it said, and what to do. */
export class CommandError extends OperationalError {
  readonly command: readonly string[];
  /** Undefined where it did not run, or did not end by itself. */
  readonly exitCode: number | undefined;
  /** All that it printed there, without white space around it. */
  readonly stderr: string;
  /** `ENOENT` where there is no such program. */
  readonly code: string | undefined;
  /** It did not end by itself: nothing follows about what it was asked. */
  readonly interrupted: boolean;
  /** How it ended and what it said, for whoever knows better what to do. */
  readonly summary: string;

  constructor(command: readonly string[], failure: CommandFailure) {
    const {
      exitCode,
      signal,
      stoppedAfter,
      givenUp = false,
      printedTooMuch = false,
      code,
      stderr = '',
      stdout = '',
    } = failure;
    const words = quotable(stderr) || quotable(stdout);
    const { what, toDo } = ending(failure, words === '');
    const summary = `${quotable(command.join(' '))} ${what}${words === '' ? '' : `: ${words}`}`;
    super(`${summary}\n${toDo}`);
    this.summary = summary;
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr.trim();
    this.code = code;
    this.interrupted = signal !== undefined || stoppedAfter !== undefined || givenUp || printedTooMuch;
  }
}

/** A program that ended well and printed something else than it should: nothing follows about what it was asked. */
export class OutputError extends OperationalError {
  /** @param problem what is wrong with what it printed, such as `line 1 is "no rules"` */
  constructor(command: readonly string[], problem: string) {
    const [program = ''] = command;
    super(
      `${quotable(command.join(' '))} ended with exit code 0, but its output is invalid: ` +
        `${quotable(problem)}\nrun it by hand, and check which program it is (command -v ${quotable(program)})`,
    );
  }
}

interface Ending {
  readonly what: string;
  readonly toDo: string;
}

function ending(failure: CommandFailure, silent: boolean): Ending {
  const { exitCode, signal, stoppedAfter, givenUp, printedTooMuch, code } = failure;
  if (givenUp) {
    return {
      what: 'still ran when svc2ipt ended, and was stopped',
      toDo: 'start svc2ipt again: it continues from there',
    };
  }
  if (stoppedAfter !== undefined) {
    return {
      what: `did not end within ${stoppedAfter} s, and was stopped`,
      toDo: 'find out what delays it (run it by hand; dmesg, top), then try again',
    };
  }
  if (printedTooMuch) return { what: 'printed without end, and was stopped', toDo: BY_HAND };
  if (signal !== undefined) {
    return {
      what: `was killed by ${signal}`,
      toDo: CRASHES.has(signal)
        ? 'it crashed: check whether it is damaged, or install another version'
        : 'if nobody killed it, memory may have run out (see dmesg): try again',
    };
  }
  if (exitCode !== undefined) {
    return { what: `ended with exit code ${exitCode}${silent ? ' and said nothing' : ''}`, toDo: BY_HAND };
  }
  if (code === undefined) return { what: `failed${silent ? ' and said nothing' : ''}`, toDo: BY_HAND };
  const { why, toDo } = NOT_RUN[code] ?? { why: 'the system refused', toDo: BY_HAND };
  return { what: `cannot be run: ${why} (${code})`, toDo };
}

const BY_HAND = 'run it by hand as the same user to find out why';

/** Signals that the kernel sends to a program for what it did itself. */
const CRASHES: ReadonlySet<string> = new Set([
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGSEGV',
  'SIGSYS',
  'SIGTRAP',
]);

interface Refused {
  readonly why: string;
  readonly toDo: string;
}

const NO_ROOM: Refused = {
  why: 'the machine has no room for another process',
  toDo: 'stop other processes or raise the limits (ulimit -a), then try again',
};

/** Why the system does not run a program, by its name for it. */
const NOT_RUN: Readonly<Record<string, Refused>> = {
  ENOENT: {
    why: 'no such program',
    toDo: 'install it, or add its folder to PATH',
  },
  EACCES: {
    why: 'permission denied',
    toDo: 'run as root, or make the file executable (chmod +x, mount without noexec)',
  },
  EPERM: {
    why: 'not permitted',
    toDo: 'run as root, or find out what forbids it (seccomp, AppArmor, SELinux)',
  },
  ENOEXEC: { why: 'it is not a program for this machine', toDo: "install it for this machine's processor" },
  E2BIG: {
    why: 'its arguments and environment are too long for the system',
    toDo: 'run svc2ipt with fewer or shorter environment variables',
  },
  EAGAIN: NO_ROOM,
  ENOMEM: NO_ROOM,
  EMFILE: NO_ROOM,
  ENFILE: NO_ROOM,
};

/**
 * What execa tells of a program that failed.
 * @param patience seconds that it was given
 */
export function failureOf(error: ExecaError, patience: number): CommandFailure {
  const { exitCode, signal, timedOut, isCanceled, isMaxBuffer, code, stdout, stderr } = error;
  return {
    exitCode,
    signal,
    stoppedAfter: timedOut ? patience : undefined,
    givenUp: isCanceled,
    printedTooMuch: isMaxBuffer,
    code,
    stderr: typeof stderr === 'string' ? stderr : undefined,
    stdout: typeof stdout === 'string' ? stdout : undefined,
  };
}
