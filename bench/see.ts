/**
 * How long it takes to look at a node of 5,000 Services x 10 endpoints, as whole processes: `node bench/see.ts`, after
 * `npm run build`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { withJumps } from '../src/chains/jumps.ts';
import { compile } from '../src/compiler/compile.ts';
import { printSaved } from '../src/iptables/saved.ts';
import { makeCluster, node, options, type Size, sizeName } from './clusters.ts';
import { manifestsOf } from './manifests.ts';
import { median, percentile, table, time } from './statistics.ts';

const RUNS = 7;
const SIZE: Size = { services: 5000, endpoints: 10 };
const MAIN = 'dist/cli/main.js';

const folder = mkdtempSync(join(tmpdir(), 'svc2ipt-bench-'));
try {
  const [save, objects] = [join(folder, 'node.save'), join(folder, 'objects.json')];
  const cluster = makeCluster(SIZE);
  const text = printSaved(withJumps(compile(cluster, node, options)));
  writeFileSync(save, text);
  writeFileSync(objects, manifestsOf(cluster));
  const service = 'default/service-02500';
  /** What is to be reached, in milliseconds, where something is. */
  const commands: readonly (readonly [string, readonly string[], number?])[] = [
    ['node -e 0', ['-e', '0']],
    [
      'trace --save, by address',
      [MAIN, 'trace', '--save', save, '--from', '10.128.0.9', '--to', '10.64.9.196:80/tcp'],
      1000,
    ],
    ['trace --save, by name', [MAIN, 'trace', '--save', save, '--from', '10.128.0.9', '--to', service], 1000],
    ['explain SERVICE --save', [MAIN, 'explain', service, '--save', save]],
    ['explain CHAIN --save', [MAIN, 'explain', chainIn(text), '--save', save]],
    ['trace -f', [MAIN, 'trace', '-f', objects, '--from', '10.128.0.9', '--to', service]],
    ['explain SERVICE -f', [MAIN, 'explain', service, '-f', objects]],
    ['lint -f', [MAIN, 'lint', '-f', objects, '--fail-on', 'never'], 2000],
  ];
  const runs = commands.map((): number[] => []);
  // In turn, so that whatever else the machine does falls on all alike.
  for (let run = 0; run < RUNS; run++) {
    for (const [i, [, args]] of commands.entries()) {
      runs[i]?.push(time(() => execaSync(process.execPath, args, { stdio: 'ignore' })));
    }
  }
  const empty = median(runs[0] ?? []);
  const rows = commands.map(([name, , limit], i) => {
    const all = runs[i] ?? [];
    const [middle, worst] = [median(all), percentile(all, 1)];
    return [name, middle.toFixed(0), worst.toFixed(0), (middle / empty).toFixed(1), limit?.toFixed(0) ?? ''];
  });
  console.log(
    `${sizeName(SIZE)}, ${(text.length / 1e6).toFixed(1)} MB of iptables-save; ${RUNS} runs each\n`,
  );
  console.log(table(['command', 'median ms', 'worst ms', 'times node', 'to reach'], rows));
  process.exitCode = commands.every(([, , limit = Infinity], i) => median(runs[i] ?? []) <= limit) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** The chain of some endpoint. */
function chainIn(text: string): string {
  return /KUBE-SEP-[A-Z2-7]{16}/.exec(text)?.[0] ?? '';
}
