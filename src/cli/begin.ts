/** How each program of the command line begins. */
import { keepCompiled } from './compile-cache.ts';

/** Loads the command line, whose compiled form is kept from one start to the next, and runs it. */
export function begin(run: (commandLine: typeof import('./start.ts')) => Promise<void>): void {
  keepCompiled();
  void import('./start.ts').then(run);
}
