/** `svc2ipt diff --effects`: what a change does to packets, and the proof that it does nothing. */
import { InputError } from '../../api/problem.ts';
import { effectsIn, isSame, printEffects, type Sides } from '../../library/effects-in.ts';
import { isNarrowed } from '../../library/shown.ts';
import { paint, terminalWidth } from '../paint.ts';
import type { CommandOutcome } from '../run.ts';
import type { DiffCommandOptions } from './diff.command.ts';

export function diffEffects(options: DiffCommandOptions, sides: readonly Sides[]): CommandOutcome {
  if (options.prove && isNarrowed(options)) {
    throw new InputError([
      { at: ['--prove'], message: 'is about every packet, and -n, -A and -l leave some out' },
    ]);
  }
  const nodes = sides.map((one) => effectsIn(one, options));
  const { output, prove } = options;
  const text = printEffects(nodes, {
    output,
    prove,
    whole: !isNarrowed(options),
    width: terminalWidth(),
    paint,
  });
  return { output: text, exitCode: nodes.every(isSame) ? 0 : 1 };
}
