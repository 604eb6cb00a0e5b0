/** How fast the command starts, beside an empty Node.js: `npm run bench:startup` (after `npm run build`). */
import { execaSync } from 'execa';
import { median, table, time } from './statistics.ts';

const RUNS = 30;
/** To reach: at most this many times an empty Node.js, plus so many milliseconds. */
const LIMIT = { times: 1.5, plus: 60 };

const COMMANDS = {
  'node -e 0': ['-e', '0'],
  'svc2ipt --version': ['dist/cli/main.js', '--version'],
  'svc2ipt render (3 Services)': ['dist/cli/main.js', 'render', '-f', 'fixtures/sample/objects.yaml'],
} as const;

const times = new Map<string, number[]>(Object.keys(COMMANDS).map((name) => [name, []]));
// In turn, so that whatever else the machine does falls on all alike.
for (let run = 0; run < RUNS; run++) {
  for (const [name, args] of Object.entries(COMMANDS)) {
    times.get(name)?.push(time(() => execaSync(process.execPath, args, { stdio: 'ignore' })));
  }
}
const empty = median(times.get('node -e 0') ?? []);
const rows = [...times].map(([name, runs]) => [
  name,
  median(runs).toFixed(0),
  (median(runs) / empty).toFixed(2),
]);
console.log(table(['command', 'median ms', 'times'], rows));
const limit = LIMIT.times * empty + LIMIT.plus;
const version = median(times.get('svc2ipt --version') ?? []);
console.log(
  `\n--version: ${version.toFixed(0)} ms of ${limit.toFixed(0)} ms (${LIMIT.times} x node + ${LIMIT.plus} ms)`,
);
process.exitCode = version <= limit ? 0 : 1;
