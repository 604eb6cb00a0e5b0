/** The command line, on the Node.js that it needs. */
import { CommanderError } from 'commander';
import { type CalledAs, callAs } from './calling.ts';
import { programFor } from './program.ts';
import { expectEnd, watchOutput } from './run.ts';

/** Agents that go through a proxy (24.5), and programs that know whether they are the main one (24.2). */
const REQUIRED_NODE = '24.5';

/**
 * Runs the command line of this process, and sets its exit code.
 * @param name by which the program is called
 */
export async function start(name: CalledAs, words: readonly string[] = process.argv.slice(2)): Promise<void> {
  // The YAML library prints what it reads to standard output, among the rules, where somebody has set these.
  delete process.env.LOG_STREAM;
  delete process.env.LOG_TOKENS;
  if (process.versions.node.localeCompare(REQUIRED_NODE, 'en', { numeric: true }) < 0) {
    process.stderr.write(`svc2ipt needs Node.js ${REQUIRED_NODE} or later; this is ${process.version}\n`);
    process.exitCode = 1;
    return;
  }
  watchOutput();
  callAs(name);
  const ended = expectEnd();
  const [first, ...rest] = words;
  if (first === COMPLETE) {
    const { complete } = await import('./complete.ts');
    process.stdout.write(await complete(rest));
    ended();
    return;
  }
  try {
    const program = await programFor(words);
    await program.parseAsync([...words], { from: 'user' });
  } catch (error) {
    // Help or a mistake in the arguments, both told already; they may not be written yet.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode;
  }
  ended();
}

/** What shells call for the words of a command line that only the input knows. */
export const COMPLETE = '__complete';
