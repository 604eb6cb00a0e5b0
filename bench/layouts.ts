/**
 * Both layouts side by side in this machine's kernel: `scripts/bench-kernel`. Each backend, layout and size is measured
 * in a process and in network namespaces of its own, one after the other. Figures go to `bench/results/layouts.json`,
 * tables and pictures beside it, and the tables to standard output.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import type { Backend } from '../src/applier/host.ts';
import type { LayoutName } from '../src/compiler/options.ts';
import { sizeName } from './clusters.ts';
import type { Figures, Place } from './layout-figures.ts';
import { plots } from './layout-plots.ts';
import { tables } from './layout-tables.ts';

const RESULTS = join(import.meta.dirname, 'results');
const FIGURES = join(RESULTS, 'layouts.json');

const { values: given } = parseArgs({
  options: {
    namespace: { type: 'string', default: `svc2ipt-bench-${process.pid}` },
    backend: { type: 'string', default: 'nft,legacy' },
    layout: { type: 'string', default: 'kube-proxy,fast' },
    sizes: { type: 'string', default: '1x10,1000x10,5000x10,10000x10,20000x10,5000x50' },
    /** Draws and prints what was measured before. */
    report: { type: 'boolean', default: false },
    /** Measures without writing files. */
    'dry-run': { type: 'boolean', default: false },
  },
});

const places: Place[] = given.sizes.split(',').flatMap((text) => {
  const [services = 0, endpoints = 0] = text.split('x').map(Number);
  return given.backend.split(',').flatMap((backend) =>
    given.layout.split(',').map((layout) => ({
      backend: backend as Backend,
      layout: layout as LayoutName,
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

async function measure({ backend, layout, size }: Place): Promise<Figures> {
  process.stderr.write(`${backend}, ${layout} layout, ${sizeName(size)} ...\n`);
  return await withNamespaces(async (node, client) => {
    const run = [
      ...[process.execPath, '--max-old-space-size=8192', join(import.meta.dirname, 'layout-run.ts')],
      ...[backend, layout, String(size.services), String(size.endpoints), client],
    ];
    const { stdout } = await execa('ip', ['netns', 'exec', node, ...run], { stderr: 'inherit' });
    return JSON.parse(stdout);
  });
}

const figures: Figures[] = given.report ? JSON.parse(await readFile(FIGURES, 'utf8')) : [];
if (!given.report) for (const place of places) figures.push(await measure(place));
if (!given['dry-run']) {
  await mkdir(RESULTS, { recursive: true });
  await writeFile(FIGURES, `${JSON.stringify(figures, undefined, 2)}\n`);
  await writeFile(join(RESULTS, 'layouts.md'), tables(figures));
  for (const [name, svg] of plots(figures)) await writeFile(join(RESULTS, `${name}.svg`), svg);
}
process.stdout.write(tables(figures));
