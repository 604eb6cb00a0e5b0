/**
 * Both layouts side by side in this machine's kernel: `scripts/bench-kernel`. Each backend, layout and size is measured
 * in a process and in network namespaces of its own, one after the other. Figures of all go to
 * `bench/results/layouts.json`, tables and pictures beside it, the most important ones to BENCHMARKS.md, and all tables
 * to standard output. Of a part, only tables are printed, so that it never replaces the whole.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { layoutNameSchema } from '../src/api/fields.ts';
import { LAYOUT_NAMES } from '../src/api/layout-names.ts';
import type { Backend } from '../src/applier/programs.ts';
import { sizeName } from './clusters.ts';
import { figuresAsText, tellFigures } from './figures.ts';
import { type Figures, limitedFigures, type Place } from './layout-figures.ts';
import { plots } from './layout-plots.ts';
import { disturbances, summary, tables } from './layout-tables.ts';
import { publish } from './publish.ts';

const RESULTS = join(import.meta.dirname, 'results');
const ALL = {
  backend: 'nft,legacy',
  layout: LAYOUT_NAMES.join(','),
  sizes: '1x10,1000x10,5000x10,10000x10,20000x10,5000x50',
};

const { values: given } = parseArgs({
  options: {
    namespace: { type: 'string', default: `svc2ipt-bench-${process.pid}` },
    backend: { type: 'string', default: ALL.backend },
    layout: { type: 'string', default: ALL.layout },
    sizes: { type: 'string', default: ALL.sizes },
    /** A folder for the files, of a part, too. */
    output: { type: 'string' },
    /** Draws and prints what was measured before. */
    report: { type: 'boolean', default: false },
    save: { type: 'string' },
    against: { type: 'string' },
  },
});

const places: Place[] = given.sizes.split(',').flatMap((text) => {
  const [services = 0, endpoints = 0] = text.split('x').map(Number);
  return given.backend.split(',').flatMap((backend) =>
    given.layout.split(',').map((layout) => ({
      backend: backend as Backend,
      layout: layoutNameSchema.parse(layout),
      size: { services, endpoints },
    })),
  );
});

/** A node with a client beside it, whose address is one of a pod's. */
async function withNamespaces<T>(work: (node: string, client: string) => Promise<T>): Promise<T> {
  const [node, client] = [`${given.namespace}-node`, `${given.namespace}-client`];
  const ip = (command: string) => execa('ip', command.split(' '));
  try {
    await ip(`netns add ${node}`);
    await ip(`netns add ${client}`);
    await ip(`-n ${node} link set lo up`);
    await ip(`-n ${client} link add pod0 type veth peer name pod0 netns ${node}`);
    await ip(`-n ${node} address add 10.200.0.1/24 dev pod0`);
    await ip(`-n ${client} address add 10.200.0.2/24 dev pod0`);
    await ip(`-n ${node} link set pod0 up`);
    await ip(`-n ${client} link set pod0 up`);
    await ip(`-n ${client} route add default via 10.200.0.1`);
    return await work(node, client);
  } finally {
    for (const name of [node, client]) await execa('ip', ['netns', 'delete', name], { reject: false });
  }
}

async function measure({ backend, layout, size }: Place, i: number): Promise<Figures> {
  const name = `${backend}, ${layout} layout, ${sizeName(size)}`;
  process.stderr.write(`${i + 1} of ${places.length}: ${name} ...\n`);
  return await withNamespaces(async (node, client) => {
    const run = [
      ...[process.execPath, '--max-old-space-size=8192', join(import.meta.dirname, 'layout-run.ts')],
      ...[backend, layout, String(size.services), String(size.endpoints), client],
    ];
    const { stdout } = await execa('ip', ['netns', 'exec', node, ...run], { stderr: 'inherit' });
    return JSON.parse(stdout);
  });
}

/** The figures as files in a folder. */
async function write(folder: string, figures: readonly Figures[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'layouts.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
  await writeFile(join(folder, 'layouts.md'), `${disturbances(figures)}${tables(figures)}`);
  for (const [name, svg] of plots(figures)) await writeFile(join(folder, `${name}.svg`), svg);
}

// A terminal that is closed or a `kill` ends what was started here as well; scripts/bench-kernel removes the namespaces.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const isWhole = given.backend === ALL.backend && given.layout === ALL.layout && given.sizes === ALL.sizes;
const folder = given.output ?? (isWhole ? RESULTS : undefined);
const figures: Figures[] = given.report
  ? JSON.parse(await readFile(join(given.output ?? RESULTS, 'layouts.json'), 'utf8'))
  : [];
if (!given.report) for (const [i, place] of places.entries()) figures.push(await measure(place, i));
if (folder !== undefined) await write(folder, figures);
const limited = limitedFigures(figures);
const inShort = `${summary(figures)}\n\n${disturbances(figures)}`;
if (folder === RESULTS)
  await publish(
    'BENCHMARKS.md',
    'layouts',
    `${inShort}${figuresAsText(limited.filter(({ limit }) => limit !== undefined))}`,
  );
process.stdout.write(`${inShort}${tables(figures)}\n`);
process.exitCode = tellFigures(limited, given);
