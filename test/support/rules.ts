/**
 * For tests that are tables: a small cluster in, the rules of its chains out. What a table does not say is as in
 * these defaults: one Service `shop/web` with a port `http`, seen from `node-a`.
 */
import { compile } from '../../src/compiler/compile.ts';
import { printRuleset } from '../../src/iptables/print.ts';
import type { Family } from '../../src/iptables/types.ts';
import { type CompilerInput, load } from './arbitrary/clusters.ts';
import type { Manifest } from './arbitrary/raw.ts';
import { chainsOf } from './restore-text.ts';

export interface Given {
  readonly objects?: readonly Manifest[];
  /** Fields of the KubeProxyConfiguration. */
  readonly config?: Manifest;
  /** Facts about the host, instead of {@link HOST}'s. */
  readonly host?: Manifest;
  readonly family?: Family;
  readonly legacyPortNames?: boolean;
  readonly rejectUnassigned?: boolean;
}

const HOST: Manifest = {
  name: 'node-a',
  zone: 'zone-1',
  region: 'region-1',
  ips: ['192.168.0.2', '2001:db8::2'],
  podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
};

/** Cluster IPs of both families. */
export const DUAL_STACK: Manifest = {
  clusterIP: undefined,
  clusterIPs: ['10.96.0.10', 'fd00:10:96::a'],
  ipFamilyPolicy: 'RequireDualStack',
};

export function service(spec: Manifest = {}, rest: Manifest = {}): Manifest {
  const { metadata, ...others } = rest;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', ...(metadata ?? {}) },
    spec: { clusterIP: '10.96.0.10', ports: [{ name: 'http', port: 80 }], ...spec },
    ...others,
  };
}

/** A Service of type LoadBalancer with one load-balancer IP. */
export function loadBalancer(spec: Manifest = {}, ip = '203.0.113.10'): Manifest {
  return service({ type: 'LoadBalancer', ...spec }, { status: { loadBalancer: { ingress: [{ ip }] } } });
}

/** An EndpointSlice of `shop/web`; endpoints that are just an address are ready and on no node. */
export function slice(endpoints: readonly (string | Manifest)[], fields: Manifest = {}): Manifest {
  const { name, ...others } = { name: 'web-1', ...fields };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: endpoints.map((endpoint) =>
      typeof endpoint === 'string' ? { addresses: [endpoint] } : endpoint,
    ),
    ports: [{ name: 'http', port: 8080 }],
    ...others,
  };
}

/** An endpoint of an EndpointSlice. */
export function endpoint(address: string, fields: Manifest = {}): Manifest {
  return { addresses: [address], ...fields };
}

export const TERMINATING: Manifest = { conditions: { ready: false, serving: true, terminating: true } };
export const NOT_READY: Manifest = { conditions: { ready: false, serving: false, terminating: false } };
export const ON_NODE_A: Manifest = { nodeName: 'node-a' };
export const ON_NODE_B: Manifest = { nodeName: 'node-b' };

export function inputOf({ objects = [], config, host, ...own }: Given): CompilerInput {
  const input = {
    services: [],
    others: objects,
    configuration: {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      clusterCIDR: '10.244.0.0/16,fd00:10:244::/56',
      ...config,
    },
    own: { legacyPortNames: own.legacyPortNames ?? false, rejectUnassigned: own.rejectUnassigned ?? false },
    host: { ...HOST, ...host },
  };
  return load(input);
}

/**
 * The rules of each chain by `table CHAIN`. Chains that are named by a hash go by what they are for: KUBE-SVC, -SVL,
 * -EXT and -FW by that alone, KUBE-SEP by the endpoint.
 */
export function rulesOf(given: Given): Readonly<Record<string, readonly string[]>> {
  const { cluster, node, options } = inputOf(given);
  const text = printRuleset(compile(cluster, node, options(given.family ?? 'ipv4')));
  const endpoints = new Map(
    [...chainsOf(text)].flatMap(([chain, rules]) => {
      const [, endpoint] = /--to-destination (\S+)/.exec(rules.at(-1) ?? '') ?? [];
      return endpoint === undefined ? [] : [[chain.replace('nat ', ''), `SEP(${endpoint})`]];
    }),
  );
  const readable = text
    .replace(/KUBE-SEP-[A-Z2-7]{16}/g, (chain) => endpoints.get(chain) ?? chain)
    .replace(/KUBE-(SVC|SVL|EXT|FW)-[A-Z2-7]{16}/g, '$1');
  return Object.fromEntries(chainsOf(readable));
}

/** Of these rules, the chains that a table speaks of. Undefined stands for a chain that there is not. */
export function chosen(
  rules: Readonly<Record<string, readonly string[]>>,
  expected: Readonly<Record<string, readonly string[] | undefined>>,
): Record<string, readonly string[] | undefined> {
  return Object.fromEntries(Object.keys(expected).map((chain) => [chain, rules[chain]]));
}
