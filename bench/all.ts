/**
 * The figures that have limits, of compiling, of one change and of starting: `npm run bench` (after `npm run build`).
 * `--quick` takes fewer runs of fewer sizes and is done within three minutes; `--save FILE` and `--against FILE` as in
 * figures.ts. What needs a kernel is `scripts/bench-kernel`.
 */
import { parseArgs } from 'node:util';
import { changeFigures } from './change.ts';
import { compileFigures } from './compile.ts';
import { tellFigures } from './figures.ts';
import { startFigures } from './startup.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    save: { type: 'string' },
    against: { type: 'string' },
  },
});

const figures = [...compileFigures(values.quick)];
console.log();
figures.push(...(await changeFigures(values.quick)));
console.log();
figures.push(...startFigures(values.quick));
console.log();
process.exitCode = tellFigures(figures, values);
