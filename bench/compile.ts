/**
 * How long compiling takes, and how that grows: part of `npm run bench`. Each size runs in a process of its own, held to one
 * core where `taskset` can do that. A run compiles a cluster from objects in memory and prints it as restore text.
 */
import { execaSync } from 'execa';
import { compile } from '../src/compiler/compile.ts';
import { IncrementalCompiler } from '../src/compiler/incremental.ts';
import { printRuleset, printTable } from '../src/iptables/print.ts';
import type { Ruleset } from '../src/iptables/types.ts';
import { changeEndpoint, makeCluster, node, options, type Size, sizeName } from './clusters.ts';
import { type Figure, tellFigures } from './figures.ts';
import { growth, median, percentile, table, time } from './statistics.ts';

const SIZES: readonly Size[] = [
  { services: 1_000, endpoints: 10 },
  { services: 5_000, endpoints: 10 },
  { services: 10_000, endpoints: 10 },
  { services: 1_000, endpoints: 100 },
];

const WARM_UPS = 8;
const RUNS = 15;
const CHANGES = 1_000;

interface Measurement {
  readonly rules: number;
  readonly bytes: number;
  /** Milliseconds of each run, after warm-up. */
  readonly compile: readonly number[];
  readonly print: readonly number[];
}

function measure(size: Size): Measurement {
  const cluster = makeCluster(size);
  const [compiling, printing]: [number[], number[]] = [[], []];
  let [rules, bytes] = [0, 0];
  for (let run = 0; run < WARM_UPS + RUNS; run++) {
    let ruleset: Ruleset = { family: options.family, tables: [] };
    const compileTime = time(() => {
      ruleset = compile(cluster, node, options);
    });
    let text = '';
    const printTime = time(() => {
      text = printRuleset(ruleset);
    });
    bytes = text.length;
    rules = ruleset.tables
      .flatMap(({ chains }) => chains)
      .reduce((sum, chain) => sum + chain.rules.length, 0);
    if (run >= WARM_UPS) {
      compiling.push(compileTime);
      printing.push(printTime);
    }
  }
  return { rules, bytes, compile: compiling, print: printing };
}

/** A cluster tells its changes, as one does that follows an API server. */
interface Telling {
  readonly service: string | undefined;
  next: Telling | undefined;
}

/** Milliseconds of each changed endpoint: compiling, and printing what changed, after the cluster was compiled once. */
function measureChanges(size: Size): number[] {
  const compiler = new IncrementalCompiler(node, options);
  const services = new Map(makeCluster(size).services);
  const keys = [...services.keys()];
  let lastChange: Telling = { service: undefined, next: undefined };
  compiler.update({ services, lastChange });
  const change: number[] = [];
  for (let round = 0; round < CHANGES + 100; round++) {
    const key = keys[(round * 7919) % keys.length] ?? '';
    const entry = services.get(key);
    if (!entry) continue;
    services.set(key, changeEndpoint(entry, round));
    const told: Telling = { service: key, next: undefined };
    lastChange.next = told;
    lastChange = told;
    const took = time(() => {
      const { nat } = compiler.update({ services, lastChange });
      return printTable({ name: 'nat', chains: nat.changed });
    });
    if (round >= 100) change.push(took);
  }
  return change;
}

/** Megabytes that a process needs at its peak to compile and print a cluster once, Node.js itself among them. */
function measurePeak(size: Size): number {
  printRuleset(compile(makeCluster(size), node, options));
  return process.resourceUsage().maxRSS / 1024;
}

const MEASURES = { times: measure, change: measureChanges, peak: measurePeak } as const;

/** Takes a measure in a process of its own, on one core. */
function apart<M extends keyof typeof MEASURES>(measure: M, size: Size): ReturnType<(typeof MEASURES)[M]> {
  const self = ['node', import.meta.filename, measure, JSON.stringify(size)];
  const canPin = execaSync('taskset', ['-c', '0', 'true'], { reject: false }).exitCode === 0;
  const [command = '', ...args] = canPin ? ['taskset', '-c', '0', ...self] : self;
  return JSON.parse(execaSync(command, args, { stderr: 'inherit' }).stdout);
}

/** Milliseconds, for objects in memory to text, of 5,000 x 10, and for a changed endpoint of 10,000 x 10. */
const LIMITS = { both: 200, change: 1 };

/** Prints what compiling takes, and gives the figures that have limits. */
export function compileFigures(quick: boolean): readonly Figure[] {
  const sizes = quick ? SIZES.slice(1, 3) : SIZES;
  const ms = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
  const measured = sizes.map((size) => ({
    size,
    m: apart('times', size),
    change: apart('change', size),
    peak: apart('peak', size),
  }));
  const total = (m: Measurement) => m.compile.map((value, i) => value + (m.print[i] ?? 0));
  const rows = measured.map(({ size, m, change, peak }) => [
    sizeName(size),
    m.rules.toLocaleString('en'),
    (m.bytes / 1e6).toFixed(1),
    ms(median(m.compile)),
    ms(median(m.print)),
    ms(median(total(m))),
    ms(Math.min(...total(m))),
    ms(median(change)),
    ms(percentile(change, 0.99)),
    peak.toFixed(0),
  ]);
  const head = ['services x endpoints', 'rules', 'MB', 'compile ms', 'print ms', 'both ms', 'best ms'];
  console.log(table([...head, 'change ms', 'p99 ms', 'peak MB'], rows));

  const [five, ten] = [5_000, 10_000].map((services) =>
    measured.find(({ size }) => size.services === services),
  );
  if (!five || !ten) throw new Error('the sizes that have limits are always measured');
  const services: [number, number] = [five.size.services, ten.size.services];
  const exponent = (y: [number, number]) => growth(services, y).toFixed(2);
  console.log(`
From 5,000 to 10,000 services time grows as n^${exponent([median(total(five.m)), median(total(ten.m))])}, a change as \
n^${exponent([median(five.change), median(ten.change)])}, memory as n^${exponent([five.peak, ten.peak])}.
Median of ${RUNS} runs after ${WARM_UPS} warm-up runs; a change: median and p99 of ${CHANGES}. Node.js ${process.version}, one core.`);
  return [
    {
      name: `compile and print, ${sizeName(five.size)}`,
      value: median(total(five.m)),
      unit: 'ms',
      limit: LIMITS.both,
    },
    {
      name: `a changed endpoint, p99, ${sizeName(ten.size)}`,
      value: percentile(ten.change, 0.99),
      unit: 'ms',
      limit: LIMITS.change,
    },
  ];
}

if (import.meta.main) {
  const [name, size] = process.argv.slice(2);
  const measure = Object.entries(MEASURES).find(([known]) => known === name)?.[1];
  if (size === undefined || !measure)
    process.exitCode = tellFigures(compileFigures(process.argv.includes('--quick')), {});
  else console.log(JSON.stringify(measure(JSON.parse(size))));
}
