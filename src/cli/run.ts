/** How a command ends: what goes to standard output and standard error, and the exit code. */
import { styleText } from 'node:util';
import { OperationalError } from '../errors/operational-error.ts';
import { printable } from '../text/printable.ts';
import { NOT_DONE } from './exit-codes.ts';
import { endProgress } from './progress.ts';

/** What a command has to say when it is done. */
export interface CommandOutcome {
  /** For standard output. */
  readonly output: string;
  /** 2 where a part of it could not be done, and all that could is in the output. */
  readonly exitCode?: 0 | 1 | typeof NOT_DONE;
}

/** What becomes of output that cannot be written; for the whole life of the process. */
export function watchOutput(): void {
  process.stdout.on('error', outputFailed);
  // Who does not listen to warnings gets the output all the same.
  process.stderr.on('error', () => {});
}

/**
 * Has the process fail where it ends by itself with its work undone, as when it waits for what never comes.
 * @returns what is to be called when the work is done
 */
export function expectEnd(): () => void {
  const undone = () => {
    process.exitCode = NOT_DONE;
  };
  process.once('beforeExit', undone);
  return () => process.off('beforeExit', undone);
}

/** For what must go on whoever reads its output. */
export function ignoreOutputFailures(): void {
  process.stdout.off('error', outputFailed);
  process.stdout.on('error', () => {});
}

/** The exit code of what could not be done. */
let failure: number = NOT_DONE;

/**
 * Runs a command. What is no fault of the program is told in one message, without a stack trace, and exits with 2; a
 * fault of the program is thrown.
 * @param failureCode the exit code instead of 2, also for faults of the program
 */
export async function runAction(
  action: () => Promise<CommandOutcome>,
  failureCode: number = NOT_DONE,
): Promise<void> {
  failure = failureCode;
  try {
    const { output, exitCode } = await action();
    endProgress();
    process.exitCode = exitCode ?? 0;
    process.stdout.write(output);
  } catch (error) {
    endProgress();
    if (!(error instanceof OperationalError)) {
      process.on('exit', () => {
        process.exitCode = failure;
      });
      throw error;
    }
    process.exitCode = failure;
    tellError(error.message);
  }
}

/** A reader that has seen enough (`| head`) is no failure; a full disk is. */
function outputFailed(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(`${paint('red', 'error:')} cannot write the output: ${error.message}\n`);
  process.exit(failure);
}

/** Tells the user what could not be done, line by line. */
export function tellError(message: string): void {
  endProgress();
  const label = paint('red', 'error:');
  const lines = message.split('\n').map((line) => `${label} ${printable(line)}\n`);
  process.stderr.write(lines.join(''));
}

/** Tells the user of something that is no error. */
export function warn(message: string): void {
  endProgress();
  process.stderr.write(`${paint('yellow', 'warning:')} ${printable(message)}\n`);
}

/** Tells the user what he asked to be told. */
export function note(message: string): void {
  endProgress();
  process.stderr.write(`${printable(message)}\n`);
}

/** In colour, where standard error is a terminal that shows it and NO_COLOR is not set. */
function paint(colour: 'red' | 'yellow', text: string): string {
  return styleText(colour, text, { stream: process.stderr });
}
