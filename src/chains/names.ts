/**
 * The names of chains: how they are made, and what they stand for when they are read. kube-proxy v1.36 names its chains
 * so too, and either program finds the other's; chains of trees and groups are those of the fast layout alone.
 */
import type { Protocol, TableName } from '../iptables/types.ts';
import { sha256 } from '../text/sha256.ts';

/** The tables that Services have rules in. */
export const SERVICE_TABLES = ['filter', 'nat'] as const satisfies readonly TableName[];

export type ServiceTable = (typeof SERVICE_TABLES)[number];

/** The chains that traffic of every service port passes. Of the last two, the node has rules of its own. */
export type SharedChain =
  | 'KUBE-SERVICES'
  | 'KUBE-EXTERNAL-SERVICES'
  | 'KUBE-NODEPORTS'
  | 'KUBE-PROXY-FIREWALL'
  | 'KUBE-FORWARD'
  | 'KUBE-POSTROUTING';

/** The shared chains of each table, in the order in which kube-proxy v1.36 writes them. */
export const SHARED_CHAINS = {
  filter: [
    'KUBE-SERVICES',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-NODEPORTS',
    'KUBE-PROXY-FIREWALL',
    'KUBE-FORWARD',
  ],
  nat: ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING'],
} as const satisfies Record<ServiceTable, readonly SharedChain[]>;

/** Sets the mark that asks for masquerading. */
export const MARK_CHAIN = 'KUBE-MARK-MASQ';

/** The kubelet makes this chain, too, with the same rule. While a kubelet is there, it is not ours to remove. */
export const KUBELET_CHAIN = 'KUBE-FIREWALL';

/** By these chains in the mangle table a kubelet is known. */
export const KUBELET_SIGNS: readonly string[] = ['KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY'];

/** A chain that does nothing: when it is gone, somebody flushed the tables, and our rules with them. */
export const CANARY = 'KUBE-PROXY-CANARY';

export const CANARY_TABLES: readonly TableName[] = ['mangle', 'nat', 'filter'];

/** What a chain of one service port does: chooses among all endpoints, or the node's own; takes what is from outside. */
export type ServicePortRole = 'cluster' | 'local' | 'external' | 'firewall';

const ROLES = {
  cluster: 'KUBE-SVC-',
  local: 'KUBE-SVL-',
  external: 'KUBE-EXT-',
  firewall: 'KUBE-FW-',
} as const satisfies Record<ServicePortRole, string>;

/** What kube-proxy before v1.24 called KUBE-EXT. */
const FORMER_EXTERNAL = 'KUBE-XLB-';

const ENDPOINT = 'KUBE-SEP-';

/** How the names of a tree's chains begin: as kube-proxy names the chains that are at its leaves. */
const TREES = {
  'KUBE-SERVICES': ROLES.cluster,
  'KUBE-EXTERNAL-SERVICES': 'KUBE-EXS-',
  'KUBE-NODEPORTS': ROLES.external,
  'KUBE-PROXY-FIREWALL': ROLES.firewall,
  'KUBE-POSTROUTING': ENDPOINT,
  'KUBE-FORWARD': ENDPOINT,
} as const satisfies Record<SharedChain, string>;

/** What the names of a service port's chains are made of. */
export interface NamedPort {
  /** As rules print it: `namespace/name:port`. */
  readonly name: string;
  readonly protocol: Protocol;
}

/** The chain of a service port: `KUBE-SVC-` and 16 characters of its printed name and protocol. */
export function servicePortChain(role: ServicePortRole, { name, protocol }: NamedPort): string {
  return hashed(ROLES[role], name + protocol);
}

/** All that a service port may have, whatever it has: by a single hash, which costs more than anything else here. */
export function servicePortChains({ name, protocol }: NamedPort): Readonly<Record<ServicePortRole, string>> {
  const hash = hashed('', name + protocol);
  return {
    cluster: ROLES.cluster + hash,
    local: ROLES.local + hash,
    external: ROLES.external + hash,
    firewall: ROLES.firewall + hash,
  };
}

/** The chain of one endpoint of a service port. With session affinity, the list of its clients has this name, too. */
export function endpointChain({ name, protocol }: NamedPort, endpoint: { readonly text: string }): string {
  return hashed(ENDPOINT, name + protocol + endpoint.text);
}

/**
 * A chain of the tree that a shared chain has become, such as `KUBE-SVC-10.96.16.0/20` and `KUBE-EXT-tcp-30208/8`.
 * Where that is too long, it has 12 characters and the number of bits: `KUBE-SVC-ABCDEFGHIJKL/108`.
 * @param prefix of the key that all its packets have
 * @param range the same for people, where it is short enough, and how many bits it has
 */
export function treeChain(
  chain: SharedChain,
  prefix: string,
  { text, bits }: { readonly text: string | undefined; readonly bits: number },
): string {
  return TREES[chain] + (text ?? `${hashed('', chain + prefix).slice(0, 12)}/${bits}`);
}

/** A group of endpoints: as `treeChain`, of the chain of their set and the digits that their keys begin with. */
export function groupChain(set: string, prefix: string): string {
  return `${ENDPOINT}${hashed('', set + prefix).slice(0, 12)}/${4 * prefix.length}`;
}

/**
 * What a chain is there for, by its name alone:
 * - `canary`; `shared` by all service ports; the `node`'s own;
 * - of one service port: a role, an `endpoint`, or a `group` of endpoints;
 * - a part of the `tree` that a shared chain has become. One of KUBE-POSTROUTING or KUBE-FORWARD whose range is too
 *   long for a name looks like a `group`.
 */
export type ChainKind = 'canary' | 'shared' | 'node' | ServicePortRole | 'endpoint' | 'group' | 'tree';

const HASHED = /^(KUBE-(?:SVC|SVL|EXT|FW|SEP|XLB)-)[A-Z2-7]{16}$/;

/** Packets to a range of addresses or ports, whose bits it ends in. */
const OF_TREE =
  /^KUBE-(?:SVC|EXS|EXT|FW|SEP)-(?:[A-Z2-7]{12}|\d{1,3}(?:\.\d{1,3}){3}|(?:tcp|udp|sctp)-\d{1,5})\/(\d{1,3})$/;

const GROUP = /^KUBE-SEP-[A-Z2-7]{12}\//;

/** By how the names of chains of one service port begin. */
const OF_SERVICE_PORT: Readonly<Record<string, ChainKind>> = {
  ...Object.fromEntries(Object.entries(ROLES).map(([role, prefix]) => [prefix, role as ServicePortRole])),
  [FORMER_EXTERNAL]: 'external',
  [ENDPOINT]: 'endpoint',
};

const shared = (names: readonly SharedChain[]) => names.map((name): [string, ChainKind] => [name, 'shared']);

/** Chains of ours that have one name on every node, by table. */
const NAMED: Partial<Record<TableName, ReadonlyMap<string, ChainKind>>> = {
  mangle: new Map([[CANARY, 'canary']]),
  nat: new Map([...shared(SHARED_CHAINS.nat), [MARK_CHAIN, 'node'], [CANARY, 'canary']]),
  filter: new Map([...shared(SHARED_CHAINS.filter), [KUBELET_CHAIN, 'node'], [CANARY, 'canary']]),
};

/** In whatever table. */
const OF_NODE = new Map(Object.values(NAMED).flatMap((chains) => [...chains]));

/** What a chain is there for; undefined for somebody else's. A name that is like ours only in part is. */
export function chainKind(chain: string): ChainKind | undefined {
  const [, prefix] = HASHED.exec(chain) ?? [];
  if (prefix !== undefined) return OF_SERVICE_PORT[prefix];
  if (GROUP.test(chain)) return 'group';
  return OF_TREE.test(chain) ? 'tree' : OF_NODE.get(chain);
}

/** Whether a chain is ours. */
export function isOwnChain(table: TableName, chain: string): boolean {
  if (NAMED[table]?.has(chain)) return true;
  return table === 'nat'
    ? HASHED.test(chain) || OF_TREE.test(chain)
    : table === 'filter' && OF_TREE.test(chain);
}

/** Whether a chain is of one service port, by its name. */
export function isServicePortChain(chain: string): boolean {
  return HASHED.test(chain) || GROUP.test(chain);
}

/** Whether a chain is shared by all service ports, by its name. */
export function isSharedChain(chain: string): boolean {
  return chainKind(chain) === 'shared';
}

/** Whether a chain is the only way to one endpoint, or to a group of them. */
export function leadsToEndpoints(chain: string): boolean {
  const kind = chainKind(chain);
  return kind === 'endpoint' || kind === 'group';
}

/** Each kind leads only to kinds before it, and a chain of a tree or a group also to those with more bits. */
const LEVELS: readonly (readonly ChainKind[])[] = [
  ['node'],
  ['group'],
  ['endpoint'],
  ['cluster', 'local'],
  ['external'],
  ['firewall'],
  ['tree'],
];

/** Orders our chains so that each comes after those that it may lead to. */
export function compareLevels(a: string, b: string): number {
  const level = (name: string) => {
    const kind = chainKind(name);
    const found = LEVELS.findIndex((kinds) => kind !== undefined && kinds.includes(kind));
    // KUBE-SERVICES leads to KUBE-NODEPORTS, too.
    return found === -1 ? LEVELS.length + (name === 'KUBE-NODEPORTS' ? 0 : 1) : found;
  };
  const bits = (name: string) => Number(OF_TREE.exec(name)?.[1] ?? 0);
  return level(a) - level(b) || bits(b) - bits(a);
}

/** The characters of base32. */
const BASE32 = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', (character) => character.charCodeAt(0));

const HASH_LENGTH = 16;

/**
 * The first 16 characters of base32(SHA-256(text)), behind a prefix. As one flat string: V8 keeps a text of parts as a tree of
 * them, which takes three times the memory, and there are 55,000 of these in a cluster of 5,000 Services with 10 endpoints.
 */
function hashed(prefix: string, text: string): string {
  const digest = sha256(text);
  const codes: number[] = [];
  for (let i = 0; i < prefix.length; i++) codes.push(prefix.charCodeAt(i));
  for (let bit = 0; bit < 5 * HASH_LENGTH; bit += 5) {
    const at = bit >> 3;
    const window = (digest.charCodeAt(at) << 8) | digest.charCodeAt(at + 1);
    codes.push(BASE32[(window >> (11 - (bit & 7))) & 31] ?? 0);
  }
  return String.fromCharCode(...codes);
}
