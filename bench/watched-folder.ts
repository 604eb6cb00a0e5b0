/**
 * How long a change of one file in a watched folder takes, from writing the file to the plan of the changed Service:
 * `npm run bench:folder`. Each size runs in a process of its own, in a folder with one file for each Service and its
 * EndpointSlice. Beside it, in the same process, everything is read and compiled anew.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execaSync } from 'execa';
import { stringify } from 'yaml';
import type { ClusterState } from '../src/api/cluster.ts';
import { compile } from '../src/compiler/compile.ts';
import { IncrementalCompiler } from '../src/compiler/incremental.ts';
import { ClusterAssembler, DEFAULT_SERVICE_RANGES, loadCluster } from '../src/sources/cluster.ts';
import { listManifests, readSource, readSources } from '../src/sources/files.ts';
import { type ParsedSource, parseSource } from '../src/sources/object-index.ts';
import { WatchedFolder } from '../src/sources/watched-folder.ts';
import { makeCluster, node, options, type Size } from './clusters.ts';
import { tellFigures } from './figures.ts';
import { manifestsOf } from './manifests.ts';
import { growth, median, percentile, table, time } from './statistics.ts';

const SIZES: readonly Size[] = [
  { services: 1_000, endpoints: 10 },
  { services: 5_000, endpoints: 10 },
  { services: 10_000, endpoints: 10 },
];

const WARM_UPS = 5;
const RUNS = 30;
const ANEW_RUNS = 3;

/** To reach at 5,000 Services, milliseconds. */
const LIMIT = 150;

const LOADING = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false };

/** Milliseconds of each run. */
interface Measurement {
  /** From before a file is written to the end of IncrementalCompiler.update. */
  readonly change: readonly number[];
  /** What a change, and everything anew, takes of the main thread; the rest is waiting and other programs. */
  readonly changeCPU: readonly number[];
  readonly anewCPU: readonly number[];
  /** Of a change, what its parts take by themselves: reading and parsing the file, putting all together, compiling. */
  readonly parse: readonly number[];
  readonly assemble: readonly number[];
  readonly update: readonly number[];
  /** Putting all together where every Service waits for its cluster IP. */
  readonly assign: readonly number[];
  /** Asking the file system for all files, as happens every ten seconds. */
  readonly list: readonly number[];
  /** Everything read, loaded and compiled. */
  readonly anew: readonly number[];
}

async function measure(size: Size): Promise<Measurement> {
  const folder = await mkdtemp(join(tmpdir(), 'svc2ipt-bench-'));
  try {
    for (const [key, entry] of makeCluster(size).services) {
      const list: { items: unknown[] } = JSON.parse(manifestsOf({ services: new Map([[key, entry]]) }));
      const text = list.items.map((item) => stringify(item)).join('---\n');
      await writeFile(join(folder, `${entry.service.name}.yaml`), text);
    }
    return { ...(await measureChanges(folder)), ...(await measureParts(folder)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A text with its last endpoint moved to another address, the `round`th time. */
function moveEndpoint(text: string, round: number): string {
  return text.replace(/ {6}- .*(?=\n.*nodeName.*\nports)/, `      - 10.0.${round >> 8}.${round & 255}`);
}

/** Milliseconds of the main thread so far. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

type Changes = Pick<Measurement, 'change' | 'changeCPU' | 'anew' | 'anewCPU'>;

async function measureChanges(folder: string): Promise<Changes> {
  const compiler = new IncrementalCompiler(node, options);
  let updated = Promise.withResolvers<number>();
  const changed = () => {
    const { nat } = compiler.update(watched.cluster);
    if (nat.changed.length === 0) throw new Error('a change of an endpoint changes no rules');
    updated.resolve(performance.now());
  };
  const fail = (message: string) => updated.reject(new Error(message));
  const watched = new WatchedFolder(folder, LOADING, { changed, invalid: fail, warned: fail });
  const stop = new AbortController();
  const running = watched.run(stop.signal);
  await updated.promise;

  const { files } = await listManifests(folder);
  const [change, changeCPU]: [number[], number[]] = [[], []];
  for (let round = 0; round < WARM_UPS + RUNS; round++) {
    const path = files[(round * 7919) % files.length]?.path ?? folder;
    const text = moveEndpoint(await readFile(path, 'utf8'), round);
    await sleep(200);
    updated = Promise.withResolvers();
    const [start, startCPU] = [performance.now(), cpu()];
    await writeFile(path, text);
    const took = (await updated.promise) - start;
    if (round < WARM_UPS) continue;
    change.push(took);
    changeCPU.push(cpu() - startCPU);
  }
  stop.abort();
  await running;

  const [anew, anewCPU]: [number[], number[]] = [[], []];
  for (let run = 0; run < ANEW_RUNS; run++) {
    const [start, startCPU] = [performance.now(), cpu()];
    compile(loadCluster(await readSources([folder]), LOADING).cluster, node, options);
    anew.push(performance.now() - start);
    anewCPU.push(cpu() - startCPU);
  }
  return { change, changeCPU, anew, anewCPU };
}

async function measureParts(folder: string): Promise<Omit<Measurement, keyof Changes>> {
  const { files } = await listManifests(folder);
  const sources = await Promise.all(files.map(({ path }) => readSource(path)));
  const unassigned = sources.map(({ name, text }) => ({
    name,
    text: text.replace(/ {2}clusterIP: .*\n/, ''),
  }));
  const [parse, assemble, update, list]: [number[], number[], number[], number[]] = [[], [], [], []];
  const assembler = new ClusterAssembler(LOADING);
  const compiler = new IncrementalCompiler(node, options);
  let parsed: readonly ParsedSource[] = sources.map((source) => parseSource(source));
  compiler.update(assembler.assemble(parsed).cluster);
  for (let round = 0; round < WARM_UPS + RUNS; round++) {
    const index = (round * 7919) % sources.length;
    const start = performance.now();
    const { name, text } = await readSource(files[index]?.path ?? folder);
    const changed = parseSource({ name, text: moveEndpoint(text, 1000 + round) });
    const parseTime = performance.now() - start;
    parsed = parsed.with(index, changed);
    let cluster: ClusterState = { services: new Map() };
    const assembleTime = time(() => {
      cluster = assembler.assemble(parsed).cluster;
    });
    const updateTime = time(() => compiler.update(cluster));
    const listStart = performance.now();
    await listManifests(folder);
    if (round < WARM_UPS) continue;
    list.push(performance.now() - listStart);
    parse.push(parseTime);
    assemble.push(assembleTime);
    update.push(updateTime);
  }
  return { parse, assemble, update, list, assign: measureAssigning(unassigned) };
}

/** Each time one Service gets another port. */
function measureAssigning(sources: readonly { readonly name: string; readonly text: string }[]): number[] {
  const assembler = new ClusterAssembler(LOADING);
  let parsed: readonly ParsedSource[] = sources.map((source) => parseSource(source));
  assembler.assemble(parsed);
  const assign: number[] = [];
  for (let round = 0; round < WARM_UPS + RUNS; round++) {
    const index = (round * 7919) % sources.length;
    const { name = '', text = '' } = sources[index] ?? {};
    const changed = text.replace('port: 80\n', `port: ${1000 + round}\n`);
    parsed = parsed.with(index, parseSource({ name, text: changed }));
    const took = time(() => assembler.assemble(parsed));
    if (round >= WARM_UPS) assign.push(took);
  }
  return assign;
}

function report(): void {
  const measured = SIZES.map((size) => {
    const run = execaSync('node', [import.meta.filename, JSON.stringify(size)], { stderr: 'inherit' });
    const m: Measurement = JSON.parse(run.stdout);
    return { size, m };
  });
  const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
  const rows = measured.map(({ size, m }) => [
    size.services.toLocaleString('en'),
    ms(median(m.change)),
    ms(Math.min(...m.change)),
    ms(percentile(m.change, 0.99)),
    ms(median(m.changeCPU)),
    ...[m.parse, m.assemble, m.update, m.assign, m.list].map((times) => ms(median(times))),
    ms(median(m.anew)),
    ms(median(m.anewCPU)),
    (median(m.anewCPU) / median(m.changeCPU)).toFixed(0),
  ]);
  const head = [
    'files',
    'change ms',
    'best',
    'worst',
    'CPU',
    'parse',
    'assemble',
    'update',
    'assign',
    'list',
  ];
  console.log(table([...head, 'anew ms', 'CPU', 'ratio'], rows));
  const [, five, ten] = measured;
  if (!five || !ten) return;
  const services: [number, number] = [five.size.services, ten.size.services];
  const exponent = growth(services, [median(five.m.changeCPU), median(ten.m.changeCPU)]).toFixed(2);
  console.log(`
From 5,000 to 10,000 files the CPU time of a change grows as n^${exponent}.
Median, best and worst of ${RUNS} changes after ${WARM_UPS}; anew: median of ${ANEW_RUNS}; CPU: of the main thread. Node.js ${process.version}.`);
  const figure = {
    name: 'a changed file, 5,000 files',
    value: median(five.m.change),
    unit: 'ms',
    limit: LIMIT,
  };
  process.exitCode = tellFigures([figure], {});
}

const [size] = process.argv.slice(2);
if (size === undefined) report();
else console.log(JSON.stringify(await measure(JSON.parse(size))));
