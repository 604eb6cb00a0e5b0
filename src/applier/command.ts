/** Running other programs: never through a shell, never without an end. */
import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { onExit } from 'signal-exit';
import { CommandError, type CommandFailure, OutputError } from '../errors/command-error.ts';
import { type Child, type StartChild, startByNode } from './child.ts';

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What goes to its standard input, piece by piece; nothing unless given. */
  readonly input?: Iterable<string>;
  /** Seconds that it may take; those of {@link limitCommands} unless given. */
  readonly patience?: number;
  /** Is told the process that runs it. */
  readonly started?: (pid: number) => void;
}

export interface CommandLimits {
  /** Seconds that a program may take where nobody says otherwise. */
  readonly patience: number;
  /**
   * Each program has a process group of its own, and one that takes longer is killed with all that it has started. Not
   * for whoever sits at a terminal: Ctrl-C reaches one group.
   */
  readonly ownGroups: boolean;
  /** Ends the programs that run then, and lets no other begin. */
  readonly ended?: AbortSignal;
  /** How programs are started; by Node.js unless given. */
  readonly start?: StartChild | undefined;
}

/** Longer than anything takes that will still come to an end: the user sees that it goes on, and may end it. */
let limits: CommandLimits = { patience: 600, ownGroups: false };

/** Sets how programs are run, for the whole life of the process. */
export function limitCommands(other: CommandLimits): void {
  limits = other;
}

/**
 * Runs a program and gives what it printed.
 * @param command the program and its arguments
 * @throws CommandError where it cannot be run or does not exit with 0
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<CommandOutput> {
  const chunks: string[] = [];
  const stderr = await carryOut(command, { ...options, onOutput: (text) => void chunks.push(text) }, chunks);
  return { stdout: chunks.join(''), stderr };
}

/**
 * Runs a program and gives what it prints while it comes. Throws a {@link CommandError} like {@link run}.
 * @param givenUp ends the program, as if it had failed
 */
export async function runStreaming(
  command: readonly string[],
  onOutput: (text: string) => void,
  givenUp?: AbortSignal,
): Promise<void> {
  await carryOut(command, { onOutput, givenUp });
}

/** What takes in the output of a program piece by piece, and says at its end whether that can be all of it. */
export interface OutputReader {
  read(text: string): void;
  finish(): void;
  /** What cannot be right; undefined where it is whole. */
  readonly problem: string | undefined;
}

/**
 * Runs a program and has what it prints read.
 * @param givenUp ends the program, as if it had failed
 * @throws CommandError like {@link run}; OutputError where it ends well, and what it printed is not whole
 */
export async function runReading(
  command: readonly string[],
  reader: OutputReader,
  givenUp?: AbortSignal,
): Promise<void> {
  await runStreaming(command, (text) => reader.read(text), givenUp);
  reader.finish();
  if (reader.problem !== undefined) throw new OutputError(command, reader.problem);
}

/** Characters of standard output (a string can hold few more), and of standard error. */
const MOST_PRINTED = { stdout: 500_000_000, stderr: 10_000_000 };

/** A program that has been asked to end has so many milliseconds until it is killed. */
const LAST_WORK = 5000;

interface Task extends RunOptions {
  readonly onOutput: (text: string) => void;
  readonly givenUp?: AbortSignal | undefined;
}

/**
 * Runs a program until it has ended, and nobody has its output open any more.
 * @param printed what a failure tells of the output where the program complained of nothing
 * @returns what it said on standard error
 */
async function carryOut(
  command: readonly string[],
  { input, patience = limits.patience, started, onOutput, givenUp }: Task,
  printed: readonly string[] = [],
): Promise<string> {
  const { ownGroups: ownGroup, ended, start = startByNode } = limits;
  const signals = [ended, givenUp].filter((signal) => signal !== undefined);
  // It would begin all the same, and be ended a moment later.
  if (signals.some(({ aborted }) => aborted)) throw new CommandError(command, { givenUp: true });
  const child = await start(command, { input: input !== undefined, ownGroup }).catch((error: unknown) => {
    throw notStarted(command, error);
  });
  started?.(child.pid);
  const running = new RunningProgram(child, ownGroup);
  const late = setTimeout(() => running.stop({ stoppedAfter: patience }), patience * 1000);
  const giveUp = () => running.stop({ givenUp: true });
  for (const signal of signals) signal.addEventListener('abort', giveUp);
  // While it began, perhaps.
  if (signals.some(({ aborted }) => aborted)) giveUp();
  const forget = onExit(() => running.kill());
  try {
    const complaints: string[] = [];
    const problem = await running.carryOut(input, onOutput, (text) => void complaints.push(text));
    const stderr = complaints.join('');
    if (!problem) return stderr;
    throw new CommandError(command, { ...problem, stderr, stdout: printed.join('') });
  } finally {
    clearTimeout(late);
    for (const signal of signals) signal.removeEventListener('abort', giveUp);
    forget();
  }
}

function notStarted(command: readonly string[], error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return error;
  return new CommandError(command, { code: error.code });
}

type OnText = (text: string) => void;

/** A program that runs, until it ends or is stopped. */
class RunningProgram {
  readonly #child: Child;
  readonly #ownGroup: boolean;
  readonly #stopping = Promise.withResolvers<void>();
  #stopped: CommandFailure | undefined;
  #hasEnded = false;
  /** What went wrong with us, and not with the program. */
  readonly #faults: unknown[] = [];

  constructor(child: Child, ownGroup: boolean) {
    this.#child = child;
    this.#ownGroup = ownGroup;
  }

  /**
   * @returns how it failed, if it did
   * @throws what the input or a reader of the output throws
   */
  async carryOut(input: Iterable<string> | undefined, onOutput: OnText, onComplaint: OnText) {
    const { stdin, stdout, stderr } = this.#child;
    if (stdin && input) void this.#write(stdin, input);
    const closed = Promise.all([
      this.#read(stdout, MOST_PRINTED.stdout, onOutput),
      this.#read(stderr, MOST_PRINTED.stderr, onComplaint),
    ]);
    await Promise.race([closed, this.#stopping.promise]);
    const { exitCode, signal } = await this.#child.ended();
    this.#hasEnded = true;
    // One that was stopped may have started another, which has them open.
    if (this.#stopped) for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    else await closed;
    if (this.#faults.length > 0) throw this.#faults[0];
    return this.#stopped ?? (exitCode === 0 ? undefined : { exitCode, signal });
  }

  /** Ends it, if it has not ended. */
  stop(why: CommandFailure): void {
    this.#stopped ??= why;
    this.kill();
    this.#stopping.resolve();
  }

  /** There is nothing that a program of iptables had to tidy up: the kernel gives back its lock, and takes a table or not. */
  kill(): void {
    if (this.#ownGroup) {
      this.#signal('SIGKILL');
      return;
    }
    this.#signal('SIGTERM');
    setTimeout(() => this.#signal('SIGKILL'), LAST_WORK).unref();
  }

  #signal(name: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#hasEnded) return;
    const { pid } = this.#child;
    try {
      process.kill(this.#ownGroup ? -pid : pid, name);
    } catch {
      // It has ended by itself.
    }
  }

  /** One that does not read all that it is given says why when it ends. */
  async #write(stdin: Writable, input: Iterable<string>): Promise<void> {
    await pipeline(this.#guarded(input), stdin).catch(() => {});
  }

  *#guarded(input: Iterable<string>): Iterable<string> {
    try {
      yield* input;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** It is no use to go on with half of the input, or with nobody to read the output. */
  #fail(fault: unknown): void {
    this.#faults.push(fault);
    this.stop({});
  }

  async #read(stream: Readable, most: number, onText: OnText): Promise<void> {
    let read = 0;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      if (read > most) return;
      read += text.length;
      try {
        onText(read > most ? text.slice(0, most - read) : text);
      } catch (error) {
        this.#fail(error);
      }
      if (read > most) this.stop({ printedTooMuch: true });
    });
    await finished(stream).catch(() => {});
  }
}
