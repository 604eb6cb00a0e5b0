/** The kernel's own settings that services need: connection tracking, and node ports on localhost. */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { HostError } from './host.ts';

/** As in the `conntrack` section of kube-proxy's configuration. Times are in milliseconds; 0 leaves a setting as it is. */
export interface ConntrackSettings {
  readonly maxPerCore: number;
  readonly min: number;
  readonly tcpEstablishedTimeout: number;
  readonly tcpCloseWaitTimeout: number;
  readonly tcpBeLiberal: boolean;
  readonly udpTimeout: number;
  readonly udpStreamTimeout: number;
}

/** However many cores a machine has, they do not ask for more connections than this (kube-proxy v1.36). */
const MOST_BY_CORES = 1_048_576;

/**
 * Sets up connection tracking as kube-proxy v1.36 does when it starts. The limit is only ever raised, since
 * whoever set a higher one meant it; v1.36.2 lowers it, which was taken for a bug and mended after.
 * @param root where `/proc` and `/sys` are
 * @param cores of the machine, not only those that this process may use: the limit is for everybody on it
 * @returns what could not be set though it should be, and what to do about it, for people
 * @throws HostError where a setting is refused that services depend on
 */
export async function setUpConntrack(
  settings: ConntrackSettings,
  root = '/',
  cores = cpus().length,
): Promise<readonly string[]> {
  const { maxPerCore, min, tcpEstablishedTimeout, tcpCloseWaitTimeout, udpTimeout, udpStreamTimeout } =
    settings;
  const limit = Math.max(Math.min(maxPerCore * cores, MOST_BY_CORES), min);
  const warnings = maxPerCore > 0 ? await raiseLimit(limit, root) : [];
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);
  const timeouts = {
    tcp_timeout_established: tcpEstablishedTimeout,
    tcp_timeout_close_wait: tcpCloseWaitTimeout,
    udp_timeout: udpTimeout,
    udp_timeout_stream: udpStreamTimeout,
  };
  for (const [name, timeout] of Object.entries(timeouts)) {
    if (timeout > 0) await set(netfilter(`nf_conntrack_${name}`), seconds(timeout), root);
  }
  if (settings.tcpBeLiberal) await set(netfilter('nf_conntrack_tcp_be_liberal'), 1, root);
  return warnings;
}

/** Lets packets to 127.0.0.0/8 be sent on, which node ports on localhost need (IPv4 only, this namespace only). */
export async function allowLocalnetRouting(root = '/'): Promise<void> {
  await set('proc/sys/net/ipv4/conf/all/route_localnet', 1, root);
}

/** The kernel's table of tracked connections: how many there are, and how many there may be. */
export interface ConntrackTable {
  readonly entries: number;
  readonly limit: number;
}

/**
 * How full the table of tracked connections is, in this network namespace.
 * @param root where `/proc` is
 * @throws HostError where the kernel tracks no connections
 */
export async function readConntrackTable(root = '/'): Promise<ConntrackTable> {
  const value = async (name: string) => Number(await read(netfilter(name), root));
  return { entries: await value('nf_conntrack_count'), limit: await value('nf_conntrack_max') };
}

const netfilter = (name: string) => `proc/sys/net/netfilter/${name}`;

const HASH_SIZE = 'sys/module/nf_conntrack/parameters/hashsize';

/** The kernel looks connections up in a table of so many times fewer buckets (kube-proxy v1.36, and older kernels). */
const CONNECTIONS_PER_BUCKET = 4;

/**
 * Where either number may not be written, kube-proxy v1.36 ends (before, it went on where only the table of buckets
 * stayed small). We go on: Services work all the same, until there are more connections than the limit.
 */
async function raiseLimit(limit: number, root: string): Promise<string[]> {
  const path = netfilter('nf_conntrack_max');
  const current = Number(await read(path, root));
  const refused = current < limit ? await write(path, limit, root) : undefined;
  if (refused) {
    // A network namespace of its own has the limit of the machine, and may not change it.
    return [
      `${inWords(path)} stays ${current}, as ${limit} cannot be written (${refused}): ` +
        `set it on the host (sysctl -w net.netfilter.nf_conntrack_max=${limit}), or set maxPerCore to 0`,
    ];
  }
  const buckets = Math.floor(limit / CONNECTIONS_PER_BUCKET);
  if (Number(await read(HASH_SIZE, root)) >= buckets) return [];
  const readOnly = await write(HASH_SIZE, buckets, root);
  if (!readOnly) return [];
  return [
    `${inWords(HASH_SIZE)} cannot be written (${readOnly}), so finding one of ${limit} connections takes longer: ` +
      `on the host, run echo ${buckets} >/${HASH_SIZE}`,
  ];
}

/** Writes a setting where it is another. Throws a HostError where it is refused. */
async function set(path: string, value: number, root: string): Promise<void> {
  if ((await read(path, root)) === String(value)) return;
  const refused = await write(path, value, root);
  if (refused === undefined) return;
  throw new HostError(
    `${inWords(path)} cannot be set to ${value} (${refused}): ` +
      'this needs root and, in a container, a writable /proc/sys: run svc2ipt agent --init-only once before, privileged',
  );
}

async function read(path: string, root: string): Promise<string> {
  try {
    return (await readFile(join(root, path), 'utf8')).trim();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new HostError(
      code === 'ENOENT'
        ? `no /${path}: the kernel has no connection tracking; run modprobe nf_conntrack`
        : `/${path} cannot be read (${code ?? message}): run as root`,
    );
  }
}

/** Gives why it was refused. */
async function write(path: string, value: number, root: string): Promise<string | undefined> {
  try {
    await writeFile(join(root, path), String(value));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** `net.netfilter.nf_conntrack_max`; other files as they are. */
function inWords(path: string): string {
  return path.startsWith('proc/sys/') ? path.slice('proc/sys/'.length).replaceAll('/', '.') : `/${path}`;
}
