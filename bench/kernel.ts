/**
 * How fast rules get into this machine's kernel: `scripts/bench-kernel`, which runs this in a network namespace of
 * its own. Everything is measured in one run and told as ratios, since machines differ and are busy.
 */
import { parseArgs } from 'node:util';
import { execaSync } from 'execa';
import { Applier } from '../src/applier/applier.ts';
import { type Backend, iptablesPrograms } from '../src/applier/programs.ts';
import { aboutOf } from '../src/chains/comments.ts';
import { IncrementalCompiler } from '../src/compiler/incremental.ts';
import { printRuleset } from '../src/iptables/print.ts';
import type { Chain, Ruleset } from '../src/iptables/types.ts';
import { changeEndpoint, makeCluster, node, options, type Size, sizeName } from './clusters.ts';
import { type Figure, tellFigures } from './figures.ts';
import { growth, median, table, time } from './statistics.ts';

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** One smaller size less, and fewer runs. */
    quick: { type: 'boolean', default: false },
    save: { type: 'string' },
    against: { type: 'string' },
  },
});

const ENDPOINTS = 10;
/** Of the cold loads; the last is the size of everything else. */
const SIZES = given.quick ? [500, 1_000] : [1_000, 2_000, 5_000];
/** A whole text in one transaction is given up at larger sizes once one took so many milliseconds. */
const PATIENCE_MS = 30_000;
const CHANGES = given.quick ? 10 : 30;
const REPEATS = given.quick ? 2 : 5;

interface BackendFigures {
  readonly cold: ReadonlyMap<number, ColdLoad>;
  /** Milliseconds. */
  readonly changes: readonly number[];
  readonly minimalRestore: readonly number[];
  readonly unchanged: readonly number[];
  readonly save: readonly number[];
  readonly takenOver: TakenOver;
  readonly cleanup: { readonly total: number; readonly write: number };
}

/** The same rules, those of all Services in another order, as kube-proxy leaves them. */
interface TakenOver {
  /** Milliseconds. */
  readonly times: readonly number[];
  /** That were given to iptables-restore. */
  readonly lines: number;
}

interface ColdLoad {
  /** Milliseconds from objects in memory to rules in the kernel. */
  readonly ours: number;
  /** Milliseconds for kube-proxy's text; undefined where it would take too long. */
  readonly whole: number | undefined;
}

async function measure(backend: Backend): Promise<BackendFigures> {
  const cold = new Map<number, ColdLoad>();
  let patient = true;
  for (const services of SIZES) {
    const whole: number | undefined = patient
      ? loadWhole(backend, { services, endpoints: ENDPOINTS })
      : undefined;
    // Its time grows as the cube of the size on nft, so the next size would be far beyond.
    patient = whole !== undefined && whole < PATIENCE_MS / 2;
    const ours = await loadCold(backend, { services, endpoints: ENDPOINTS });
    cold.set(services, { ours, whole });
  }
  const size = { services: SIZES.at(-1) ?? 0, endpoints: ENDPOINTS };
  return { cold, ...(await measureLoaded(backend, size)) };
}

/** kube-proxy's way: everything in one transaction. */
function loadWhole(backend: Backend, size: Size): number {
  const { restore } = iptablesPrograms('ipv4', backend);
  const compiler = new IncrementalCompiler(node, options);
  compiler.update(makeCluster(size));
  const input = printRuleset(compiler.ruleset());
  progress(`${backend}, ${sizeName(size)}: kube-proxy's text`);
  const took = time(() => execaSync(restore, ['--noflush', '--counters'], { input }));
  flush(backend);
  return took;
}

async function loadCold(backend: Backend, size: Size): Promise<number> {
  const cluster = makeCluster(size);
  progress(`${backend}, ${sizeName(size)}: cold load`);
  const start = performance.now();
  const compiler = new IncrementalCompiler(node, options);
  compiler.update(cluster);
  await new Applier(iptablesPrograms('ipv4', backend)).apply(compiler.ruleset());
  const took = performance.now() - start;
  flush(backend);
  return took;
}

async function measureLoaded(backend: Backend, size: Size) {
  const programs = iptablesPrograms('ipv4', backend);
  const services = new Map(makeCluster(size).services);
  const compiler = new IncrementalCompiler(node, options);
  compiler.update({ services });
  const applier = new Applier(programs);
  await applier.apply(compiler.ruleset());

  progress(`${backend}, ${sizeName(size)}: changed endpoints`);
  const keys = [...services.keys()];
  const changes: number[] = [];
  const minimalRestore: number[] = [];
  for (let round = 0; round < CHANGES; round++) {
    const key = keys[(round * 7919) % keys.length] ?? '';
    const entry = services.get(key);
    if (!entry) continue;
    services.set(key, changeEndpoint(entry, round));
    const start = performance.now();
    const result = await applier.applyChanges(compiler.update({ services }), () => compiler.ruleset());
    changes.push(performance.now() - start);
    if (result.input.isEmpty) throw new Error('a changed endpoint must be written');
    // The least that any program can do to this table.
    const input = '*nat\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n';
    minimalRestore.push(time(() => execaSync(programs.restore, ['--noflush'], { input })));
  }

  progress(`${backend}, ${sizeName(size)}: unchanged`);
  const unchanged: number[] = [];
  const save: number[] = [];
  for (let round = 0; round < REPEATS; round++) {
    save.push(time(() => execaSync(programs.save, ['--counters'], { stdout: 'ignore' })));
    const start = performance.now();
    const result = await new Applier(programs).apply(compiler.ruleset());
    unchanged.push(performance.now() - start);
    if (!result.input.isEmpty) throw new Error('an unchanged cluster must not be written');
  }

  const takenOver = await takeOver(backend, size, compiler.ruleset());

  progress(`${backend}, ${sizeName(size)}: cleanup`);
  const start = performance.now();
  const { milliseconds } = await new Applier(programs).cleanup();
  const cleanup = { total: performance.now() - start, write: milliseconds.write };
  return { changes, minimalRestore, unchanged, save, takenOver, cleanup };
}

async function takeOver(backend: Backend, size: Size, ruleset: Ruleset): Promise<TakenOver> {
  progress(`${backend}, ${sizeName(size)}: taken over`);
  const programs = iptablesPrograms('ipv4', backend);
  flush(backend);
  await new Applier(programs).apply(inOtherOrder(ruleset));
  const times: number[] = [];
  let lines = 0;
  for (let round = 0; round < REPEATS; round++) {
    const start = performance.now();
    const { input } = await new Applier(programs).apply(ruleset);
    times.push(performance.now() - start);
    lines += input.lineCount;
  }
  return { times, lines };
}

/** The Services visited in another order; what comes behind them stays there. */
function inOtherOrder({ family, tables }: Ruleset): Ruleset {
  const reorder = (chain: Chain): Chain => {
    if (chain.name !== 'KUBE-SERVICES') return chain;
    const ofServices = chain.rules.filter((rule) => aboutOf(rule));
    const rest = chain.rules.filter((rule) => !aboutOf(rule));
    const places = ofServices.map((rule, i) => ({ rule, place: (i * 7919) % ofServices.length }));
    const reordered = places.sort((a, b) => a.place - b.place).map(({ rule }) => rule);
    return { ...chain, rules: [...reordered, ...rest] };
  };
  return { family, tables: tables.map(({ name, chains }) => ({ name, chains: chains.map(reorder) })) };
}

/** Empties the tables in whatever way is quickest; not measured. */
function flush(backend: Backend): void {
  if (backend === 'nft') execaSync('nft', ['flush', 'ruleset']);
  else
    for (const name of ['nat', 'filter', 'mangle']) {
      execaSync('iptables-legacy-restore', [], { input: `*${name}\nCOMMIT\n` });
    }
}

function progress(what: string): void {
  process.stderr.write(`${what} ...\n`);
}

function report(figures: ReadonlyMap<Backend, BackendFigures>): void {
  const ms = (value: number | undefined) =>
    value === undefined
      ? 'too long'
      : value < 1000
        ? `${value.toFixed(0)} ms`
        : `${(value / 1000).toFixed(1)} s`;
  const times = (value: number) => `${value.toFixed(2)} x`;
  const coldRows = [...figures].flatMap(([backend, { cold }]) =>
    [...cold].map(([services, { ours, whole }]) => [
      `${backend}, ${sizeName({ services, endpoints: ENDPOINTS })}`,
      ms(ours),
      ms(whole),
      whole === undefined ? '' : times(whole / ours),
    ]),
  );
  console.log(table(['cold load', 'svc2ipt', "kube-proxy's text", 'ratio'], coldRows));
  for (const [backend, { cold }] of figures) {
    const points = [SIZES[0] ?? 0, SIZES.at(-1) ?? 0] as const;
    const [first, last] = points.map((services) => cold.get(services)?.ours ?? 0);
    console.log(
      `${backend}: from ${points[0]} to ${points[1]} services as n^${growth(points, [first ?? 0, last ?? 0]).toFixed(2)}`,
    );
  }
  const size = sizeName({ services: SIZES.at(-1) ?? 0, endpoints: ENDPOINTS });
  const rows = [...figures].flatMap(([backend, f]) => [
    [
      `${backend}: one changed endpoint, object to kernel`,
      ms(median(f.changes)),
      ms(median(f.minimalRestore)),
      times(median(f.changes) / median(f.minimalRestore)),
    ],
    [
      `${backend}: unchanged, read and compared`,
      ms(median(f.unchanged)),
      ms(median(f.save)),
      times(median(f.unchanged) / median(f.save)),
    ],
    [
      `${backend}: taken over, ${f.takenOver.lines} lines written`,
      ms(median(f.takenOver.times)),
      ms(median(f.save)),
      times(median(f.takenOver.times) / median(f.save)),
    ],
    [`${backend}: cleanup`, ms(f.cleanup.total), ms(f.cleanup.write), ''],
  ]);
  console.log(
    `\n${table([`at ${size}`, 'svc2ipt', 'beside it', 'ratio'], rows)}

Beside a change: the smallest possible iptables-restore on the same table. Beside the unchanged cluster, and the one that
is taken over: iptables-save alone. Beside cleanup: its writing alone, without iptables-save. Medians of ${CHANGES} changes and ${REPEATS} readings.`,
  );
}

/** What each may be at most; milliseconds where it is no ratio. */
function limited(
  backend: Backend,
  { cold, changes, minimalRestore, unchanged, save, cleanup }: BackendFigures,
): Figure[] {
  const [first, last] = [SIZES[0] ?? 0, SIZES.at(-1) ?? 0];
  const ours = (services: number) => cold.get(services)?.ours ?? Number.NaN;
  // The largest size at which kube-proxy's text was waited for.
  const [compared, both] = [...cold].findLast(([, { whole }]) => whole !== undefined) ?? [];
  const what = (name: string, services = last) =>
    `${backend}, ${sizeName({ services, endpoints: ENDPOINTS })}: ${name}`;
  const isNft = backend === 'nft';
  const change = median(changes);
  return [
    {
      name: what('cold load', compared),
      value: (both?.ours ?? Number.NaN) / (both?.whole ?? Number.NaN),
      unit: "times kube-proxy's text",
      limit: isNft && compared === 2_000 ? 0.1 : undefined,
    },
    {
      name: `${backend}: cold load grows as n to the power of`,
      value: growth([first, last], [ours(first), ours(last)]),
      unit: '',
      limit: 1.3,
    },
    isNft
      ? { name: what('one changed endpoint'), value: change, unit: 'ms', limit: 150 }
      : {
          name: what('one changed endpoint'),
          value: change / median(minimalRestore),
          unit: 'times the smallest restore',
          limit: 1.2,
        },
    {
      name: what('unchanged, but for 150 ms'),
      value: Math.max(median(unchanged) - 150, 0) / median(save),
      unit: 'times iptables-save',
      limit: 1.5,
    },
    { name: what('cleanup'), value: cleanup.total, unit: 'ms', limit: isNft ? 2_000 : undefined },
  ];
}

const [only] = positionals;
const backends: readonly Backend[] = only === 'nft' || only === 'legacy' ? [only] : ['nft', 'legacy'];
const figures = new Map<Backend, BackendFigures>();
for (const backend of backends) figures.set(backend, await measure(backend));
report(figures);
console.log();
process.exitCode = tellFigures(
  [...figures].flatMap(([backend, measured]) => limited(backend, measured)),
  given,
);
