/**
 * Agents on a page run as in a terminal of their own: the page goes on when they are healthy, and they are ended by
 * SIGTERM when it starts the next one, or ends.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PageShell, Printed } from './shell.ts';

/** What the agent does instead of running. */
const OTHERWISE = /\s(-h|--help|--cleanup|--init-only|--write-config-to)\b/;

/** Whether a command runs until somebody ends it. */
export function isAgent(command: string): boolean {
  const [words = ''] = command.split(' #');
  return /^svc2ipt agent\b/.test(words) && !OTHERWISE.test(words) && !/[&;|>]/.test(words);
}

/** Asks it how the kernel differs from what it wants. */
const DRIFT = `node --input-type=module -e '
  const [, drift] = await Promise.all(["10256/healthz", "10249/debug/drift"].map(async (page) => {
    const answer = await fetch("http://127.0.0.1:" + page);
    if (!answer.ok) process.exit(1);
    return await answer.text();
  }));
  console.log(drift);
'`;

/** Whether the kernel holds what it wants, or would, if it were to write. */
function isDone(command: string, { exitCode, output }: Printed): boolean {
  if (exitCode !== 0 || output.includes('nothing compiled yet')) return false;
  const told = output.split('\n').filter((line) => line !== '');
  return (
    command.includes('--dry-run') || told.every((line) => line.endsWith('the kernel has the compiled rules'))
  );
}

/** How long it may take, in milliseconds, on a machine that has other things to do. */
const PATIENCE = 180_000;

export class PageAgents {
  readonly #shell: PageShell;
  readonly #log: string;
  #running = false;

  constructor(shell: PageShell, ownFolder: string) {
    this.#shell = shell;
    this.#log = join(ownFolder, 'agent.log');
  }

  /** Starts one in place of the last, and waits until it has done what it is there for. */
  async start(command: string): Promise<Printed> {
    await this.end();
    await this.#shell.run(`(exec ${command}\n) >'${this.#log}' 2>&1 &\nagent=$!`);
    this.#running = true;
    for (const end = performance.now() + PATIENCE; performance.now() < end; await sleep(100)) {
      if (isDone(command, await this.#shell.run(DRIFT))) return { exitCode: 0, output: await this.#told() };
      if ((await this.#shell.run('kill -0 $agent')).exitCode !== 0) break;
    }
    throw new Error(`the agent does not get its work done:\n${await this.#told()}`);
  }

  /** Ends the one that runs, if any does. Throws an Error where it does not end as it should. */
  async end(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const { exitCode } = await this.#shell.run('kill -TERM $agent; wait $agent');
    if (exitCode !== 0) throw new Error(`the agent exits with ${exitCode}:\n${await this.#told()}`);
  }

  async #told(): Promise<string> {
    return (await this.#shell.run(`cat '${this.#log}'`)).output;
  }
}
