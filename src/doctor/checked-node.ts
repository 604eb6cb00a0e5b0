/** A node as checks see it: what a snapshot says, taken apart when somebody asks for it. */
import { z } from 'zod';
import type { HostFacts } from '../api/node.ts';
import { chooseBackend, UseCounter } from '../applier/backend.ts';
import { type CurrentTables, currentTables } from '../applier/current.ts';
import { parseSaved, type SavedTables } from '../applier/kernel.ts';
import type { Backend } from '../applier/programs.ts';
import { isOwnChain, KUBELET_CHAIN } from '../chains/names.ts';
import { SaveReader } from '../iptables/save-lines.ts';
import { type PreparedRuleset, prepareSaved } from '../iptables/simulator/prepare.ts';
import {
  addressBits,
  addressValue,
  FAMILIES,
  type Family,
  familyOf,
  parseAddress,
  prefixLength,
} from '../net/address.ts';
import {
  type NodeSnapshot,
  type ProcessFacts,
  type SnapshotCommand,
  saveOutput,
  sysctlIn,
} from '../snapshot/snapshot.ts';
import { type Listener, listenersIn } from './listeners.ts';
import { NotChecked } from './not-checked.ts';

/** Each asks for what the snapshot may not have: then it throws NotChecked with the reason. */
export interface CheckedNode {
  readonly snapshot: NodeSnapshot;
  /** The iptables that the node uses, by what is in its tables. */
  readonly backend: Backend;
  readonly otherBackend: Backend;
  /** Those that the snapshot has rules of, in the backend that is used. */
  readonly families: readonly Family[];
  /** The text of a program. */
  output(name: SnapshotCommand): string;
  /** The tables of a family, in the backend that is used unless given. */
  tables(family: Family, backend?: Backend): SavedTables;
  /** What of them is ours, and where. */
  current(family: Family): CurrentTables;
  /** The rules of a family, to send packets through. */
  rules(family: Family): PreparedRuleset;
  sysctl(name: string): string | undefined;
  readonly links: readonly Link[];
  routes(family: Family): readonly Route[];
  /** The route that packets to an address take, of the tables that those of everybody do; undefined for none. */
  routeTo(address: string): Route | undefined;
  /** Interfaces with a default route. */
  readonly uplinks: ReadonlySet<string>;
  /** Sockets that wait for others, in this network. */
  readonly listeners: readonly Listener[];
  /** The processes in this network. */
  readonly processes: readonly ProcessFacts[];
}

const linkSchema = z.object({
  ifname: z.string(),
  flags: z.array(z.string()),
  mtu: z.number(),
  operstate: z.string().optional(),
  master: z.string().optional(),
  link_type: z.string().optional(),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_slave_kind: z.string().optional(),
      info_slave_data: z.object({ hairpin: z.boolean().optional() }).optional(),
      info_data: z
        .object({ nf_call_iptables: z.number().optional(), nf_call_ip6tables: z.number().optional() })
        .optional(),
    })
    .optional(),
  addr_info: z
    .array(
      z.object({
        local: z.string().optional(),
        prefixlen: z.number().optional(),
        scope: z.string().optional(),
      }),
    )
    .default([]),
});

/** An interface. */
export interface Link {
  readonly name: string;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  /** Such as `bridge`, `veth`, `vxlan`; undefined for a device of the machine. */
  readonly kind: string | undefined;
  /** The bridge that it is a port of. */
  readonly bridge: string | undefined;
  /** Of the port of a bridge: packets may leave by the port that they came in by. */
  readonly hairpin: boolean | undefined;
  /** Of a bridge: it has netfilter see what it bridges, whatever the setting for all bridges says. */
  readonly callsNetfilter: Readonly<Record<Family, boolean>>;
  /** It takes packets for others, which gives a bridge hairpins, too. */
  readonly isPromiscuous: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** Its addresses that others may know, such as `192.168.0.2/24`. */
  readonly addresses: readonly string[];
}

const routeSchema = z.object({
  type: z.string().default('unicast'),
  dst: z.string(),
  dev: z.string().optional(),
  gateway: z.string().optional(),
  table: z.union([z.string(), z.number()]).default('main'),
  metric: z.number().default(0),
  nexthops: z.array(z.object({ dev: z.string().optional() })).optional(),
});

/** A route of a table. */
export interface Route {
  /** As iproute2 says it: `unicast`, `local`, `blackhole` and others. */
  readonly type: string;
  readonly range: string;
  readonly isDefault: boolean;
  /** The interfaces that packets leave by. */
  readonly devices: readonly string[];
  readonly gateway: string | undefined;
  readonly table: string;
  readonly metric: number;
}

/**
 * Takes a snapshot apart.
 * @param wanted the backend to look at; the one that is used unless given
 */
export function checkedNode(snapshot: NodeSnapshot, wanted?: Backend): CheckedNode {
  const output = (name: SnapshotCommand): string => {
    const reading = snapshot.outputs[name];
    if ('missing' in reading) throw new NotChecked(reading.missing);
    return reading.text;
  };
  const backend = wanted ?? backendOf(snapshot) ?? 'nft';
  const families = FAMILIES.filter((family) => 'text' in snapshot.outputs[saveOutput(backend, family)]);
  const tables = remembered((key: `${Backend} ${Family}`) => {
    const [of, family] = key.startsWith('nft')
      ? (['nft', key.slice(4)] as const)
      : (['legacy', key.slice(7)] as const);
    return tablesIn(saveOutput(of, family === 'ipv6' ? 'ipv6' : 'ipv4'), output);
  });
  const tablesOf = (family: Family, of: Backend = backend) => tables(`${of} ${family}`);
  const current = remembered((family: Family) => currentTables(tablesOf(family), family));
  const rules = remembered((family: Family) => {
    tablesOf(family);
    return prepareSaved(output(saveOutput(backend, family)), family);
  });
  const routes = remembered((family: Family) => parseRoutes(output(`ip-route-${family}`), family));
  const used = remembered((family: Family) => inOrderOfUse(routes(family)));
  const links = remembered((_: 'all') => parseLinks(output('ip-address')));
  const listeners = remembered((_: 'all') => listenersIn(snapshot));
  return {
    snapshot,
    backend,
    otherBackend: backend === 'nft' ? 'legacy' : 'nft',
    families,
    output,
    tables: tablesOf,
    current,
    rules,
    sysctl: (name) => sysctlIn(snapshot, name),
    get links() {
      return links('all');
    },
    routes,
    routeTo: (address) => {
      const value = addressValue(address);
      const found = used(familyOf(address)).find(({ network, hostBits }) => value >> hostBits === network);
      return found?.route;
    },
    get uplinks() {
      const defaults = FAMILIES.flatMap((family) => routes(family).filter(isUsualDefault));
      return new Set(defaults.flatMap(({ devices }) => devices));
    },
    get listeners() {
      return listeners('all');
    },
    processes: snapshot.processes.filter(({ sameNetwork }) => sameNetwork),
  };
}

/** What a snapshot says of the node that it is of, where no option or Node object says otherwise. */
export function factsIn(node: CheckedNode): HostFacts {
  const { snapshot } = node;
  return {
    name: snapshot.hostname.trim().toLowerCase(),
    interfaceAddresses: node.links.flatMap(({ addresses }) => addresses),
    conntrackTCPBeLiberal: node.sysctl('net/netfilter/nf_conntrack_tcp_be_liberal') === '1',
  };
}

function remembered<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const value = known.get(key) ?? make(key);
    known.set(key, value);
    return value;
  };
}

function backendOf({ outputs }: NodeSnapshot): Backend | undefined {
  const useOf = (backend: Backend) => {
    const counter = new UseCounter();
    for (const family of FAMILIES) {
      const reading = outputs[saveOutput(backend, family)];
      if ('text' in reading) counter.read(reading.text);
    }
    counter.finish();
    return counter.use;
  };
  const hasServices = (backend: Backend) =>
    FAMILIES.some((family) => {
      const reading = outputs[saveOutput(backend, family)];
      return 'text' in reading && reading.text.includes('\n:KUBE-SERVICES ');
    });
  const [nft, legacy] = [hasServices('nft'), hasServices('legacy')];
  // Where a kubelet uses another one than the rules of Services are in, that is a finding.
  if (nft !== legacy) return nft ? 'nft' : 'legacy';
  const installed = outputs['iptables-version'];
  const own = 'text' in installed ? (installed.text.includes('nf_tables') ? 'nft' : 'legacy') : undefined;
  return chooseBackend({ nft: useOf('nft'), legacy: useOf('legacy') }) ?? own;
}

/** The tables that iptables-save has printed, all of them: less must not be taken for a node that has less. */
function tablesIn(name: SnapshotCommand, output: CheckedNode['output']): SavedTables {
  const text = output(name);
  const problem = problemIn(text);
  if (problem !== undefined) throw new NotChecked(`${name} does not print all rules: ${problem}`);
  return parseSaved(text);
}

/** Why a text is no whole output of iptables-save; undefined where it is one. */
export function problemIn(text: string): string | undefined {
  const reader = new SaveReader({});
  reader.read(text);
  reader.finish();
  return reader.problem;
}

/** How many chains of Services there are in tables; a kubelet's is none. */
export function countServiceChains(tables: SavedTables): number {
  return [...tables].reduce((sum, [table, chains]) => {
    const own = [...chains.keys()].filter((chain) => isOwnChain(table, chain) && chain !== KUBELET_CHAIN);
    return sum + own.length;
  }, 0);
}

function parseJSON<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  program: string,
): z.output<Schema> {
  try {
    // Older versions of iproute2 print nothing where there is nothing.
    return schema.parse(JSON.parse(text.trim() === '' ? '[]' : text));
  } catch {
    throw new NotChecked(`${program} prints what is not known here: is iproute2 older than 4.17?`);
  }
}

/** Some versions of iproute2 print an empty object for what was filtered out. */
const listOf = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .array(z.unknown())
    .transform((items) => items.filter((item) => JSON.stringify(item) !== '{}'))
    .pipe(z.array(schema));

function parseLinks(text: string): Link[] {
  return parseJSON(text, listOf(linkSchema), 'ip address').map((link) => {
    const { linkinfo } = link;
    const isPort = linkinfo?.info_slave_kind === 'bridge';
    return {
      name: link.ifname,
      isUp: link.flags.includes('UP'),
      isLoopback: link.flags.includes('LOOPBACK'),
      kind: linkinfo?.info_kind,
      bridge: isPort ? link.master : undefined,
      hairpin: isPort ? linkinfo?.info_slave_data?.hairpin : undefined,
      callsNetfilter: {
        ipv4: linkinfo?.info_data?.nf_call_iptables === 1,
        ipv6: linkinfo?.info_data?.nf_call_ip6tables === 1,
      },
      isPromiscuous: link.flags.includes('PROMISC'),
      mtu: link.mtu,
      addresses: link.addr_info.flatMap(({ local, prefixlen, scope }) =>
        local !== undefined && scope !== 'link' && scope !== 'host' ? [`${local}/${prefixlen}`] : [],
      ),
    };
  });
}

function parseRoutes(text: string, family: Family): Route[] {
  return parseJSON(text, listOf(routeSchema), 'ip route').flatMap(
    ({ type, dst, dev, gateway, table, metric, nexthops = [] }) => {
      const range = dst === 'default' ? (family === 'ipv4' ? '0.0.0.0/0' : '::/0') : rangeOf(dst, family);
      if (range === undefined) return [];
      return {
        type,
        range,
        isDefault: prefixLength(range) === 0,
        devices: [...(dev === undefined ? [] : [dev]), ...nexthops.flatMap((hop) => hop.dev ?? [])],
        gateway,
        table: String(table),
        metric,
      };
    },
  );
}

function rangeOf(destination: string, family: Family): string | undefined {
  if (destination.includes('/')) return destination;
  const address = parseAddress(destination);
  return address === undefined ? undefined : `${address}/${addressBits(family)}`;
}

/** The tables that rules of everybody lead to. */
const USUAL_TABLES: readonly string[] = ['local', 'main', 'default'];

function isUsualDefault({ isDefault, type, table }: Route): boolean {
  return isDefault && type === 'unicast' && USUAL_TABLES.includes(table);
}

/** Those of the usual tables, the one that counts first: by table, then the narrowest, then the cheapest. */
function inOrderOfUse(routes: readonly Route[]): UsedRoute[] {
  return routes
    .filter(
      ({ table, type }) =>
        USUAL_TABLES.includes(table) && !['broadcast', 'multicast', 'anycast'].includes(type),
    )
    .map((route) => {
      const [address = ''] = route.range.split('/');
      const hostBits = BigInt(addressBits(familyOf(address)) - prefixLength(route.range));
      return { route, hostBits, network: addressValue(address) >> hostBits };
    })
    .sort(
      (a, b) =>
        USUAL_TABLES.indexOf(a.route.table) - USUAL_TABLES.indexOf(b.route.table) ||
        Number(a.hostBits - b.hostBits) ||
        a.route.metric - b.route.metric,
    );
}

interface UsedRoute {
  readonly route: Route;
  readonly network: bigint;
  readonly hostBits: bigint;
}
