/**
 * How fast the command line starts, and answers of a large node, as whole processes beside an empty Node.js:
 * `npm run bench:startup` (after `npm run build`; Linux). `--quick` runs each command three times only.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { withJumps } from '../src/chains/jumps.ts';
import { compile } from '../src/compiler/compile.ts';
import { printSaved } from '../src/iptables/saved.ts';
import { makeCluster, node, options, type Size, sizeName } from './clusters.ts';
import { type Figure, tellFigures } from './figures.ts';
import { manifestsOf } from './manifests.ts';
import { median, table, time } from './statistics.ts';

/** What one command took: medians, in milliseconds. */
interface Start {
  readonly name: string;
  readonly wall: number;
  /** Processor time in user mode, which other programs disturb less; the kernel counts it by 10 ms. */
  readonly user: number;
  /** How many times an empty Node.js it may take. */
  readonly limit: number | undefined;
}

const SIZE: Size = { services: 5000, endpoints: 10 };

/** What an empty Node.js takes on the machine that the limits are for, in milliseconds. */
const NODE = 27;

/** Milliseconds on that machine, as times of an empty Node.js. */
const milliseconds = (limit: number) => limit / NODE;

/**
 * Runs each command so many times, in turn, so that whatever else the machine does falls on all alike.
 * @returns an empty Node.js first
 */
function measureStarts(runs: number): readonly Start[] {
  const folder = mkdtempSync(join(tmpdir(), 'svc2ipt-bench-'));
  try {
    const commands = commandsOn(folder);
    const taken = commands.map(() => ({ wall: [] as number[], user: [] as number[] }));
    for (let run = 0; run <= runs; run++) {
      for (const [i, { args }] of commands.entries()) {
        const before = userTimeOfChildren();
        const wall = time(() => execaSync(process.execPath, args, { stdio: 'ignore' }));
        // The first run is the one that fills the compile cache.
        if (run === 0) continue;
        taken[i]?.wall.push(wall);
        taken[i]?.user.push(userTimeOfChildren() - before);
      }
    }
    return commands.map(({ name, limit }, i) => ({
      name,
      wall: median(taken[i]?.wall ?? []),
      user: median(taken[i]?.user ?? []),
      limit,
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The figures that limits are for: wall-clock time as times of an empty Node.js. */
function figuresOf([empty, ...starts]: readonly Start[]): readonly Figure[] {
  return starts.map(({ name, wall, limit }) => ({
    name,
    value: wall / (empty?.wall ?? Number.NaN),
    unit: 'times node -e 0',
    limit,
  }));
}

interface Command {
  readonly name: string;
  readonly args: readonly string[];
  readonly limit: number | undefined;
}

/** The commands, on files that are written into a folder. */
function commandsOn(folder: string): readonly Command[] {
  const [save, objects] = [join(folder, 'node.save'), join(folder, 'objects.json')];
  const cluster = makeCluster(SIZE);
  const text = printSaved(withJumps(compile(cluster, node, options)));
  writeFileSync(save, text);
  writeFileSync(objects, manifestsOf(cluster));
  const svc2ipt = (...args: readonly string[]) => ['dist/cli/main.js', ...args];
  const service = 'default/service-02500';
  const [chain = ''] = /KUBE-SEP-[A-Z2-7]{16}/.exec(text) ?? [];
  const big = `(${sizeName(SIZE)})`;
  return [
    { name: 'node -e 0', args: ['-e', '0'], limit: undefined },
    { name: '--version', args: svc2ipt('--version'), limit: 1.3 + milliseconds(20) },
    {
      name: 'render (3 Services)',
      args: svc2ipt('render', '-f', 'fixtures/sample/objects.yaml'),
      limit: milliseconds(100),
    },
    {
      name: `trace --save, by address ${big}`,
      args: svc2ipt('trace', '--save', save, '--from', '10.128.0.9', '--to', '10.64.9.196:80/tcp'),
      limit: milliseconds(400),
    },
    {
      name: `trace --save, by name ${big}`,
      args: svc2ipt('trace', '--save', save, '--from', '10.128.0.9', '--to', service),
      limit: milliseconds(400),
    },
    {
      name: `explain SERVICE --save ${big}`,
      args: svc2ipt('explain', service, '--save', save),
      limit: milliseconds(400),
    },
    {
      name: `explain CHAIN --save ${big}`,
      args: svc2ipt('explain', chain, '--save', save),
      limit: milliseconds(400),
    },
    {
      name: `explain KUBE-MARK-MASQ --save ${big}`,
      args: svc2ipt('explain', 'KUBE-MARK-MASQ', '--save', save),
      limit: milliseconds(1000),
    },
    {
      name: `lint -f ${big}`,
      args: svc2ipt('lint', '-f', objects, '--fail-on', 'never'),
      limit: milliseconds(800),
    },
  ];
}

/** Of all processes that this one has started and that have ended, in milliseconds: `cutime` of proc(5). */
function userTimeOfChildren(): number {
  const afterName = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(afterName[13]) * 10;
}

/** Prints what starts take, and gives the figures that have limits. */
export function startFigures(quick: boolean): readonly Figure[] {
  const runs = quick ? 3 : 15;
  const starts = measureStarts(runs);
  const [empty] = starts;
  const times = (of: number, by: number | undefined) => (by === undefined ? '' : (of / by).toFixed(2));
  const rows = starts.map(({ name, wall, user }) => [
    name,
    wall.toFixed(0),
    times(wall, empty?.wall),
    user.toFixed(0),
    times(user, empty?.user),
  ]);
  console.log(table(['command', 'wall ms', 'times node', 'user ms', 'times node'], rows));
  console.log(`\nMedians of ${runs} runs. Limits are those of a machine where node -e 0 takes ${NODE} ms.`);
  return figuresOf(starts);
}

if (import.meta.main) {
  process.exitCode = tellFigures(startFigures(process.argv.includes('--quick')), {});
}
