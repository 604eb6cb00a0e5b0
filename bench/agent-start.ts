/**
 * How long the agent takes from the start of its process to all rules in the kernel, and what it costs:
 * `scripts/bench-kernel start`, which runs this in a network namespace of its own. An API server is beside it in a process of
 * its own, over TLS; the bare load of the same rules, by iptables-restore into empty tables, is in the same run.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa, execaSync } from 'execa';
import { layoutNameSchema } from '../src/api/fields.ts';
import { type Backend, iptablesPrograms } from '../src/applier/programs.ts';
import { CLUSTER_CIDR, NODE } from './api-objects.ts';
import { type Figure, tellFigures } from './figures.ts';
import { median, table } from './statistics.ts';

const { values: given } = parseArgs({
  options: {
    backend: { type: 'string', default: 'nft' },
    layout: { type: 'string', default: 'fast' },
    sizes: { type: 'string', default: '5000x10' },
    runs: { type: 'string', default: '3' },
    idle: { type: 'string', default: '0' },
    agent: { type: 'string', default: join(import.meta.dirname, '..', 'dist', 'cli', 'main.js') },
    flags: { type: 'string', default: '' },
    save: { type: 'string' },
    against: { type: 'string' },
    /** Prints the agent's log, with milliseconds since the start of the process. */
    log: { type: 'boolean', default: false },
  },
});
const backend = given.backend as Backend;
const layout = layoutNameSchema.parse(given.layout);

/** What a start may take at most, as times of the bare load of the same rules in the same run. */
const BARE_LOADS = 2.2;

/**
 * What a start may take at most on a machine with 2 cores that loads the rules of 5,000 x 10 in the fast layout in 1.1 s on nft:
 * seconds from its process to all rules, with nothing to write, of processor time, and MB with all children.
 */
const LIMITS: Readonly<
  Record<string, Readonly<Partial<Record<'start' | 'again' | 'processor' | 'peak', number>>>>
> = {
  'fast 10x10': { peak: 90 },
  'fast 5000x10': { start: 2.5, again: 2, processor: 3, peak: 160 },
  'fast 20000x10': { start: 8, peak: 300 },
  'fast 5000x50': { start: 6.5, peak: 300 },
  'kube-proxy 5000x10': { start: 3 },
};

/** What that machine takes for the bare load of this size in the fast layout on nft, in seconds. */
const PACE = { size: '5000x10', seconds: 1.1 };

/** Seconds. */
const SMALL = 0.2;

/** What an agent may take while nothing changes, in percent of a core. */
const IDLE = 0.1;

/** Hundredths of a second, in which Linux counts processor time. */
const TICKS = 100;

/** What a process and the children it has waited for have used, in seconds. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / TICKS;
}

/** Resident memory of a process and all that it has started, in MB. One that it is about to start still shares its own. */
function memoryOfTree(pid: number): number {
  const residents = new Map<number, { parent: number; kilobytes: number; command: string }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      residents.set(Number(name), { parent: of('PPid'), kilobytes: of('VmRSS'), command });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOurs = (one: number): boolean =>
    one === pid || (one > 1 && isOurs(residents.get(one)?.parent ?? 0));
  const own = residents.get(pid)?.command;
  const counted = [...residents].filter(
    ([one, { command }]) => isOurs(one) && (one === pid || command !== own),
  );
  return Math.round(counted.reduce((sum, [, { kilobytes }]) => sum + kilobytes, 0) / 1024);
}

interface Started {
  readonly seconds: number;
  readonly processor: number;
  readonly peak: number;
  readonly later: number;
  /** Share of a core while nothing changes, in percent. */
  readonly idle: number | undefined;
  readonly log: readonly string[];
}

async function start(kubeconfig: string, idleSeconds = 0): Promise<Started> {
  const begun = performance.now();
  const agent = execa(
    process.execPath,
    [
      ...given.flags.split(' ').filter((flag) => flag !== ''),
      ...[given.agent, 'agent', '--kubeconfig', kubeconfig, '--hostname-override', NODE],
      ...['--cluster-cidr', CLUSTER_CIDR, '--backend', backend, '--layout', layout],
      ...['--conntrack-max-per-core', '0', '--oom-score-adj', '0', '-v', '4'],
    ],
    { stdin: 'ignore', stdout: 'ignore', reject: false, buffer: false },
  );
  const pid = agent.pid ?? 0;
  const log: string[] = [];
  const done = Promise.withResolvers<void>();
  const ready = new Set<string>();
  agent.stderr.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      log.push(`${(performance.now() - begun).toFixed(0).padStart(6)} ${line}`);
      const family = /Rules are in the kernel" family="(\w+)"/.exec(line)?.[1];
      if (family !== undefined) ready.add(family);
    }
    if (ready.has('ipv4') && ready.has('ipv6')) done.resolve();
  });
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, memoryOfTree(pid));
  }, 100);
  await Promise.race([done.promise, agent.then(() => Promise.reject(new Error(log.join('\n'))))]);
  const seconds = (performance.now() - begun) / 1000;
  const processor = processorTime(pid);
  await sleep(2000);
  clearInterval(sampler);
  const hwm = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  let idle: number | undefined;
  if (idleSeconds > 0) {
    await sleep(20_000);
    const before = processorTime(pid);
    await sleep(idleSeconds * 1000);
    idle = ((processorTime(pid) - before) / idleSeconds) * 100;
  }
  const later = memoryOfTree(pid);
  agent.kill('SIGTERM');
  await agent;
  return { seconds, processor, peak: Math.max(peak, Math.round(hwm)), later, idle, log };
}

function flush(backend: Backend): void {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const { iptables } = iptablesPrograms(family, backend);
    for (const name of ['nat', 'filter', 'mangle', 'raw']) {
      execaSync(iptables, ['-t', name, '-F']);
      execaSync(iptables, ['-t', name, '-X']);
    }
  }
}

/** Seconds for the bare load of what is in the kernel into empty tables, and of the same into those of iptables-nft. */
function bareLoads(): { readonly own: number; readonly nft: number } {
  const { stdout } = execaSync(iptablesPrograms('ipv4', backend).save);
  const loadInto = (other: Backend) => {
    flush(other);
    const begun = performance.now();
    execaSync(iptablesPrograms('ipv4', other).restore, [], { input: stdout });
    return (performance.now() - begun) / 1000;
  };
  const own = loadInto(backend);
  if (backend === 'nft') return { own, nft: own };
  flush(backend);
  const nft = loadInto('nft');
  flush('nft');
  return { own, nft };
}

/** Seconds that have a limit, as they would be on the machine that the limits are for. */
function atPaceOf(figures: readonly Figure[], pace: number | undefined): Figure[] {
  if (pace === undefined) return [];
  return figures
    .filter(({ unit, limit }) => unit === 's' && limit !== undefined)
    .map((figure) => ({
      ...figure,
      name: `${figure.name}, where the bare load${backend === 'nft' ? '' : ' on nft'} takes ${PACE.seconds} s`,
      value: figure.value * pace,
    }));
}

const folder = mkdtempSync(join(tmpdir(), 'svc2ipt-bench-'));
let server: ChildProcess | undefined;
try {
  const rows: string[][] = [];
  const figures: Figure[] = [];
  let pace: number | undefined;
  for (const size of given.sizes.split(',')) {
    server = fork(join(import.meta.dirname, 'api-server.ts'), size.split('x'), { execArgv: [] });
    const [kubeconfig] = await once(server, 'message');
    const file = join(folder, 'kubeconfig');
    writeFileSync(file, String(kubeconfig));
    const cold: Started[] = [];
    const bare: { own: number; nft: number }[] = [];
    const again: Started[] = [];
    for (let run = 0; run < Number(given.runs); run++) {
      flush(backend);
      cold.push(await start(file, Number(given.idle)));
      again.push(await start(file));
      bare.push(bareLoads());
    }
    if (given.log) console.log([...(cold.at(-1)?.log ?? []), '', ...(again.at(-1)?.log ?? [])].join('\n'));
    const of = (all: readonly Started[], field: 'seconds' | 'processor' | 'peak' | 'later') =>
      median(all.map((one) => one[field]));
    const load = median(bare.map(({ own }) => own));
    const limits = LIMITS[`${layout} ${size}`] ?? {};
    for (const [name, all, limit] of [
      ['start', cold, BARE_LOADS],
      ['start again', again, undefined],
    ] as const) {
      const what = `${backend}, ${layout} layout, ${size}: ${name}`;
      // Of the smallest sets of rules, the load is little beside what Node.js takes to start.
      const isSmall = load < SMALL;
      figures.push(
        {
          name: what,
          value: of(all, 'seconds') / load,
          unit: 'times bare',
          limit: isSmall ? undefined : limit,
        },
        {
          name: `${what}, seconds`,
          value: of(all, 'seconds'),
          unit: 's',
          limit: name === 'start' ? limits.start : limits.again,
        },
        {
          name: `${what}, processor`,
          value: of(all, 'processor'),
          unit: 's',
          limit: name === 'start' ? limits.processor : undefined,
        },
        { name: `${what}, peak`, value: of(all, 'peak'), unit: 'MB', limit: limits.peak },
      );
      const most = Math.max(...all.map(({ idle = Number.NaN }) => idle));
      if (!Number.isNaN(most))
        figures.push({ name: `${what}, idle`, value: most, unit: '% of a core', limit: IDLE });
      rows.push([
        `${size}, ${name}`,
        of(all, 'seconds').toFixed(2),
        of(all, 'processor').toFixed(2),
        load.toFixed(2),
        (of(all, 'seconds') / load).toFixed(2),
        String(of(all, 'peak')),
        String(of(all, 'later')),
        all.map(({ idle }) => idle?.toFixed(2) ?? '-').join(' '),
      ]);
    }
    if (layout === 'fast' && size === PACE.size) pace = PACE.seconds / median(bare.map(({ nft }) => nft));
    server.disconnect();
    flush(backend);
  }
  console.log(
    table(
      [
        `${backend}, ${layout} layout`,
        's',
        'processor s',
        'bare load s',
        'times',
        'peak MB',
        'later MB',
        'idle %',
      ],
      rows,
    ),
  );
  console.log();
  process.exitCode = tellFigures([...figures, ...atPaceOf(figures, pace)], given);
} finally {
  if (server?.connected) server.disconnect();
  rmSync(folder, { recursive: true });
}
