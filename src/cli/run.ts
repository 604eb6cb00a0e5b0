/** How a command ends: what goes to standard output and standard error, and the exit code. */
import { styleText } from 'node:util';
import { InputError } from '../api/problem.ts';
import { printable } from '../text/printable.ts';
import { endProgress } from './progress.ts';

/** What a command has to say when it is done. */
export interface Outcome {
  /** For standard output. */
  readonly output: string;
  readonly exitCode?: 0 | 1;
}

/** Runs a command. A user's mistake is told in one message, without a stack trace, and exits with 1. */
export async function runAction(action: () => Promise<Outcome>): Promise<void> {
  process.stdout.on('error', outputFailed);
  // Who does not listen to warnings gets the output all the same.
  process.stderr.on('error', () => {});
  try {
    const { output, exitCode } = await action();
    endProgress();
    process.exitCode = exitCode ?? 0;
    process.stdout.write(output);
  } catch (error) {
    endProgress();
    if (!(error instanceof Error) || !(error instanceof InputError || (await isHostError(error))))
      throw error;
    const label = paint('red', 'error:');
    process.exitCode = 1;
    process.stderr.write(`${label} ${error.message.replaceAll('\n', `\n${label} `)}\n`);
  }
}

/** What this machine cannot do, or its iptables refused: told in the same way as a user's mistake. */
async function isHostError(error: Error): Promise<boolean> {
  const [{ HostError }, { RestoreError }] = await Promise.all([
    import('../applier/host.ts'),
    import('../applier/restore.ts'),
  ]);
  return error instanceof HostError || error instanceof RestoreError;
}

/** A reader that has seen enough (`| head`) is no failure; a full disk is. */
function outputFailed(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(`${paint('red', 'error:')} cannot write the output: ${error.message}\n`);
  process.exit(1);
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
