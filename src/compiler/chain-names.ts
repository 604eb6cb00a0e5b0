/** The names of the chains, as kube-proxy makes them: either program finds the other's. */
import { hash } from 'node:crypto';
import type { Endpoint } from './endpoints.ts';
import type { KeyRange } from './keys.ts';
import type { SharedChain } from './layout.ts';
import type { ServicePort } from './service-ports.ts';

/** The chain of a service port: `KUBE-SVC-` and 16 characters of its printed name and protocol. */
export function servicePortChain(
  prefix: 'SVC' | 'SVL' | 'EXT' | 'FW',
  { name, protocol }: ServicePort,
): string {
  return `KUBE-${prefix}-${shortHash(name + protocol)}`;
}

/** The chain of one endpoint of a service port. */
export function endpointChain({ name, protocol }: ServicePort, endpoint: Endpoint): string {
  return `KUBE-SEP-${shortHash(name + protocol + endpoint.text)}`;
}

/** How the names of a tree's chains begin: as kube-proxy names the chains that are at its leaves. */
const TREES = {
  'KUBE-SERVICES': 'KUBE-SVC-',
  'KUBE-EXTERNAL-SERVICES': 'KUBE-EXS-',
  'KUBE-NODEPORTS': 'KUBE-EXT-',
  'KUBE-PROXY-FIREWALL': 'KUBE-FW-',
  'KUBE-POSTROUTING': 'KUBE-SEP-',
  'KUBE-FORWARD': 'KUBE-SEP-',
} as const satisfies Record<SharedChain, string>;

/**
 * A chain of the tree that a shared chain has become, such as `KUBE-SVC-10.96.16.0/20` and `KUBE-EXT-tcp-30208/8`.
 * Where that is too long, it has 12 characters and the number of bits: `KUBE-SVC-ABCDEFGHIJKL/108`.
 * @param prefix the key's
 */
export function treeChain(chain: SharedChain, prefix: string, { text, bits }: KeyRange): string {
  return TREES[chain] + (text ?? `${shortHash(chain + prefix).slice(0, 12)}/${bits}`);
}

/** A group of endpoints: as `treeChain`, of the chain of their set and the digits that their keys begin with. */
export function groupChain(set: string, prefix: string): string {
  return `KUBE-SEP-${shortHash(set + prefix).slice(0, 12)}/${4 * prefix.length}`;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Two characters of base32 for each value of 10 bits. */
const BASE32_PAIRS = Array.from({ length: 1024 }, (_, i) => `${BASE32[i >> 5]}${BASE32[i & 31]}`);

/** The first 16 characters of base32(SHA-256(text)). A string of bytes costs a quarter of a buffer here. */
function shortHash(text: string): string {
  const digest = hash('sha256', text, 'latin1');
  let result = '';
  for (let bit = 0; bit < 80; bit += 10) {
    const at = bit >> 3;
    const window = (digest.charCodeAt(at) << 8) | digest.charCodeAt(at + 1);
    result += BASE32_PAIRS[(window >> (6 - (bit & 7))) & 1023];
  }
  return result;
}
