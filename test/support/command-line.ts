/** Runs command lines of svc2ipt in this process: a hundred of them take as long as two processes. */
import { Readable } from 'node:stream';
import { CommanderError } from 'commander';
import { type CalledAs, callAs } from '../../src/cli/calling.ts';
import { programFor } from '../../src/cli/program.ts';

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** What is piped in; nothing, as of a terminal, unless given. */
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Nothing else is in the environment. */
  readonly onlyEnv?: boolean;
  /** Where it runs; where the process does, unless given. */
  readonly folder?: string;
  readonly calledAs?: CalledAs;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs one command line after the other, never two at once: standard streams, the environment and the folder are those of
 * the process.
 * @param words without the name of the program
 */
export async function runCommandLine(
  words: readonly string[],
  surroundings: Surroundings = {},
): Promise<Ended> {
  const ended = last.then(() => runAlone(words, surroundings));
  last = ended.catch(() => {});
  return await ended;
}

async function runAlone(
  words: readonly string[],
  { input, env = {}, onlyEnv = false, folder, calledAs = 'svc2ipt' }: Surroundings,
): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  const restore: (() => void)[] = [];
  const set = (target: object, name: string, value: unknown) => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    restore.push(() => {
      if (before) Object.defineProperty(target, name, before);
      else Reflect.deleteProperty(target, name);
    });
  };
  for (const name of ['stdout', 'stderr'] as const) {
    set(process[name], 'write', (text: string | Uint8Array) => {
      written[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    });
    set(process[name], 'isTTY', false);
  }
  const stdin =
    input === undefined
      ? Object.assign(Readable.from([]), { isTTY: true })
      : Readable.from([Buffer.from(input)]);
  set(process, 'stdin', stdin);
  set(process, 'env', onlyEnv ? { ...env } : { ...process.env, ...env });
  if (folder !== undefined) {
    const before = process.cwd();
    process.chdir(folder);
    restore.push(() => process.chdir(before));
  }
  const { exitCode: exitCodeBefore } = process;
  process.exitCode = undefined;
  restore.push(() => {
    process.exitCode = exitCodeBefore;
  });
  callAs(calledAs);
  try {
    const exitCode = await exitCodeOf(words);
    return { exitCode, ...written };
  } finally {
    callAs('svc2ipt');
    for (const undo of restore.toReversed()) undo();
  }
}

async function exitCodeOf(words: readonly string[]): Promise<number> {
  try {
    const program = await programFor(words);
    await program.parseAsync([...words], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}
