/** Running other programs: never through a shell, never without an end. */
import { ExecaError, execa } from 'execa';
import { CommandError, failureOf, OutputError } from '../errors/command-error.ts';

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
}

/** Longer than anything takes that will still come to an end: the user sees that it goes on, and may end it. */
let limits: CommandLimits = { patience: 600, ownGroups: false };

/** Sets how long programs may take, for the whole life of the process. */
export function limitCommands(other: CommandLimits): void {
  limits = other;
}

/** Characters of standard output (a string can hold few more), and of standard error. */
const MOST_PRINTED = { stdout: 500_000_000, stderr: 10_000_000 };

const OPTIONS = {
  // Messages are read by programs here, so they must not be translated.
  env: { LC_ALL: 'C' },
  // There is always one; the folder that a user is in may be gone, and then nothing would run.
  cwd: '/',
  stripFinalNewline: false,
  maxBuffer: MOST_PRINTED,
} as const;

/**
 * Runs a program and gives what it printed.
 * @param command the program and its arguments
 * @throws CommandError where it cannot be run or does not exit with 0
 */
export async function run(
  command: readonly string[],
  { input, patience = limits.patience, started }: RunOptions = {},
): Promise<CommandOutput> {
  const [program = '', ...args] = command;
  expectGoingOn(command, limits.ended);
  try {
    const options = {
      ...OPTIONS,
      ...groupOptions(),
      ...endOptions(limits.ended),
      stdin: input ? pieces(input) : 'ignore',
      timeout: patience * 1000,
    } as const;
    const child = execa(program, args, options);
    if (child.pid !== undefined) started?.(child.pid);
    const { stdout, stderr } = await child;
    return { stdout, stderr };
  } catch (error) {
    throw told(command, error, patience);
  }
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
  const [program = '', ...args] = command;
  const { patience, ended } = limits;
  expectGoingOn(command, ended, givenUp);
  try {
    const options = {
      ...OPTIONS,
      ...groupOptions(),
      ...endOptions(ended, givenUp),
      stdin: 'ignore',
      timeout: patience * 1000,
      buffer: { stdout: false },
    } as const;
    const child = execa(program, args, options);
    child.stdout.setEncoding('utf8').on('data', onOutput);
    await child;
  } catch (error) {
    throw told(command, error, patience);
  }
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

/** A program whose end is asked for already would begin all the same, and be ended a moment later. */
function expectGoingOn(command: readonly string[], ...signals: readonly (AbortSignal | undefined)[]): void {
  if (signals.some((signal) => signal?.aborted)) throw new CommandError(command, { givenUp: true });
}

/** There is nothing that a program of iptables had to tidy up: the kernel gives back its lock, and takes a table or not. */
function groupOptions() {
  return limits.ownGroups ? ({ killDescendants: true, killSignal: 'SIGKILL' } as const) : {};
}

function endOptions(...signals: readonly (AbortSignal | undefined)[]) {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 0 ? { cancelSignal: AbortSignal.any(given) } : {};
}

/** To execa, a list is several inputs. */
function* pieces(input: Iterable<string>): Iterable<string> {
  yield* input;
}

/** What execa throws, told by a CommandError; faults of ours as they are. */
function told(command: readonly string[], error: unknown, patience: number): unknown {
  if (!(error instanceof ExecaError)) return error;
  // Nothing is wrong with the program: the input could not be made. (It may have ended well when it was to be ended.)
  if (error.exitCode === 0 && !error.timedOut && !error.isCanceled) return error.cause;
  return new CommandError(command, failureOf(error, patience));
}
