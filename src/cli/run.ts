/** How a command ends: what goes to standard output and standard error, and the exit code. */
import { styleText } from 'node:util';

/** What a command has to say when it is done. */
export interface Outcome {
  /** For standard output. */
  readonly output: string;
  readonly exitCode?: 0 | 1;
}

/** Runs a command. A user's mistake is told in one message, without a stack trace, and exits with 1. */
export async function runAction(action: () => Promise<Outcome>): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    const { output, exitCode } = await action();
    process.stdout.write(output);
    process.exitCode = exitCode ?? 0;
  } catch (error) {
    const { InputError } = await import('../api/problem.ts');
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(
      `${paint('red', 'error:')} ${error.message.replaceAll('\n', `\n${paint('red', 'error:')} `)}\n`,
    );
    process.exitCode = 1;
  }
}

/** Tells the user of something that is no error. */
export function warn(message: string): void {
  process.stderr.write(`${paint('yellow', 'warning:')} ${message}\n`);
}

/** Tells the user what he asked to be told. */
export function note(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** In colour, where standard error is a terminal that shows it and NO_COLOR is not set. */
function paint(colour: 'red' | 'yellow', text: string): string {
  return styleText(colour, text, { stream: process.stderr });
}
