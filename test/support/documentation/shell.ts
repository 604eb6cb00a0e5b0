/** The bash that runs a page: one for all of its commands, so that folders, variables and jobs stay. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from './place.ts';
import type { Folders } from './scratch.ts';

export interface Printed {
  /** Undefined where it did not end in time, or took the shell with it. */
  readonly exitCode: number | undefined;
  /** Standard output and standard error, as they come. */
  readonly output: string;
}

export type ShellOptions = Folders & Pick<Place, 'inside' | 'env'>;

/** Whatever is left running by a page is killed with its shell. */
export class PageShell implements AsyncDisposable {
  readonly #options: ShellOptions;
  #bash: ChildProcessWithoutNullStreams;
  #output = '';
  #wake = () => {};

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#bash = this.#start();
  }

  /**
   * Runs a command of any number of lines to its end.
   * @param seconds after which it is killed, with everything that the page has left running
   */
  async run(command: string, seconds = 180): Promise<Printed> {
    const file = join(this.#options.own, 'command');
    await writeFile(file, `${command}\n`);
    const end = randomUUID();
    // From a file, as a command that reads its input would eat those after it.
    this.#bash.stdin.write(`. ${file} </dev/null; printf '%s %d\\n' ${end} $?\n`);
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const [output = '', rest] = this.#output.split(end, 2);
      if (rest?.includes('\n')) {
        this.#output = rest.slice(rest.indexOf('\n') + 1);
        return { exitCode: Number.parseInt(rest, 10), output };
      }
      if (this.#ended || performance.now() > deadline) {
        await this.#kill();
        this.#output = '';
        this.#bash = this.#start();
        return { exitCode: undefined, output };
      }
      await this.#news(deadline - performance.now());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
  }

  #start() {
    const bash = startBash(this.#options);
    bash.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (bash !== this.#bash) return;
      this.#output += text;
      this.#wake();
    });
    bash.once('exit', () => this.#wake());
    // That it is gone, we are told as its end.
    bash.stdin.on('error', () => {});
    // If we are gone, its input ends, and it takes with it what it has started.
    bash.stdin.write("exec 2>&1; trap 'kill 0' EXIT\n");
    return bash;
  }

  get #ended(): boolean {
    return this.#bash.exitCode !== null || this.#bash.signalCode !== null;
  }

  async #news(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, milliseconds);
    await promise;
    clearTimeout(timer);
  }

  async #kill(): Promise<void> {
    const bash = this.#bash;
    const exit = this.#ended ? undefined : once(bash, 'exit');
    try {
      if (bash.pid !== undefined) process.kill(-bash.pid, 'SIGKILL');
    } catch {
      // It has ended, and so has all that it started.
    }
    await exit;
    bash.stdout.destroy();
  }
}

function startBash({ page, programs, env, inside }: ShellOptions): ChildProcessWithoutNullStreams {
  const [program = '', ...args] = [...inside, 'bash', '--noprofile', '--norc'];
  return spawn(program, args, {
    cwd: page,
    env: {
      PATH: `${programs}:${process.env.PATH}`,
      HOME: page,
      TERM: 'dumb',
      LANG: 'C.UTF-8',
      ...env,
    },
    // A process group of its own, by which everything in it is killed.
    detached: true,
  });
}
