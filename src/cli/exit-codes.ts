/** What commands exit with, as `kubectl diff` and linters do, and the sentences by which their help tells it. */
import { CommanderError } from 'commander';

/** It could not be done: a file that is missing, an option that is wrong, a cluster that does not answer. */
export const NOT_DONE = 2;

/** What `exitOverride` takes: mistakes in arguments exit with a code of ours, and help with 0. */
export function mistakesExitWith(failure: number): (error: CommanderError) => never {
  return ({ exitCode, code, message }) => {
    throw new CommanderError(exitCode === 0 ? 0 : failure, code, message);
  };
}

/** Of commands that find nothing that anybody would count. */
export const EXITS =
  'Exit codes: 0, done; 2, failed, for example because of a missing file or a wrong option.';

/** Of commands that compare. */
export const EXITS_OF_COMPARING =
  'Exit codes: 0, no difference; 1, a difference; 2, failed, for example because of a missing file or a wrong option.';
