/** Plan: what the node itself does, whatever its Services are. There is no iptables in it. */
import type { NodeFacts } from '../api/node.ts';
import {
  addressBits,
  compareAddresses,
  contains,
  type Family,
  familyOf,
  isLoopback,
  LOOPBACK,
  prefixLength,
} from '../net/address.ts';
import type { CompileOptions } from './options.ts';

/** The one place that decides what rules, sysctls and servers of a node go by, in one family. */
export interface NodePlan {
  /** The node's addresses that node ports, and health check node ports, are served on. */
  readonly nodePortsAt: NodePortsAt;
  /**
   * Node ports answer on 127.0.0.0/8 (IPv4 only), which takes route_localnet; what that opens to the network, a rule
   * closes again (CVE-2020-8558).
   */
  readonly localhostNodePorts: boolean;
  /** What is counted by nfacct objects, as kube-proxy v1.36 has them. */
  readonly counted: {
    /** Packets of no known connection that are dropped. */
    readonly invalid: boolean;
    /** Connections to node ports on localhost, to tell who still depends on them (KEP-3178's metric). */
    readonly localhostNodePorts: boolean;
  };
  /** Packets of no known connection are dropped where they are forwarded; not where TCP is tracked liberally. */
  readonly dropsInvalid: boolean;
  /** The bit of the packet mark that asks for masquerading; a power of two up to 2^31. */
  readonly masqueradeMark: number;
}

/** All addresses of the node, or all but those of loopback; or these alone, in order. */
export type NodePortsAt = 'all' | 'all but loopback' | readonly string[];

/** What the compiler's options say of the node. */
type NodeOptions = Pick<
  CompileOptions,
  'family' | 'localhostNodePorts' | 'masqueradeBit' | 'nodePortAddresses'
>;

/**
 * Plans what a node does in one family. Pure: the same facts and options give the same plan.
 * @param node undefined while nothing is known of it: then `primary` stands for no address
 */
export function planNode(node: NodeFacts | undefined, options: NodeOptions): NodePlan {
  const { family, masqueradeBit } = options;
  const nfacct = node?.nfacct === true;
  const ranges = nodePortRanges(node, options);
  // With `nodePortAddresses` that leave loopback out, node ports are not there, whatever the configuration says.
  const localhostNodePorts = family === 'ipv4' && options.localhostNodePorts && ranges.some(touchesLoopback);
  return {
    nodePortsAt: nodePortsAt(node, family, ranges, localhostNodePorts),
    localhostNodePorts,
    counted: { invalid: nfacct, localhostNodePorts: nfacct && localhostNodePorts },
    dropsInvalid: node?.conntrackTCPBeLiberal !== true,
    // No shift, which would be negative at 31.
    masqueradeMark: 2 ** masqueradeBit,
  };
}

const EVERYTHING = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const satisfies Record<Family, string>;

/**
 * The ranges that `nodePortAddresses` gives for this family, its keywords (Kubernetes v1.37) among them; all addresses
 * where it gives none.
 */
function nodePortRanges(
  node: NodeFacts | undefined,
  { family, nodePortAddresses }: NodeOptions,
): readonly string[] {
  const given = nodePortAddresses.flatMap((range) => {
    switch (range) {
      case 'primary':
        return (node?.ips ?? []).map((ip) => `${ip}/${addressBits(familyOf(ip))}`);
      case 'localhost':
        return Object.values(LOOPBACK);
      case 'all':
        return Object.values(EVERYTHING);
      default:
        return [range];
    }
  });
  const ranges = given.filter((range) => familyOf(range) === family);
  const isYetToCome = node === undefined && nodePortAddresses.includes('primary');
  return ranges.length > 0 || isYetToCome ? ranges : [EVERYTHING[family]];
}

function touchesLoopback(range: string): boolean {
  return isLoopback(range.slice(0, range.indexOf('/'))) || contains(range, '127.0.0.0');
}

function nodePortsAt(
  node: NodeFacts | undefined,
  family: Family,
  ranges: readonly string[],
  onLoopback: boolean,
): NodePortsAt {
  if (ranges.some((range) => prefixLength(range) === 0)) return onLoopback ? 'all' : 'all but loopback';
  return addressesOf(node, family)
    .filter((address) => ranges.some((range) => contains(range, address)))
    .filter((address) => onLoopback || !isLoopback(address));
}

/** The node's addresses in order, loopback among them. */
function addressesOf(node: NodeFacts | undefined, family: Family): string[] {
  const own = (node?.interfaceAddresses ?? []).map((withPrefix) => withPrefix.replace(/\/.*/, ''));
  const ofFamily = own.filter((address) => familyOf(address) === family);
  return [...new Set([family === 'ipv4' ? '127.0.0.1' : '::1', ...ofFamily])].sort(compareAddresses);
}
