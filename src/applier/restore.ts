/** Running iptables-restore, and telling what it did not like. */

import { aboutOf, readComment } from '../chains/comments.ts';
import { isServicePortChain } from '../chains/names.ts';
import { CommandError } from '../errors/command-error.ts';
import { OperationalError } from '../errors/operational-error.ts';
import type { Ruleset } from '../iptables/types.ts';
import { splitWords } from '../iptables/words.ts';
import { quotable } from '../text/printable.ts';
import { run } from './command.ts';
import { LockError, WAIT_FOR_LOCK } from './host.ts';
import type { IptablesPrograms } from './programs.ts';

/** iptables-restore did not do all of it. Transactions before the failed one are done, of that one nothing is. */
export class RestoreError extends OperationalError {
  /** The input's line that was refused, counted from 1, where iptables tells. */
  readonly line: number | undefined;
  /**
   * It has looked at its input and refused it. Else it did not start, was killed, or took too long: another input would
   * fare no better.
   */
  readonly refused: boolean;
  /** What was given to iptables-restore. */
  readonly input: string;

  constructor(message: string, { line, refused, input }: Pick<RestoreError, 'line' | 'refused' | 'input'>) {
    super(message);
    this.line = line;
    this.refused = refused;
    this.input = input;
  }
}

/**
 * Gives a text to iptables-restore. Counters in it are taken, and those of chains that it does not name survive.
 * @param wanted whose chains the text writes, to tell which service port a refused line is for
 * @param started is told the process that writes
 * @throws RestoreError with the refused line and its neighbours, iptables' own words, and the service port; LockError
 *   where another program does not let go of the lock
 */
export async function restore(
  host: IptablesPrograms,
  input: Iterable<string>,
  wanted: Ruleset | undefined,
  started: (pid: number) => void = () => {},
): Promise<void> {
  const command = [host.restore, '--noflush', '--counters', ...WAIT_FOR_LOCK];
  try {
    await run(command, { input, started });
  } catch (error) {
    throw error instanceof CommandError ? refusal(error, [...input].join(''), wanted) : error;
  }
}

/** What a failure of iptables-restore means, in words that help. */
export function refusal(
  error: CommandError,
  input: string,
  wanted: Ruleset | undefined,
): RestoreError | LockError {
  const [program = ''] = error.command;
  if (LockError.isToldBy(error.stderr)) return new LockError(program);
  const line = failedLine(error.stderr);
  const refused = error.exitCode !== undefined;
  if (line === undefined) return new RestoreError(error.message, { line, refused, input });
  const lines = input.split('\n');
  const servicePort = servicePortOf(lines[line - 1] ?? '', wanted);
  const about = servicePort === undefined ? '' : ` (for ${servicePort})`;
  const message = [
    `${program} refused line ${line}${about}: ${quotable(error.stderr)}`,
    ...excerpt(lines, line),
  ].join('\n');
  return new RestoreError(message, { line, refused, input });
}

/** `line 7: CHAIN_USER_ADD failed`, `Error occurred at line: 7`, `line 7 failed` */
function failedLine(stderr: string): number | undefined {
  const number = /\bline:? (\d+)/.exec(stderr)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The line with two before and two after it, an arrow at it. */
function excerpt(lines: readonly string[], failed: number): string[] {
  const first = Math.max(1, failed - 2);
  return lines.slice(first - 1, failed + 2).map((line, i) => {
    const number = first + i;
    return `  ${number === failed ? '>' : ' '} ${number} | ${line}`;
  });
}

/** Of a line of input: its comment names the service port, or else the comment of a rule that leads to its chain. */
function servicePortOf(line: string, wanted: Ruleset | undefined): string | undefined {
  const words = splitWords(line);
  const comment = words.includes('--comment') ? words[words.indexOf('--comment') + 1] : undefined;
  const named = comment === undefined ? undefined : readComment(comment);
  if (named) return named.servicePort;
  let chain = /^(?:\[\S+\] )?(?::|-[ADIX] )(\S+)/.exec(line)?.[1];
  const rules = (wanted?.tables ?? []).flatMap(({ chains }) =>
    chains.flatMap(({ name, rules }) => rules.map((rule) => ({ name, rule }))),
  );
  // From an endpoint's chain to its service's, and from there to the entry.
  for (let step = 0; step < 4 && chain !== undefined && isServicePortChain(chain); step++) {
    const target = chain;
    const caller = rules.find(({ rule }) => rule.target?.target === 'jump' && rule.target.chain === target);
    const about = caller && aboutOf(caller.rule);
    if (about) return about.servicePort;
    chain = caller?.name;
  }
  return undefined;
}
