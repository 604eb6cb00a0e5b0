/** Where packets get to by the rules in a kernel: what a client sees, and whom the server sees. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAMILIES } from '../src/net/address.ts';
import { type LabService, labCluster } from './support/kernel/cluster.ts';
import { svc2ipt } from './support/kernel/command-line.ts';
import { ADDRESSES, Lab } from './support/kernel/lab.ts';
import { BACKENDS, MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';
import { expectTraffic, type TrafficRow } from './support/kernel/traffic.ts';

const LOCAL_INSIDE = { internalTrafficPolicy: 'Local' };
const LOCAL_OUTSIDE = { externalTrafficPolicy: 'Local' };
/** Lets the client outside in, but not the stranger. */
const FOR_CLIENT = ['203.0.113.0/26', '2001:db8:cafe::/122'];
const FOR_NODE = [`${ADDRESSES.ipv4.node}/32`, `${ADDRESSES.ipv6.node}/128`];
const TERMINATING = { terminating: true };

/** pod-1 and pod-2 are on the node, pod-3 is on another one. */
const SERVICES = {
  near: { index: 1, endpoints: ['pod-1'] },
  far: { index: 2, endpoints: ['pod-3'] },
  both: { index: 3, endpoints: ['pod-1', 'pod-3'] },
  nobody: { index: 4, endpoints: [] },
  'inside-local': { index: 5, endpoints: ['pod-1', 'pod-3'], spec: LOCAL_INSIDE },
  'inside-local-far': { index: 6, endpoints: ['pod-3'], spec: LOCAL_INSIDE },
  'inside-local-nobody': { index: 7, endpoints: [], spec: LOCAL_INSIDE },
  'outside-local': { index: 8, endpoints: ['pod-1', 'pod-3'], spec: LOCAL_OUTSIDE },
  'outside-local-far': { index: 9, endpoints: ['pod-3'], spec: LOCAL_OUTSIDE },
  'outside-local-nobody': { index: 10, endpoints: [], spec: LOCAL_OUTSIDE },
  'for-client': { index: 11, endpoints: ['pod-1'], spec: { loadBalancerSourceRanges: FOR_CLIENT } },
  'for-node': { index: 12, endpoints: ['pod-1'], spec: { loadBalancerSourceRanges: FOR_NODE } },
  'for-client-local': {
    index: 13,
    endpoints: ['pod-1', 'pod-3'],
    spec: { loadBalancerSourceRanges: FOR_CLIENT, ...LOCAL_OUTSIDE },
  },
  terminating: {
    index: 14,
    endpoints: [
      { at: 'pod-1', ...TERMINATING },
      { at: 'pod-3', ...TERMINATING },
    ],
  },
  'half-terminating': { index: 15, endpoints: ['pod-3', { at: 'pod-1', ...TERMINATING }] },
  'terminating-local': {
    index: 16,
    endpoints: ['pod-3', { at: 'pod-1', ...TERMINATING }],
    spec: { ...LOCAL_INSIDE, ...LOCAL_OUTSIDE },
  },
} as const satisfies Readonly<Record<string, Omit<LabService, 'name'>>>;

const CLUSTER = labCluster(Object.entries(SERVICES).map(([name, service]) => ({ name, ...service })));

type Row = TrafficRow<keyof typeof SERVICES>;

const IPV4 = { families: ['ipv4'] } as const;

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  'the cluster IP': [
    ['pod-2', 'cluster IP', 'near', 'pod-1 sees pod-2'],
    ['pod-2', 'cluster IP', 'far', 'pod-3 sees pod-2'],
    ['pod-2', 'cluster IP', 'both', ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
    ['pod-1', 'cluster IP', 'near', 'pod-1 sees gateway'],
    ['node', 'cluster IP', 'near', 'pod-1 sees gateway'],
    ['node', 'cluster IP', 'far', 'pod-3 sees node'],
    ['client', 'cluster IP', 'near', 'pod-1 sees gateway'],
    ['client', 'cluster IP', 'far', 'pod-3 sees node'],
  ],
  'the node port': [
    ['client', 'node port (uplink)', 'near', 'pod-1 sees gateway'],
    ['client', 'node port (node)', 'near', 'pod-1 sees gateway'],
    ['client', 'node port (uplink)', 'far', 'pod-3 sees node'],
    ['client', 'node port (uplink)', 'both', ['pod-1 sees gateway', 'pod-3 sees node']],
    ['pod-2', 'node port (node)', 'near', 'pod-1 sees gateway'],
    ['pod-1', 'node port (node)', 'near', 'pod-1 sees gateway'],
    ['node', 'node port (node)', 'near', 'pod-1 sees gateway'],
    ['node', 'node port (localhost)', 'near', 'pod-1 sees gateway', IPV4],
    ['node', 'node port (localhost)', 'far', 'pod-3 sees node', IPV4],
    // Nobody else listens there either. A raw socket hears itself on the loopback device, so SCTP cannot tell.
    ['node', 'node port (localhost)', 'near', 'refused', { families: ['ipv6'], protocols: ['tcp', 'udp'] }],
  ],
  'an external IP': [
    ['client', 'external IP', 'near', 'pod-1 sees gateway'],
    ['client', 'external IP', 'far', 'pod-3 sees node'],
    ['pod-2', 'external IP', 'near', 'pod-1 sees gateway'],
    ['pod-1', 'external IP', 'near', 'pod-1 sees gateway'],
    ['node', 'external IP', 'near', 'pod-1 sees gateway'],
  ],
  'a load-balancer IP': [
    ['client', 'load-balancer IP', 'near', 'pod-1 sees gateway'],
    ['stranger', 'load-balancer IP', 'near', 'pod-1 sees gateway'],
    ['pod-2', 'load-balancer IP', 'near', 'pod-1 sees gateway'],
    ['node', 'load-balancer IP', 'far', 'pod-3 sees node'],
  ],
  'a load-balancer IP with source ranges': [
    ['client', 'load-balancer IP', 'for-client', 'pod-1 sees gateway'],
    ['stranger', 'load-balancer IP', 'for-client', 'dropped'],
    ['pod-2', 'load-balancer IP', 'for-client', 'dropped'],
    ['node', 'load-balancer IP', 'for-client', 'dropped'],
    ['node', 'load-balancer IP', 'for-node', 'pod-1 sees gateway'],
    ['client', 'load-balancer IP', 'for-node', 'dropped'],
    ['client', 'load-balancer IP', 'for-client-local', 'pod-1 sees client'],
    ['stranger', 'load-balancer IP', 'for-client-local', 'dropped'],
    // The ranges are the load balancer's alone.
    ['stranger', 'node port (uplink)', 'for-client', 'pod-1 sees gateway'],
    ['stranger', 'external IP', 'for-client', 'pod-1 sees gateway'],
    ['pod-2', 'cluster IP', 'for-client', 'pod-1 sees pod-2'],
  ],
  'internalTrafficPolicy Local': [
    ['pod-2', 'cluster IP', 'inside-local', 'pod-1 sees pod-2'],
    ['node', 'cluster IP', 'inside-local', 'pod-1 sees gateway'],
    ['client', 'cluster IP', 'inside-local', 'pod-1 sees gateway'],
    ['pod-2', 'cluster IP', 'inside-local-far', 'dropped'],
    ['node', 'cluster IP', 'inside-local-far', 'dropped'],
    ['client', 'cluster IP', 'inside-local-far', 'dropped'],
    ['pod-2', 'cluster IP', 'inside-local-nobody', 'refused'],
    // It is of no matter outside.
    ['client', 'node port (uplink)', 'inside-local-far', 'pod-3 sees node'],
  ],
  'externalTrafficPolicy Local': [
    ['client', 'node port (uplink)', 'outside-local', 'pod-1 sees client'],
    ['client', 'external IP', 'outside-local', 'pod-1 sees client'],
    ['client', 'load-balancer IP', 'outside-local', 'pod-1 sees client'],
    ['client', 'node port (uplink)', 'outside-local-far', 'dropped'],
    ['client', 'external IP', 'outside-local-far', 'dropped'],
    ['client', 'load-balancer IP', 'outside-local-far', 'dropped'],
    ['client', 'node port (uplink)', 'outside-local-nobody', 'refused'],
    // Whoever is inside may use any endpoint, as by the cluster IP.
    ['pod-2', 'load-balancer IP', 'outside-local', ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
    ['pod-2', 'node port (node)', 'outside-local-far', 'pod-3 sees pod-2'],
    ['node', 'external IP', 'outside-local', ['pod-1 sees gateway', 'pod-3 sees node']],
    ['node', 'node port (node)', 'outside-local-far', 'pod-3 sees node'],
    // It is of no matter inside.
    ['pod-2', 'cluster IP', 'outside-local', ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
    ['pod-2', 'cluster IP', 'outside-local-far', 'pod-3 sees pod-2'],
    ['client', 'cluster IP', 'outside-local-far', 'pod-3 sees node'],
  ],
  'no endpoints': [
    ['pod-2', 'cluster IP', 'nobody', 'refused'],
    ['node', 'cluster IP', 'nobody', 'refused'],
    ['client', 'cluster IP', 'nobody', 'refused'],
    ['client', 'node port (uplink)', 'nobody', 'refused'],
    ['client', 'external IP', 'nobody', 'refused'],
    ['client', 'load-balancer IP', 'nobody', 'refused'],
  ],
  'endpoints that are terminating': [
    ['pod-2', 'cluster IP', 'terminating', ['pod-1 sees pod-2', 'pod-3 sees pod-2']],
    ['client', 'node port (uplink)', 'terminating', ['pod-1 sees gateway', 'pod-3 sees node']],
    ['pod-2', 'cluster IP', 'half-terminating', 'pod-3 sees pod-2'],
    ['client', 'node port (uplink)', 'half-terminating', 'pod-3 sees node'],
    ['pod-2', 'cluster IP', 'terminating-local', 'pod-1 sees pod-2'],
    ['client', 'node port (uplink)', 'terminating-local', 'pod-1 sees client'],
  ],
};

describe.skipIf(!MAY_USE_NAMESPACES).each(BACKENDS)('iptables-%s', (backend) => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.create();
    const { exitCode, stderr } = await svc2ipt(lab, backend, 'apply', CLUSTER);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
  afterAll(async () => await lab?.[Symbol.asyncDispose]());

  describe.each(FAMILIES)('%s', { concurrent: true }, (family) => {
    for (const [name, rows] of Object.entries(TABLES)) {
      const here = rows.filter((row) => row[4]?.families?.includes(family) ?? true);
      test.each(here)(`${name}: %s to the %s of %s: %s`, async (...row) => {
        await expectTraffic(lab, family, row, SERVICES[row[2]].index);
      });
    }
  });
});
