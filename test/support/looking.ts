/** A small node to be looked at: as manifests, and as iptables-save prints its rules. */

import { withJumps } from '../../src/chains/jumps.ts';
import { compile } from '../../src/compiler/compile.ts';
import { printSaved } from '../../src/iptables/saved.ts';
import type { Manifest } from './arbitrary/raw.ts';
import { endpoint, inputOf, loadBalancer, NOT_READY, ON_NODE_A, ON_NODE_B, slice } from './rules.ts';

/** What begins a colour. */
export const ESCAPE = '\u001b[';

const OBJECTS: readonly Manifest[] = [
  loadBalancer({ ports: [{ name: 'http', port: 80, nodePort: 30080 }] }),
  slice([
    endpoint('10.244.1.5', ON_NODE_A),
    endpoint('10.244.2.5', ON_NODE_B),
    endpoint('10.244.2.6', { ...ON_NODE_B, ...NOT_READY }),
  ]),
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-1', namespace: 'shop' },
    spec: { nodeName: 'node-a', containers: [] },
    status: { podIP: '10.244.1.9' },
  },
];

/** Service `shop/web` with two endpoints and one that is not ready, and Pod `shop/web-1`, as a List in JSON. */
export function manifests(): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: OBJECTS });
}

const { cluster, node, options } = inputOf({ objects: OBJECTS });

/** On node-a, where pods are those of 10.244.0.0/16. */
export const SAVED: string = printSaved(withJumps(compile(cluster, node, options('ipv4'))));
