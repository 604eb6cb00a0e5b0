/**
 * What a node gains, in one run and at one size: kube-proxy's way of writing rules beside both layouts. `scripts/bench-kernel
 * switching` runs it in a network namespace of its own, some ten minutes, most of it kube-proxy's text; the table of the
 * README is what it prints.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execaSync } from 'execa';
import type { LayoutName } from '../src/api/layout-names.ts';
import { Applier } from '../src/applier/applier.ts';
import { iptablesPrograms } from '../src/applier/programs.ts';
import { isServicePortChain } from '../src/chains/names.ts';
import { IncrementalCompiler } from '../src/compiler/incremental.ts';
import { printTable } from '../src/iptables/print.ts';
import type { Chain, Ruleset, Table } from '../src/iptables/types.ts';
import { changeEndpoint, makeCluster, node, options, sizeName } from './clusters.ts';
import type { Figures } from './layout-figures.ts';
import { publish } from './publish.ts';
import { median, table, time } from './statistics.ts';

const { values: given } = parseArgs({
  options: {
    services: { type: 'string', default: '5000' },
    /** Writes the table into README.md. */
    publish: { type: 'boolean', default: false },
  },
});
const size = { services: Number(given.services), endpoints: 10 };
const CHANGES = 15;
/** Each takes seconds. */
const KUBE_PROXY_CHANGES = 5;

const programs = iptablesPrograms('ipv4', 'nft');

interface Measured {
  /** Milliseconds: from objects to rules in the kernel, and of iptables-restore alone for one changed endpoint. */
  readonly load: number;
  readonly change: number;
}

const flush = () => execaSync('nft', ['flush', 'ruleset']);

/** kube-proxy gives iptables-restore all rules in one transaction; later the chains that all Services share, and those that changed. */
function kubeProxysWay(): Measured {
  const services = new Map(makeCluster(size).services);
  const start = performance.now();
  const compiler = new IncrementalCompiler(node, options);
  compiler.update({ services });
  restore(compiler.ruleset().tables);
  const load = performance.now() - start;
  const changes = [...services].slice(0, KUBE_PROXY_CHANGES).map(([key, entry], round) => {
    services.set(key, changeEndpoint(entry, round));
    const { nat } = compiler.update({ services });
    return time(() => restore(partOf(compiler.ruleset(), nat.changed)));
  });
  return { load, change: median(changes) };
}

function restore(tables: readonly Table[]): void {
  const input = tables.map(printTable).join('');
  execaSync(programs.restore, ['--noflush', '--counters'], { input });
}

/** The chains of the node, as they are written at each change, and chains of Services that changed. */
function partOf({ tables }: Ruleset, changed: readonly Chain[]): Table[] {
  return tables.map(({ name, chains }) => {
    const shared = chains.filter(
      (chain) => !isServicePortChain(chain.name) && !chain.name.startsWith('KUBE-SEP-'),
    );
    const own = changed.filter((chain) => !shared.some((one) => one.name === chain.name));
    return { name, chains: name === 'nat' ? [...shared, ...own] : shared };
  });
}

async function ours(layout: LayoutName): Promise<Measured> {
  const services = new Map(makeCluster(size).services);
  const keys = [...services.keys()];
  const applier = new Applier(programs);
  const start = performance.now();
  const compiler = new IncrementalCompiler(node, { ...options, layout });
  compiler.update({ services });
  await applier.apply(compiler.ruleset());
  const load = performance.now() - start;
  const changes: number[] = [];
  for (let round = 0; round < CHANGES; round++) {
    const key = keys[(round * 7919) % keys.length] ?? '';
    const entry = services.get(key);
    if (!entry) throw new Error(`no ${key}`);
    services.set(key, changeEndpoint(entry, round));
    const { milliseconds } = await applier.applyChanges(compiler.update({ services }), () =>
      compiler.ruleset(),
    );
    changes.push(milliseconds.write);
  }
  return { load, change: median(changes) };
}

/** Connecting was measured by `bench/layouts.ts`. */
async function connecting(layout: LayoutName): Promise<number> {
  const file = join(import.meta.dirname, 'results', 'layouts.json');
  const figures: readonly Figures[] = JSON.parse(await readFile(file, 'utf8'));
  const found = figures.find(
    (one) => one.backend === 'nft' && one.layout === layout && sizeName(one.size) === sizeName(size),
  );
  return found?.connect.last?.p50 ?? Number.NaN;
}

const inWords = (milliseconds: number) =>
  milliseconds < 1000
    ? `${milliseconds.toFixed(0)} ms`
    : milliseconds < 100_000
      ? `${(milliseconds / 1000).toFixed(1)} s`
      : `${(milliseconds / 60_000).toFixed(1)} min`;

flush();
const fast = await ours('fast');
flush();
const same = await ours('kube-proxy');
flush();
const kubeProxy = kubeProxysWay();
flush();

const all = [kubeProxy, same, fast];
const connect = await Promise.all((['kube-proxy', 'kube-proxy', 'fast'] as const).map(connecting));
const text = table(
  [`${sizeName(size)}, iptables-nft`, "kube-proxy's text", 'svc2ipt', 'svc2ipt, fast layout'],
  [
    ['all rules into the kernel', ...all.map(({ load }) => inWords(load))],
    ['one changed endpoint, in iptables-restore', ...all.map(({ change }) => inWords(change))],
    ['connecting through the last Service', ...connect.map((value) => `${value.toFixed(0)} µs`)],
  ],
);
console.log(text);
if (given.publish) await publish('README.md', 'switching', text);
