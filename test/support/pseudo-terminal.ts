/** A program on a terminal, as `script` of util-linux makes one, with somebody who looks at it and types. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

/** Whatever becomes of it is known by then, on a busy machine too; in milliseconds. */
const PATIENCE = 120_000;

export class PseudoTerminal implements AsyncDisposable {
  readonly #folder: string;
  readonly #process: ReturnType<typeof startScript>;
  #output = '';

  private constructor(folder: string, process: ReturnType<typeof startScript>) {
    this.#folder = folder;
    this.#process = process;
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
    });
  }

  /** Runs a line of sh, whose last command becomes the program, on a terminal of 80 columns and 24 rows. */
  static async start(line: string, env: Readonly<Record<string, string>> = {}): Promise<PseudoTerminal> {
    const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-terminal-'));
    const begin = `stty cols 80 rows 24; tty > '${folder}/tty'; echo $$ > '${folder}/pid'; ${line}`;
    return new PseudoTerminal(folder, startScript(begin, env));
  }

  /** All that appeared so far, the escape character as ESC. */
  get output(): string {
    return this.#output.replaceAll('\u001b', 'ESC').replaceAll('\r', '');
  }

  /** The lines of the screen that was drawn last, without colours. */
  get screen(): readonly string[] {
    const drawn = this.output.split('ESC[1;1H').at(-1) ?? '';
    return drawn.replaceAll(/ESC\[\??[\d;]*[A-Za-z]/g, '').split('\n');
  }

  type(keys: string): void {
    this.#process.stdin.write(keys);
  }

  /** Changes the size of its window. */
  async resize(columns: number, rows: number): Promise<void> {
    const terminal = (await readFile(join(this.#folder, 'tty'), 'utf8')).trim();
    await execa('stty', ['-F', terminal, 'cols', String(columns), 'rows', String(rows)]);
  }

  /** The number of the program's process. */
  async pid(): Promise<number> {
    return Number(await readFile(join(this.#folder, 'pid'), 'utf8'));
  }

  /** Waits until something is so. */
  async until(isSo: (terminal: this) => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + PATIENCE; !(await isSo(this)); await sleep(20)) {
      if (performance.now() > end) throw new Error(`it never came to that:\n${this.output.slice(-4000)}`);
    }
  }

  /** Its exit code, when it has ended: 128 and the number of a signal that ended it. */
  async ended(): Promise<number | undefined> {
    return (await this.#process).exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function startScript(line: string, env: Readonly<Record<string, string>>) {
  return execa('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], {
    env: { TERM: 'xterm-256color', ...env },
    reject: false,
    stdin: 'pipe',
    buffer: false,
  });
}
