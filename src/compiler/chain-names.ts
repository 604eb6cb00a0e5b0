/** The names of the chains, as kube-proxy makes them: either program finds the other's. */
import { hash } from 'node:crypto';
import type { Endpoint } from './endpoints.ts';
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
