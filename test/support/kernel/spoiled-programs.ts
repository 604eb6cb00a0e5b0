/** The programs that an agent runs, to be spoilt one at a time and mended again while it runs. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Lab } from './lab.ts';
import type { Backend } from './namespace.ts';

export class SpoiledPrograms {
  /** The `PATH` by which they are found first. */
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = `${join(folder, 'bin')}:${process.env.PATH ?? ''}`;
  }

  /** Puts a shell script in front of each program of a backend, and of conntrack. */
  static async create(lab: Lab, backend: Backend): Promise<SpoiledPrograms> {
    const folder = join(lab.folder, 'spoiled');
    await mkdir(join(folder, 'bin'), { recursive: true });
    const iptables = [`iptables-${backend}`, `ip6tables-${backend}`];
    const programs = iptables.flatMap((name) => [name, `${name}-save`, `${name}-restore`]);
    for (const program of [...programs, 'conntrack']) {
      const { stdout: real } = await execa('which', [program]);
      const script = [
        '#!/bin/sh',
        `real='${real}'`,
        `folder='${folder}'`,
        `echo '${program}' "$*" >>"$folder/calls"`,
        `if [ -f "$folder/${program}" ]; then . "$folder/${program}"; fi`,
        'exec "$real" "$@"',
      ];
      await writeFile(join(folder, 'bin', program), `${script.join('\n')}\n`);
      await chmod(join(folder, 'bin', program), 0o755);
    }
    return new SpoiledPrograms(folder);
  }

  /**
   * From now on a program does something else.
   * @param script of the shell; what it does not end goes on to `"$real"`
   */
  async spoil(program: string, script: string): Promise<void> {
    // In one step: it may be read at any moment.
    await writeFile(join(this.#folder, 'new'), `${script}\n`);
    await rename(join(this.#folder, 'new'), join(this.#folder, program));
  }

  /** Like {@link spoil}, for one call. */
  async spoilOnce(program: string, script: string): Promise<void> {
    await this.spoil(program, `rm "$folder/${program}"\n${script}`);
  }

  async mend(program: string): Promise<void> {
    await rm(join(this.#folder, program), { force: true });
  }

  /** The calls since this was asked last, each a line of a program and its arguments. */
  async calls(): Promise<readonly string[]> {
    const file = join(this.#folder, 'calls');
    const text = await readFile(file, 'utf8').catch(() => '');
    await rm(file, { force: true });
    return text.split('\n').slice(0, -1);
  }

  /** What a script has written into a file of the folder (`$folder/NAME`). */
  async told(name: string): Promise<string> {
    return await readFile(join(this.#folder, name), 'utf8');
  }
}
