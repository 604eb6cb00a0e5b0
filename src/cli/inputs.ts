/** From the options that commands share to what the compiler takes. */
import { z } from 'zod';
import type { ClusterState } from '../api/cluster.ts';
import { cidr } from '../api/fields.ts';
import { DEFAULT_CONFIGURATION } from '../api/kube-proxy-configuration.ts';
import { type HostFacts, hostSchema, type NodeFacts } from '../api/node.ts';
import { checkOrThrow, InputError } from '../api/problem.ts';
import { type CompileOptions, compileOptions } from '../compiler/options.ts';
import { type Family, familyOf } from '../net/address.ts';
import { DEFAULT_SERVICE_RANGES, loadCluster } from '../sources/cluster.ts';
import { type Configuration, parseConfiguration, parseHost } from '../sources/configuration.ts';
import { readSource, readSources } from '../sources/files.ts';
import { resolveNode } from '../sources/node.ts';
import { note, warn } from './run.ts';

/** The options of every command that compiles a cluster, as commander gives them. */
export interface ClusterOptions {
  readonly filename?: readonly string[];
  readonly config?: string;
  readonly serviceClusterIpRange?: string;
  readonly strict?: boolean;
  readonly legacyPortNames?: boolean;
  readonly verbose?: boolean;
  readonly host?: string;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly zone?: string;
  readonly region?: string;
  readonly podCidr?: string;
  readonly interfaceAddress?: string;
  readonly randomFully?: boolean;
  readonly nfacct?: boolean;
  readonly conntrackTcpBeLiberal?: boolean;
}

export interface CompilerInput {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  options(family: Family): CompileOptions;
}

/** Reads everything that the options name. Throws an InputError; tells of warnings on standard error. */
export async function readInput(options: ClusterOptions): Promise<CompilerInput> {
  const configuration = await readConfiguration(options.config);
  const host = options.host === undefined ? {} : parseHost(await readSource(options.host));
  const flags = factsFromFlags(options);
  const { cluster, nodes, warnings, ignored } = loadCluster(await readSources(filenames(options)), {
    serviceRanges: serviceRanges(options.serviceClusterIpRange),
    strict: options.strict ?? false,
  });
  const { kubeProxy, own } = configuration;
  const node = resolveNode({ flags, host, hostnameOverride: kubeProxy.hostnameOverride, nodes });

  for (const warning of [...warnings, ...nodeWarnings(cluster, node, nodes)]) warn(warning);
  if (options.verbose) {
    for (const [kind, count] of [...ignored].sort()) note(`ignored: ${count} ${kind}`);
  }
  const legacyPortNames = options.legacyPortNames ?? own.legacyPortNames;
  return {
    cluster,
    node,
    options: (family) => compileOptions(family, kubeProxy, node, { legacyPortNames }),
  };
}

function filenames({ filename }: ClusterOptions): readonly string[] {
  if (filename) return filename;
  if (!process.stdin.isTTY) return ['-'];
  throw new InputError([{ at: [], message: 'nothing to read: name manifests with -f, or pipe them in' }]);
}

async function readConfiguration(path: string | undefined): Promise<Configuration> {
  if (path !== undefined) return parseConfiguration(await readSource(path));
  return { kubeProxy: DEFAULT_CONFIGURATION, own: { legacyPortNames: undefined } };
}

function serviceRanges(flag: string | undefined): readonly string[] {
  if (flag === undefined) return DEFAULT_SERVICE_RANGES;
  const ranges = checkOrThrow(z.array(cidr), flag.split(','), ['--service-cluster-ip-range']);
  if (new Set(ranges.map(familyOf)).size < ranges.length) {
    throw new InputError([
      { at: ['--service-cluster-ip-range'], message: 'expected one range of each family at most' },
    ]);
  }
  return ranges;
}

/** The facts that have a flag each, held to the same schema as the file of facts. */
function factsFromFlags(options: ClusterOptions): HostFacts {
  const fields = hostSchema.shape;
  const list = (value: string | undefined) => value?.split(',');
  return {
    name: checkOrThrow(fields.name, options.nodeName, ['--node-name']),
    zone: options.zone,
    region: options.region,
    ips: checkOrThrow(fields.ips, list(options.nodeIp), ['--node-ip']),
    podCIDRs: checkOrThrow(fields.podCIDRs, list(options.podCidr), ['--pod-cidr']),
    interfaceAddresses: checkOrThrow(fields.interfaceAddresses, list(options.interfaceAddress), [
      '--interface-address',
    ]),
    randomFully: options.randomFully,
    nfacct: options.nfacct,
    conntrackTCPBeLiberal: options.conntrackTcpBeLiberal,
  };
}

/** What would make rules that nobody meant. */
function nodeWarnings(cluster: ClusterState, node: NodeFacts, nodes: ReadonlyMap<string, unknown>): string[] {
  if (node.name !== '') {
    return nodes.size > 0 && !nodes.has(node.name) ? [`Node ${node.name}: not in the input`] : [];
  }
  const local = [...cluster.services.values()].some(
    ({ service }) => service.internalTrafficPolicy === 'Local' || service.externalTrafficPolicy === 'Local',
  );
  return local
    ? ['no --node-name: no endpoint counts as local, which Services with a Local policy need']
    : [];
}
