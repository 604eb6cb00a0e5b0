/** Running other programs: never through a shell, never without an end. */
import { ExecaError, execa } from 'execa';

/** A program that could not be run, or that failed; everything that is known of it. */
export class CommandError extends Error {
  readonly command: readonly string[];
  /** Undefined where it did not run, or was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  /** `ENOENT` where there is no such program. */
  readonly code: string | undefined;

  constructor(command: readonly string[], failure: ExecaError) {
    const stderr = typeof failure.stderr === 'string' ? failure.stderr.trim() : '';
    super(`${command.join(' ')}: ${stderr || failure.shortMessage}`);
    this.name = 'CommandError';
    this.command = command;
    this.exitCode = failure.exitCode;
    this.stderr = stderr;
    this.code = failure.code;
  }
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

const OPTIONS = {
  // Messages are read by programs here, so they must not be translated.
  env: { LC_ALL: 'C' },
  stripFinalNewline: false,
  /** Ten minutes, in milliseconds: longer than anything takes that will still come to an end. */
  timeout: 600_000,
} as const;

/**
 * Runs a program and gives what it printed.
 * @param command the program and its arguments
 * @param input what goes to its standard input, piece by piece; nothing unless given
 * @throws CommandError where it cannot be run or does not exit with 0
 */
export async function run(command: readonly string[], input?: Iterable<string>): Promise<CommandOutput> {
  const [program = '', ...args] = command;
  try {
    const { stdout, stderr } = await execa(program, args, {
      ...OPTIONS,
      stdin: input ?? 'ignore',
      maxBuffer: Number.POSITIVE_INFINITY,
    });
    return { stdout, stderr };
  } catch (error) {
    if (error instanceof ExecaError) throw new CommandError(command, error);
    throw error;
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
  const ends = givenUp ? { cancelSignal: givenUp } : {};
  try {
    const child = execa(program, args, { ...OPTIONS, ...ends, stdin: 'ignore', buffer: { stdout: false } });
    child.stdout.setEncoding('utf8').on('data', onOutput);
    await child;
  } catch (error) {
    if (error instanceof ExecaError) throw new CommandError(command, error);
    throw error;
  }
}
