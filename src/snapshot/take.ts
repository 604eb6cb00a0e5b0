/** Taking a snapshot of this machine, in this network namespace: the one place that looks. Nothing is changed. */
import { globSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname, release } from 'node:os';
import { run } from '../applier/command.ts';
import { explainFailure } from '../applier/host.ts';
import { isClockSynchronized } from '../applier/watch/libc.ts';
import { OperationalError } from '../errors/operational-error.ts';
import {
  type NodeSnapshot,
  type Probe,
  type ProcessFacts,
  SNAPSHOT_COMMANDS,
  SNAPSHOT_FORMAT,
  SNAPSHOT_PAGES,
  type SnapshotReading,
  snapshotSchema,
} from './snapshot.ts';

/** Seconds that a program may take: the rules of 5,000 Services take a second. */
const PATIENCE = 60;

/** Milliseconds for a page of this machine, and for a connection to a Pod of it. */
const PAGE_PATIENCE = 3000;
const PROBE_PATIENCE = 1000;

/** Connections to Pods that are tried at once. */
const PROBES_AT_ONCE = 50;

/** Settings that decide where packets go, and what is counted of them. */
const FILES = [
  '/proc/modules',
  '/proc/sys/net/ipv4/ip_forward',
  '/proc/sys/net/ipv4/ip_local_port_range',
  '/proc/sys/net/ipv4/ip_local_reserved_ports',
  '/proc/sys/net/ipv4/conf/*/{rp_filter,route_localnet,accept_local,forwarding}',
  '/proc/sys/net/ipv6/conf/*/{forwarding,disable_ipv6}',
  '/proc/sys/net/bridge/*',
  '/proc/sys/net/netfilter/nf_conntrack_*',
];

/** Sockets, and what the state of one is that waits for others (net/tcp_states.h). */
const SOCKETS = {
  '/proc/net/tcp': '0A',
  '/proc/net/tcp6': '0A',
  '/proc/net/udp': '07',
  '/proc/net/udp6': '07',
} as const;

/**
 * Looks at this machine. What cannot be read is missing in the snapshot, with the reason.
 * @param version of svc2ipt
 */
export async function takeSnapshot(version: string): Promise<NodeSnapshot> {
  const outputs = await outputsOfCommands();
  const [files, processes, healthz, metrics, clockSynchronized] = await Promise.all([
    readFiles(),
    readProcesses(),
    readPage(SNAPSHOT_PAGES.healthz),
    readPage(SNAPSHOT_PAGES.metrics),
    isClockSynchronized(),
  ]);
  return snapshotSchema.parse({
    format: SNAPSHOT_FORMAT,
    takenAt: new Date().toISOString(),
    hostname: hostname(),
    versions: { svc2ipt: version, kernel: release() },
    outputs,
    files,
    processes,
    pages: { healthz, metrics },
    clockSynchronized,
  });
}

/** All at once, but for those of iptables-legacy, which wait for the same lock. */
async function outputsOfCommands(): Promise<Record<string, SnapshotReading>> {
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = (command: readonly string[]) => {
    const reading = before.then(() => outputOf(command));
    before = reading;
    return reading;
  };
  const outputs = Object.entries(SNAPSHOT_COMMANDS).map(async ([name, command]) => {
    const reading = name.includes('legacy') ? inTurn(command) : outputOf(command);
    return [name, await reading] as const;
  });
  return Object.fromEntries(await Promise.all(outputs));
}

async function outputOf(command: readonly string[]): Promise<SnapshotReading> {
  const [program = ''] = command;
  try {
    return { text: (await run(command, { patience: PATIENCE })).stdout };
  } catch (error) {
    const told = explainFailure(error, program);
    if (!(told instanceof OperationalError)) throw told;
    return { missing: isNotInstalled(error) ? `${program} is not installed` : told.message };
  }
}

function isNotInstalled(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function readFiles(): Promise<NodeSnapshot['files']> {
  const paths = FILES.flatMap((pattern) => globSync(pattern)).sort();
  const read = await Promise.all(
    paths.map(async (path) => {
      const text = await textOf(path);
      return text === undefined ? [] : [[path, text.trim()] as const];
    }),
  );
  const sockets = await Promise.all(
    Object.entries(SOCKETS).map(async ([path, state]) => {
      const text = await textOf(path);
      if (text === undefined) return [];
      const [head, ...lines] = text.trimEnd().split('\n');
      const waiting = lines.filter((line) => line.trimStart().split(/\s+/)[3] === state);
      return [[path, [head, ...waiting].join('\n')] as const];
    }),
  );
  return Object.fromEntries([...read.flat(), ...sockets.flat()]);
}

/** Undefined where there is no such file, or where it may not be read. */
async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined);
}

async function readProcesses(): Promise<ProcessFacts[]> {
  const network = await readlink('/proc/self/ns/net').catch(() => undefined);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid): Promise<ProcessFacts[]> => {
      const command = (await textOf(`/proc/${pid}/cmdline`))?.split('\0').slice(0, -1);
      // Without a command line it is a thread of the kernel, or gone.
      if (command === undefined || command.length === 0) return [];
      const itsNetwork = await readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
      const sameNetwork = network !== undefined && itsNetwork === network;
      return [{ pid, command, sameNetwork, sockets: sameNetwork ? await socketsOf(pid) : [] }];
    }),
  );
  return found.flat().sort((a, b) => a.pid - b.pid);
}

async function socketsOf(pid: number): Promise<number[]> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return links.flatMap((link) => {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(link) ?? [];
    return inode === undefined ? [] : [Number(inode)];
  });
}

async function readPage(url: string): Promise<NodeSnapshot['pages']['healthz']> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PAGE_PATIENCE), redirect: 'manual' });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return { missing: `${url} gives no answer (${String(code ?? error)})` };
  }
}

/**
 * Connects to endpoints by TCP, and sends them nothing.
 * @param endpoints each an address and a port, once
 */
export async function probeEndpoints(
  endpoints: readonly Pick<Probe, 'address' | 'port'>[],
): Promise<readonly Probe[]> {
  const probes: Probe[] = [];
  for (let i = 0; i < endpoints.length; i += PROBES_AT_ONCE) {
    probes.push(...(await Promise.all(endpoints.slice(i, i + PROBES_AT_ONCE).map(probe))));
  }
  return probes;
}

async function probe({ address, port }: Pick<Probe, 'address' | 'port'>): Promise<Probe> {
  const { promise, resolve } = Promise.withResolvers<Probe>();
  const socket = connect({ host: address, port, timeout: PROBE_PATIENCE });
  socket.once('connect', () => resolve({ address, port }));
  socket.once('timeout', () => resolve({ address, port, failure: 'no answer' }));
  socket.once('error', (error: NodeJS.ErrnoException) =>
    resolve({ address, port, failure: error.code ?? error.message }),
  );
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
