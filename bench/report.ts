/**
 * Runs benchmarks, and puts what they print into BENCHMARKS.md: `npm run bench:report -- compile effects`; all of them, half an
 * hour, unless some are named. `--list` tells which there are. Those of a kernel need root.
 */
import { execa } from 'execa';
import { publish } from './publish.ts';
import { REPORTS } from './reports.ts';

const named = process.argv.slice(2);
if (named.includes('--list')) {
  for (const [name, command] of Object.entries(REPORTS)) console.log(`${name}: ${command.join(' ')}`);
  process.exit();
}
for (const name of named.length > 0 ? named : Object.keys(REPORTS)) {
  const [program = '', ...args] = REPORTS[name] ?? [];
  if (program === '') throw new Error(`no report ${name}: --list tells which there are`);
  process.stderr.write(`${name}: ${[program, ...args].join(' ')}\n`);
  // A figure over its limit is one to be told; what prints nothing has failed.
  const { stdout, stderr } = await execa(program, args, { reject: false, stderr: ['pipe', 'inherit'] });
  if (!stdout.includes('|')) throw new Error(`${name}: no table was printed\n${stderr}`);
  console.log(`${stdout}\n`);
  await publish('BENCHMARKS.md', name, stdout);
}
