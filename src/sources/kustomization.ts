/** A kustomization as the program builds it that is there. */
import { ExecaError, execa } from 'execa';
import { CommandError, failureOf } from '../errors/command-error.ts';
import { OperationalError } from '../errors/operational-error.ts';
import type { SourceText } from './source-text.ts';

/** Programs that build kustomizations, the one that kubectl's users have first. */
const PROGRAMS: readonly (readonly [program: string, ...words: readonly string[]])[] = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
];

/** It may fetch what a kustomization names from elsewhere; in seconds. */
const PATIENCE = 300;

/**
 * What a kustomization comes to, as text.
 * @param folder with a kustomization, or what else the program takes
 * @throws CommandError with what the program said; an OperationalError where there is neither
 */
export async function buildKustomization(folder: string): Promise<SourceText> {
  for (const [program, ...words] of PROGRAMS) {
    const command = [program, ...words, folder];
    try {
      const { stdout } = await execa(program, [...words, folder], {
        stdin: 'ignore',
        timeout: PATIENCE * 1000,
        stripFinalNewline: false,
        maxBuffer: MOST,
      });
      return { name: folder, text: stdout, origin: 'kustomization' };
    } catch (error) {
      if (!(error instanceof ExecaError)) throw error;
      if (error.code === 'ENOENT') continue;
      throw new CommandError(command, failureOf(error, PATIENCE));
    }
  }
  throw new OperationalError(
    `${folder}: building it needs kubectl or kustomize, and neither is installed\n` +
      'install one of them, or build it elsewhere and pass the manifests with -f',
  );
}

/** Characters that it may print. */
const MOST = 1 << 29;
