/**
 * A node at one moment, as plain data: what programs print and the kernel's files hold, as they are. Whoever wants to
 * know what it means takes it apart; nothing in here runs anything, so that a node can be looked at elsewhere and later.
 */
import { z } from 'zod';
import type { Backend } from '../applier/programs.ts';
import type { Family } from '../net/address.ts';

/** What a snapshot is a part of, should it ever become another one. */
export const SNAPSHOT_FORMAT = 1;

/** The programs whose output is kept, each by the name that the output has in a snapshot. */
export const SNAPSHOT_COMMANDS = {
  'iptables-nft-save': ['iptables-nft-save', '--counters'],
  'ip6tables-nft-save': ['ip6tables-nft-save', '--counters'],
  'iptables-legacy-save': ['iptables-legacy-save', '--counters'],
  'ip6tables-legacy-save': ['ip6tables-legacy-save', '--counters'],
  'iptables-version': ['iptables', '--version'],
  'ip6tables-version': ['ip6tables', '--version'],
  'nft-tables': ['nft', 'list', 'tables'],
  'ip-address': ['ip', '-json', '-details', 'address', 'show'],
  'ip-route-ipv4': ['ip', '-json', '-4', 'route', 'show', 'table', 'all'],
  'ip-route-ipv6': ['ip', '-json', '-6', 'route', 'show', 'table', 'all'],
  'ip-rule-ipv4': ['ip', '-json', '-4', 'rule', 'show'],
  'ip-rule-ipv6': ['ip', '-json', '-6', 'rule', 'show'],
  'conntrack-stats': ['conntrack', '-S'],
  'conntrack-udp-ipv4': ['conntrack', '-L', '-f', 'ipv4', '-p', 'udp'],
  'conntrack-udp-ipv6': ['conntrack', '-L', '-f', 'ipv6', '-p', 'udp'],
  ipset: ['ipset', 'save'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type SnapshotCommand = keyof typeof SNAPSHOT_COMMANDS;

/** The rules of a backend and a family. */
export function saveOutput(backend: Backend, family: Family): SnapshotCommand {
  return `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-${backend}-save`;
}

/** The pages of an agent, or of kube-proxy, on the ports that both have by default. */
export const SNAPSHOT_PAGES = {
  healthz: 'http://127.0.0.1:10256/healthz',
  metrics: 'http://127.0.0.1:10249/metrics',
} as const satisfies Readonly<Record<string, string>>;

export type SnapshotPage = keyof typeof SNAPSHOT_PAGES;

/** A text, or in a sentence why there is none. */
const reading = z.union([z.strictObject({ text: z.string() }), z.strictObject({ missing: z.string() })]);

export type SnapshotReading = Readonly<z.output<typeof reading>>;

const page = z.union([
  z.strictObject({ status: z.number(), text: z.string() }),
  z.strictObject({ missing: z.string() }),
]);

const processFacts = z
  .strictObject({
    pid: z.number(),
    /** The command and its arguments. */
    command: z.array(z.string()).readonly(),
    /** Whether it is in the network that was looked at: its rules and ports are those of the snapshot. */
    sameNetwork: z.boolean(),
    /** The inodes of its sockets, as files such as `/proc/net/tcp` number them; none of one in another network. */
    sockets: z.array(z.number()).readonly(),
  })
  .readonly();

export type ProcessFacts = z.output<typeof processFacts>;

const probe = z
  .strictObject({
    address: z.string(),
    port: z.number(),
    /** Undefined where the endpoint took a TCP connection; else why not, such as `ECONNREFUSED`. */
    failure: z.string().optional(),
  })
  .readonly();

export type Probe = z.output<typeof probe>;

const names = <Name extends string>(table: Readonly<Record<Name, unknown>>) =>
  z.enum(Object.keys(table) as Name[]);

/** A snapshot as JSON holds it. */
export const snapshotSchema = z
  .strictObject({
    format: z.literal(SNAPSHOT_FORMAT),
    /** By the node's own clock, as in `2026-01-31T12:00:00.000Z`. */
    takenAt: z.iso.datetime(),
    hostname: z.string(),
    versions: z.strictObject({ svc2ipt: z.string(), kernel: z.string() }).readonly(),
    /** What each program printed. */
    outputs: z.record(names(SNAPSHOT_COMMANDS), reading).readonly(),
    /**
     * The kernel's files by their path, such as `/proc/sys/net/ipv4/ip_forward`, without white space around their text; one
     * that the kernel has not is not there. Of sockets, only those that wait for others.
     */
    files: z.record(z.string(), z.string()).readonly(),
    /** Those that this process may see: in a container, perhaps only its own. */
    processes: z.array(processFacts).readonly(),
    pages: z.record(names(SNAPSHOT_PAGES), page).readonly(),
    /** Whether the kernel's clock follows another one (adjtimex(2)); undefined where it does not tell. */
    clockSynchronized: z.boolean().optional(),
    /** The endpoints that were connected to; undefined where nobody asked for it. */
    probes: z.array(probe).readonly().optional(),
  })
  .readonly();

export type NodeSnapshot = z.output<typeof snapshotSchema>;

/** A setting of the kernel, such as `net/ipv4/ip_forward`; undefined where it has none of this name. */
export function sysctlIn({ files }: Pick<NodeSnapshot, 'files'>, name: string): string | undefined {
  return files[`/proc/sys/${name}`];
}
