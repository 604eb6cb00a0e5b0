/**
 * What one changed endpoint costs the agent itself, part by part, and what a Service that goes and comes again costs the
 * compiler: `npm run bench:change`. The kernel takes everything at once, so that only our own work counts. Every tenth
 * Service is one of UDP.
 */
import { isDeepStrictEqual } from 'node:util';
import { CheckedServices, healthChecks } from '../src/agent/health/health-check-node-ports.ts';
import { SILENT } from '../src/agent/log.ts';
import { Metrics } from '../src/agent/metrics/metrics.ts';
import { FamilyRules, type RulesInput, type SyncReport } from '../src/agent/sync/family-rules.ts';
import { namespacedName, type ServiceEntry } from '../src/api/cluster.ts';
import { LAYOUT_NAMES, type LayoutName } from '../src/api/layout-names.ts';
import { iptablesPrograms } from '../src/applier/programs.ts';
import type { KernelTables } from '../src/applier/tables.ts';
import { UNWATCHED } from '../src/applier/watch/kernel-watch.ts';
import { IncrementalCompiler } from '../src/compiler/incremental.ts';
import { LiveCluster } from '../src/sources/live-cluster.ts';
import { WHOLE_IPTABLES } from '../test/support/whole-iptables.ts';
import { changeEndpoint, makeCluster, node, options, type Size, sizeName } from './clusters.ts';
import { type Figure, tellFigures } from './figures.ts';
import { median, percentile, table, time } from './statistics.ts';

const SIZES: readonly Size[] = [
  { services: 1_000, endpoints: 10 },
  { services: 5_000, endpoints: 10 },
  { services: 20_000, endpoints: 10 },
];

const WARM_UPS = 200;
const CHANGES = 1_000;

/** Takes all that it is given, and holds nothing. */
const TABLES: KernelTables = {
  read: async () => new Map(),
  list: async () => new Map(),
  glance: async () => undefined,
  async restore(input) {
    for (const _ of input);
  },
};

const PARTS = [
  'the object is taken in',
  'whether there are rules',
  'whether the node is the same',
  'its Service is compiled',
  'where UDP goes',
  'what the rules come to',
  'health check node ports',
  'metrics',
  'in all: compiled, planned, printed, counted',
] as const;

type Part = (typeof PARTS)[number];

function liveCluster(size: Size): LiveCluster {
  const live = new LiveCluster();
  const entries = [...makeCluster(size).services.values()].map((entry, i) =>
    i % 10 === 0 ? udp(entry) : entry,
  );
  live.replaceServices(entries.map(({ service }) => service));
  live.replaceSlices(entries.flatMap(({ endpointSlices }) => endpointSlices));
  return live;
}

async function measure(size: Size): Promise<ReadonlyMap<Part, number[]>> {
  const live = liveCluster(size);
  const input = (): RulesInput => ({ cluster: live.state, node: { ...node }, options: { ...options } });

  const host = { ...iptablesPrograms('ipv4', 'nft'), ...WHOLE_IPTABLES };
  const kernel = {
    tables: TABLES,
    watch: UNWATCHED,
    deleteStaleFlows: async () => 0,
    allowLocalnetRouting: async () => {},
  };
  const rules = new FamilyRules(host, kernel, { dryRun: false, log: SILENT });
  const metrics = new Metrics({ version: '1', families: ['ipv4'], log: SILENT });
  const compiler = new IncrementalCompiler(node, options);
  const checked = new CheckedServices();
  await rules.sync(input());
  compiler.update(live.state);
  healthChecks(checked.of(live.state), node, [options]);

  const times = new Map(PARTS.map((part): [Part, number[]] => [part, []]));
  const keys = [...live.state.services.keys()];
  for (let round = 0; round < WARM_UPS + CHANGES; round++) {
    const took = (part: Part, milliseconds: number) => {
      if (round >= WARM_UPS) times.get(part)?.push(milliseconds);
    };
    const entry = live.state.services.get(keys[(round * 7919) % keys.length] ?? '');
    const [slice] = entry ? changeEndpoint(entry, round).endpointSlices : [];
    if (!slice) throw new Error('a Service of a benchmark has one EndpointSlice');
    took(
      'the object is taken in',
      time(() => live.setSlice(slice)),
    );
    took(
      'whether there are rules',
      time(() => rules.compiled),
    );
    const [before, after] = [input(), input()];
    took(
      'whether the node is the same',
      time(() =>
        isDeepStrictEqual(
          { node: before.node, options: before.options },
          { node: after.node, options: after.options },
        ),
      ),
    );
    took(
      'its Service is compiled',
      time(() => compiler.update(live.state)),
    );
    took(
      'where UDP goes',
      time(() => compiler.udpDestinations()),
    );
    took(
      'what the rules come to',
      time(() => compiler.totals),
    );
    took(
      'health check node ports',
      time(() => healthChecks(checked.of(live.state), node, [options])),
    );
    const start = performance.now();
    const report: SyncReport = await rules.sync(input());
    took('in all: compiled, planned, printed, counted', performance.now() - start);
    const { result, full, flows, totals, milliseconds } = report;
    took(
      'metrics',
      time(() =>
        metrics.synced({ family: 'ipv4', seconds: milliseconds / 1000, full, result, flows, ...totals }),
      ),
    );
  }
  return times;
}

/** Milliseconds that a compiler takes for each Service that goes, and for each that comes again. */
function measureComing(size: Size, layout: LayoutName): number[] {
  const live = liveCluster(size);
  const compiler = new IncrementalCompiler({ ...node, bpf: true }, { ...options, layout });
  compiler.update(live.state);
  const services = [...live.state.services.values()].map(({ service }) => service);
  const took: number[] = [];
  for (let round = 0; round < WARM_UPS + CHANGES; round++) {
    const service = services[((round >> 1) * 7919) % services.length];
    if (!service) throw new Error('a benchmark has Services');
    if (round % 2 === 0) live.deleteService(namespacedName(service));
    else live.setService(service);
    const update = time(() => {
      compiler.update(live.state);
      compiler.udpDestinations();
    });
    if (round >= WARM_UPS) took.push(update);
  }
  return took;
}

/** The same Service, of UDP. */
function udp({ service, endpointSlices }: ServiceEntry): ServiceEntry {
  return {
    service: { ...service, ports: service.ports.map((port) => ({ ...port, protocol: 'UDP' })) },
    endpointSlices: endpointSlices.map((slice) => ({
      ...slice,
      ports: slice.ports.map((port) => ({ ...port, protocol: 'UDP' })),
    })),
  };
}

/** Milliseconds for the compiler, of a Service that comes or goes among 20,000 in the fast layout. */
const LIMIT = 1;

/** Prints what changes cost, and gives the figure that has a limit. */
export async function changeFigures(quick: boolean): Promise<readonly Figure[]> {
  const sizes = quick ? SIZES.slice(2) : SIZES;
  const measured: ReadonlyMap<Part, number[]>[] = [];
  for (const size of sizes) measured.push(await measure(size));
  const ms = (value: number) => value.toFixed(3);
  const columns = sizes.flatMap((size) => [`${sizeName(size)}, ms`, 'p99']);
  const cells = (times: readonly number[]) => [ms(median(times)), ms(percentile(times, 0.99))];
  const parts = PARTS.map((part) => [part, ...measured.flatMap((times) => cells(times.get(part) ?? []))]);
  console.log(table(['one changed endpoint', ...columns], parts));
  console.log();
  const coming = LAYOUT_NAMES.map((layout) => ({
    layout,
    times: sizes.map((size) => measureComing(size, layout)),
  }));
  const rows = coming.map(({ layout, times }) => [`compiled, ${layout} layout`, ...times.flatMap(cells)]);
  console.log(table(['a Service comes or goes', ...columns], rows));
  console.log(`\nMedian and p99 of ${CHANGES}. Node.js ${process.version}.`);
  const largest = coming.find(({ layout }) => layout === 'fast')?.times.at(-1) ?? [];
  const name = `a Service comes or goes, fast layout, ${sizeName({ services: 20_000, endpoints: 10 })}`;
  return [{ name, value: median(largest), unit: 'ms', limit: LIMIT }];
}

if (import.meta.main) process.exitCode = tellFigures(await changeFigures(false), {});
