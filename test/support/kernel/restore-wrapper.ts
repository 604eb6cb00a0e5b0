/** Programs that stand in front of iptables-restore, and see or spoil what it is given. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Lab } from './lab.ts';
import type { Backend } from './namespace.ts';

/**
 * Puts a shell script in front of the iptables-restore of both families.
 * @param before lines of shell; those that are only tests of what iptables can do never get there
 * @param input a filter that the input goes through
 * @returns the `PATH` by which it is found first
 */
export async function wrapRestore(
  lab: Lab,
  backend: Backend,
  { before = ':', input }: { readonly before?: string; readonly input?: string },
): Promise<string> {
  const folder = join(lab.folder, 'bin');
  await mkdir(folder, { recursive: true });
  for (const program of [`iptables-${backend}-restore`, `ip6tables-${backend}-restore`]) {
    const { stdout: real } = await execa('which', [program]);
    const script = [
      '#!/bin/sh',
      `case " $* " in *" --test "*) exec '${real}' "$@" ;; esac`,
      before,
      input === undefined ? `exec '${real}' "$@"` : `${input} | '${real}' "$@"`,
    ];
    await writeFile(join(folder, program), `${script.join('\n')}\n`);
    await chmod(join(folder, program), 0o755);
  }
  return `${folder}:${process.env.PATH ?? ''}`;
}
