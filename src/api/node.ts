/** What is known of a node: the `v1` Node object, and the facts that decide its rules. */
import { z } from 'zod';
import { type Family, familyOf, isLoopback } from '../net/address.ts';
import { firstLabel, REGION_LABELS, ZONE_LABELS } from './endpoint-slice.ts';
import {
  cidr,
  clusterMetadata,
  dnsSubdomain,
  ipAddress,
  list,
  oneOfEachFamily,
  optional,
  withRules,
} from './fields.ts';

export type Node = Readonly<z.output<typeof nodeSchema>>;

/** Empty while no range is assigned to the node. */
const cidrOrNone = z.union([z.literal(''), cidr], { error: 'a CIDR range' });

export const nodeSchema = z
  .object({
    metadata: clusterMetadata.extend({ deletionTimestamp: optional(z.string()) }),
    spec: optional(
      z.object({
        podCIDR: optional(cidrOrNone),
        podCIDRs: list(cidr),
        taints: list(
          z.object({ key: z.string(), value: optional(z.string()), effect: optional(z.string()) }),
        ),
        unschedulable: optional(z.boolean()),
      }),
    ),
    status: optional(z.object({ addresses: list(z.object({ type: z.string(), address: z.string() })) })),
  })
  .transform(({ metadata, spec, status }) => ({
    kind: 'Node' as const,
    name: metadata.name,
    labels: metadata.labels,
    taints: spec?.taints ?? [],
    /** Cordoned: only what tolerates that is put on it. */
    unschedulable: spec?.unschedulable ?? false,
    zone: firstLabel(metadata.labels, ZONE_LABELS),
    region: firstLabel(metadata.labels, REGION_LABELS),
    podCIDRs: spec?.podCIDRs.length ? spec.podCIDRs : spec?.podCIDR ? [spec.podCIDR] : [],
    ips: nodeIPs(status?.addresses ?? []),
    /** Load balancers should send it no new traffic (kube-proxy v1.36, KEP-3836). */
    beingDeleted:
      metadata.deletionTimestamp !== undefined ||
      (spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED),
  }));

/** The taint by which the cluster autoscaler announces that it will delete a node. */
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

/**
 * The node's IPs: the first InternalIP (else ExternalIP) is the primary one, the first of the other family the
 * secondary, as kube-proxy v1.36 reads a Node object.
 */
function nodeIPs(addresses: readonly { type: string; address: string }[]): string[] {
  const ips = ['InternalIP', 'ExternalIP'].flatMap((wanted) =>
    addresses
      .filter(({ type }) => type === wanted)
      .flatMap(({ address }) => {
        const parsed = ipAddress.safeParse(address);
        return parsed.success ? [parsed.data] : [];
      }),
  );
  const [primary] = ips;
  if (primary === undefined) return [];
  const secondary = ips.find((ip) => familyOf(ip) !== familyOf(primary));
  return secondary === undefined ? [primary] : [primary, secondary];
}

/** The facts about a node that decide its rules. */
export interface NodeFacts {
  /** Endpoints whose `nodeName` is this are local; '' where the node is not known, and none is local. */
  readonly name: string;
  readonly zone: string | undefined;
  readonly region: string | undefined;
  /** The node's IPs, the primary one first, at most one of each family. */
  readonly ips: readonly string[];
  /** Addresses on the node's interfaces, with their prefix lengths; loopback's own need not be listed. */
  readonly interfaceAddresses: readonly string[];
  readonly podCIDRs: readonly string[];
  /** Whether the node's iptables has `MASQUERADE --random-fully` (1.6.2 and later). */
  readonly randomFully: boolean;
  /** Whether the node's kernel has xt_bpf. */
  readonly bpf: boolean;
  /** Whether the node has xt_recent, which remembers clients for session affinity. */
  readonly recent: boolean;
  /** Whether the nfacct objects that kube-proxy counts with exist. */
  readonly nfacct: boolean;
  /** Whether the sysctl `nf_conntrack_tcp_be_liberal` is set. */
  readonly conntrackTCPBeLiberal: boolean;
}

/** An address with the prefix length of its network: the host bits stay. */
const interfaceAddress = z.string().transform((text, context) => {
  const [address = '', prefix, ...more] = text.split('/');
  const parsed = ipAddress.safeParse(address);
  if (!parsed.success || more.length > 0 || !cidr.safeParse(`${address}/${prefix ?? '0'}`).success) {
    context.addIssue({ code: 'custom', message: 'an address such as 192.168.0.2/24', input: text });
    return '';
  }
  return prefix === undefined ? parsed.data : `${parsed.data}/${Number(prefix)}`;
});

/** The file given by `--host`: any of the facts. */
export const hostSchema = withRules(
  z.strictObject({
    name: optional(z.union([z.literal(''), dnsSubdomain], { error: 'the name of a node' })),
    zone: optional(z.string()),
    region: optional(z.string()),
    ips: optional(z.array(ipAddress)),
    interfaceAddresses: optional(z.array(interfaceAddress)),
    podCIDRs: optional(z.array(cidr)),
    randomFully: optional(z.boolean()),
    bpf: optional(z.boolean()),
    recent: optional(z.boolean()),
    nfacct: optional(z.boolean()),
    conntrackTCPBeLiberal: optional(z.boolean()),
  }),
  (known, { complain }) => {
    const ips = known?.ips?.filter((ip) => ip !== undefined) ?? [];
    if (!oneOfEachFamily(ips)) complain(['ips'], 'expected at most one address of each family');
  },
);

/** Facts as far as they are given. */
export type HostFacts = { readonly [Fact in keyof NodeFacts]?: NodeFacts[Fact] | undefined };

/** The node's own addresses, those of its interfaces and its IPs, each once; those of loopback need not be among them. */
export function addressesOfNode({ ips, interfaceAddresses }: NodeFacts): ReadonlySet<string> {
  return new Set([...ips, ...interfaceAddresses.map((address) => address.split('/')[0] ?? '')]);
}

/** The address that packets from the node itself have, and that others know it by; undefined where none is known. */
export function nodeAddress(node: NodeFacts, family: Family): string | undefined {
  return [...addressesOfNode(node)].find((address) => familyOf(address) === family && !isLoopback(address));
}
