/**
 * One backend, layout and size, in a process and a network namespace of its own: prints its figures as JSON. Called by
 * `bench/layouts.ts` as `layout-run.ts BACKEND LAYOUT SERVICES ENDPOINTS CLIENT_NAMESPACE`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { z } from 'zod';
import type { ServiceEntry } from '../src/api/cluster.ts';
import type { LayoutName } from '../src/api/layout-names.ts';
import { Applier, type ApplyResult } from '../src/applier/applier.ts';
import { type Backend, iptablesPrograms } from '../src/applier/programs.ts';
import { IncrementalCompiler } from '../src/compiler/incremental.ts';
import { printRuleset } from '../src/iptables/print.ts';
import { changeEndpoint, makeCluster, node, options } from './clusters.ts';
import type { Change, Connecting, Figures, Target } from './layout-figures.ts';
import { median, percentile } from './statistics.ts';

/** What connect.py says. */
const answer = z.object({ times: z.array(z.number()), seconds: z.number() });

const MOVES = 15;
const COMINGS = 5;
const CONNECTIONS = 3000;
const PORT = 8080;

const [backend, layout, services, endpoints, client = ''] = process.argv.slice(2) as [
  Backend,
  LayoutName,
  string,
  string,
  string,
];
const size = { services: Number(services), endpoints: Number(endpoints) };
const cluster = makeCluster(size);
const applier = new Applier(iptablesPrograms('ipv4', backend));

/** The most memory of any process that this one has started, as long as it looks. */
class ChildMemory {
  peak = 0;
  readonly #timer = setInterval(() => this.#look(), 10);

  async #look(): Promise<void> {
    const pids = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').catch(() => '');
    for (const pid of pids.split(' ').filter((pid) => pid !== '')) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      this.peak = Math.max(this.peak, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    }
  }

  stop(): number {
    clearInterval(this.#timer);
    return this.peak;
  }
}

// The endpoints of the Services that are connected to are addresses of this namespace.
const entries = [...cluster.services.values()];
const chosen = [entries.at(0), entries.at(entries.length >> 1), entries.at(-1)].flatMap(
  (entry) => entry ?? [],
);
const pods = chosen.flatMap(({ endpointSlices }) =>
  endpointSlices.flatMap(({ endpoints }) => endpoints.map(({ address }) => address)),
);
// Of one Service, the first is the last, too.
const lines = [...new Set(pods)].map((pod) => `address add ${pod}/32 dev lo\n`);
execaSync('ip', ['-batch', '-'], { input: lines.join('') });
const endpoint = `${pods[0]}:${PORT}`;
const [first = '', middle = '', last = ''] = chosen.map(
  ({ service }) => `${service.clusterIPs[0]}:${service.ports[0]?.port}`,
);

const withoutRules = await measureConnecting(new Map([['without rules', endpoint]]));

const memory = new ChildMemory();
const start = performance.now();
const compiler = new IncrementalCompiler(node, { ...options, layout });
compiler.update(cluster);
await applier.apply(compiler.ruleset());
const coldLoad = performance.now() - start;
const restoreMemory = memory.stop();

const ruleset = compiler.ruleset();
const { rules } = compiler.totals;
const chains = ruleset.tables.reduce((sum, { chains }) => sum + chains.length, 0);
const bytes = printRuleset(ruleset).length;

const withRules = await measureConnecting(
  new Map([
    ['direct', endpoint],
    ['first', first],
    ['middle', middle],
    ['last', last],
  ]),
);

const state = new Map(cluster.services);
const keys = [...state.keys()];

async function change(): Promise<{ total: number; kernel: number; lines: number }> {
  const start = performance.now();
  const result: ApplyResult = await applier.applyChanges(compiler.update({ services: state }), () =>
    compiler.ruleset(),
  );
  const total = performance.now() - start;
  if (result.input.isEmpty) throw new Error('a change must be written');
  return { total, kernel: result.milliseconds.write, lines: result.input.lineCount };
}

function summary(changes: readonly { total: number; kernel: number; lines: number }[]): Change {
  return {
    total: median(changes.map(({ total }) => total)),
    kernel: median(changes.map(({ kernel }) => kernel)),
    lines: Math.max(...changes.map(({ lines }) => lines)),
  };
}

const keyOf = (round: number) => keys[(round * 7919) % keys.length] ?? '';
const entryOf = (key: string): ServiceEntry => {
  const entry = state.get(key);
  if (!entry) throw new Error(`no ${key}`);
  return entry;
};

const moves = [];
for (let round = 0; round < MOVES; round++) {
  const key = keyOf(round);
  state.set(key, changeEndpoint(entryOf(key), round));
  moves.push(await change());
}
const comings = [];
for (let round = 0; round < COMINGS; round++) {
  const key = keyOf(MOVES + round);
  const entry = entryOf(key);
  state.delete(key);
  comings.push(await change());
  state.set(key, entry);
  comings.push(await change());
}

/** From the client's namespace to addresses and ports here, by what they are. */
async function measureConnecting(
  addresses: ReadonlyMap<Target, string>,
): Promise<Partial<Record<Target, Connecting>>> {
  const script = join(import.meta.dirname, 'connect.py');
  const server = execa('python3', [script, 'serve', String(PORT)], { reject: false, buffer: false });
  await new Promise((resolve) => server.stdout.once('data', resolve));
  try {
    const ask = [script, 'ask', String(CONNECTIONS), ...addresses.values()];
    const { stdout } = await execa('ip', ['netns', 'exec', client, 'python3', ...ask]);
    const answers = stdout.split('\n').map((line) => answer.parse(JSON.parse(line)));
    return Object.fromEntries(
      [...addresses.keys()].map((target, i) => {
        const { times = [], seconds = Number.NaN } = answers[i] ?? {};
        return [
          target,
          { p50: median(times), p99: percentile(times, 0.99), perSecond: times.length / seconds },
        ];
      }),
    );
  } finally {
    server.kill('SIGKILL');
    await server;
  }
}

const figures: Figures = {
  backend,
  layout,
  size,
  rules: rules.filter + rules.nat,
  chains,
  bytes,
  coldLoad,
  restoreMemory,
  endpointMoves: summary(moves),
  serviceComesOrGoes: summary(comings),
  connect: { ...withoutRules, ...withRules },
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
