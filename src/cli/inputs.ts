/** From the options that commands share to what the compiler takes. */
import { z } from 'zod';
import type { ClusterState } from '../api/cluster.ts';
import { cidr, oneOfEachFamily } from '../api/fields.ts';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { type HostFacts, hostSchema, type NodeFacts } from '../api/node.ts';
import type { PlacedObject } from '../api/objects.ts';
import type { Pod } from '../api/pod.ts';
import { allOf, check, formatProblem, InputError, type Problem } from '../api/problem.ts';
import { hasClusterIP } from '../api/service.ts';
import { type CompileOptions, compileOptions } from '../compiler/options.ts';
import type { Family } from '../net/address.ts';
import { DEFAULT_SERVICE_RANGES, type LoadedCluster, loadCluster } from '../sources/cluster.ts';
import { type Configuration, NO_OPTIONS, parseConfiguration, parseHost } from '../sources/configuration.ts';
import type { MadePods, WorkloadOptions } from '../sources/control-plane/from-workloads.ts';
import { readSource, readSources } from '../sources/files.ts';
import { noSuchNode, resolveNode } from '../sources/node.ts';
import type { SourceText } from '../sources/source-text.ts';
import { workloadOptionsOf } from '../sources/workload-options.ts';
import { madePodsInWords } from './made-pods.ts';
import type { InputOptions, WorkloadsOptions } from './options.ts';
import { progress } from './progress.ts';
import { note, warn } from './run.ts';

export interface CompilerInput {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  /** The Pods of the input and those that were made, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  readonly made: MadePods;
  /** Every object of the input, as it was given, and where it stands. */
  readonly objects: readonly PlacedObject[];
  readonly sources: readonly SourceText[];
  /** kube-proxy's, where one was given. */
  readonly configuration: KubeProxyConfiguration | undefined;
  options(family: Family): CompileOptions;
}

/** How to read, where a command has more to do with it than to compile it. */
export interface Reading {
  /** The texts of the manifests, where the caller wants them whatever is in them. */
  readonly sources?: Promise<readonly SourceText[]>;
  /** Is told what is most likely misspelt, though it is no error. By default, each is a warning. */
  readonly onTypos?: (typos: readonly Problem[]) => void;
}

/**
 * Reads everything that the options name; tells of warnings on standard error.
 * @param live what was found out on this machine, where it is the node
 * @throws InputError; a ManifestError where nothing is wrong but the manifests
 */
export async function readInput(
  options: InputOptions,
  live: HostFacts = {},
  reading: Reading = {},
): Promise<CompilerInput> {
  return await read(options, false, live, reading);
}

/**
 * Like {@link readInput}, and makes Pods of Deployments and other workloads unless the options leave them out: for what
 * looks at manifests alone. Where rules come from a kernel or go into one, addresses that nobody has would do harm.
 */
export async function readInputWithWorkloads(
  options: InputOptions & WorkloadsOptions,
  { toldOfPods = false, ...reading }: Reading & { readonly toldOfPods?: boolean } = {},
): Promise<CompilerInput> {
  const input = await read(options, options.workloads, {}, reading);
  const words = toldOfPods ? undefined : madePodsInWords([input.made]);
  if (words !== undefined) note(words);
  return input;
}

async function read(
  options: InputOptions,
  workloads: boolean,
  live: HostFacts,
  { sources: reading = readManifests(options), onTypos = warnOfTypos }: Reading,
): Promise<CompilerInput> {
  const ranges = serviceRanges(options.serviceClusterIpRange);
  const given = [readConfiguration(options.config), readHost(options.host), factsFromFlags(options)] as const;
  const [{ kubeProxy, own }, host, flags, loaded] = await allOf([
    ...given,
    readCluster(options, reading, ranges, workloads ? workloadOptionsOf(...given) : undefined),
    ranges,
  ]);
  const { hostnameOverride } = kubeProxy;
  const { cluster, nodes, pods, made, objects, sources, warnings, typos, ignored } = loaded;
  const node = resolveNode({ flags, host, hostnameOverride, nodes, live });

  onTypos(typos);
  for (const warning of [...warnings, ...clusterWarnings(cluster), ...nodeWarnings(cluster, node, nodes)]) {
    warn(warning);
  }
  if (options.verbose) {
    for (const [kind, count] of [...ignored].sort()) note(`ignored: ${count} ${kind}`);
  }
  // What comes now has no steps to count, and takes long only after a long reading.
  (await progress('compiling'))(0, 1);
  const legacyPortNames = options.legacyPortNames ?? own.legacyPortNames;
  const layout = options.layout ?? own.layout;
  return {
    cluster,
    node,
    pods,
    made,
    objects,
    sources,
    configuration: options.config === undefined ? undefined : kubeProxy,
    options: (family) => compileOptions(family, kubeProxy, node, { legacyPortNames, layout }),
  };
}

/**
 * What the options tell of the node, where there is no cluster to read. Throws an InputError.
 * @param live what was found out on this machine, where it is the node
 */
export async function readNode(options: InputOptions, live: HostFacts = {}): Promise<NodeFacts> {
  const [host, flags] = await allOf([readHost(options.host), factsFromFlags(options)]);
  return resolveNode({ flags, host, hostnameOverride: undefined, nodes: new Map(), live });
}

/** The texts of the manifests that the options name. Throws an InputError. */
export async function readManifests(options: InputOptions): Promise<readonly SourceText[]> {
  return await readSources(filenames(options));
}

async function readCluster(
  options: InputOptions,
  reading: Promise<readonly SourceText[]>,
  ranges: Promise<readonly string[]>,
  workloads: Promise<WorkloadOptions> | undefined,
): Promise<LoadedCluster & Pick<CompilerInput, 'sources'>> {
  const sources = await reading;
  const loaded = loadCluster(sources, {
    serviceRanges: await ranges,
    strict: options.strict ?? false,
    workloads: await workloads,
    onProgress: await progress('reading'),
  });
  return { ...loaded, sources };
}

function filenames({ filename }: InputOptions): readonly string[] {
  if (filename) return filename;
  if (!process.stdin.isTTY) return ['-'];
  throw new InputError([{ at: [], message: 'nothing to read: name manifests with -f, or pipe them in' }]);
}

async function readConfiguration(path: string | undefined): Promise<Configuration> {
  if (path !== undefined) return parseConfiguration(await readSource(path));
  return { kubeProxy: DEFAULT_CONFIGURATION, own: NO_OPTIONS };
}

async function readHost(path: string | undefined): Promise<HostFacts> {
  return path === undefined ? {} : parseHost(await readSource(path));
}

const RANGE_FLAG = '--service-cluster-ip-range';

async function serviceRanges(flag: string | undefined): Promise<readonly string[]> {
  if (flag === undefined) return DEFAULT_SERVICE_RANGES;
  const result = check(z.array(cidr), flag.split(','), []);
  if (!result.ok) throw new InputError(result.problems.map(({ message }) => ({ at: [RANGE_FLAG], message })));
  if (!oneOfEachFamily(result.value)) {
    throw new InputError([{ at: [RANGE_FLAG], message: 'expected at most one range of each family' }]);
  }
  return result.value;
}

/** The flag of each fact that a flag can get wrong. */
const FLAG_OF_FACT: Readonly<Record<string, string>> = {
  name: '--node-name',
  ips: '--node-ip',
  podCIDRs: '--pod-cidr',
  interfaceAddresses: '--interface-address',
};

/** The facts that have a flag each, held to the same schema as the file of facts. */
async function factsFromFlags(options: InputOptions): Promise<HostFacts> {
  const list = (value: string | undefined) => value?.split(',');
  const facts = {
    name: options.nodeName,
    zone: options.zone,
    region: options.region,
    ips: list(options.nodeIp),
    podCIDRs: list(options.podCidr),
    interfaceAddresses: list(options.interfaceAddress),
    randomFully: options.randomFully,
    bpf: options.bpf,
    nfacct: options.nfacct,
    conntrackTCPBeLiberal: options.conntrackTcpBeLiberal,
  };
  const result = check(hostSchema, facts, []);
  if (result.ok) return result.value;
  throw new InputError(
    result.problems.map(({ at: [path = ''], message }) => {
      const fact = path.replace(/\[\d+\]$/, '');
      return { at: [FLAG_OF_FACT[fact] ?? fact], message };
    }),
  );
}

/** So many typos are told where rules are what was asked for: a chart may have one in each of its objects. */
const TOLD_TYPOS = 10;

function warnOfTypos(typos: readonly Problem[]): void {
  for (const typo of typos.slice(0, TOLD_TYPOS)) warn(formatProblem(typo));
  const more = typos.length - TOLD_TYPOS;
  if (more > 0) warn(`${more} more like these: svc2ipt lint --all tells each, --strict makes them errors`);
}

/** What is no error, but seldom what its author meant. */
function clusterWarnings({ services }: ClusterState): string[] {
  if (services.size === 0) return ['no Service in the input: these are only the rules that every node has'];
  const bare = [...services]
    .filter(([, { service, endpointSlices }]) => endpointSlices.length === 0 && hasClusterIP(service))
    .map(([name]) => name);
  if (bare.length === 0) return [];
  const them = bare.length === 1 ? 'it' : 'them';
  return [
    `no EndpointSlice, Endpoints or Pod in the input gives endpoints to ${enumerate(bare)}: traffic to ${them} is rejected`,
  ];
}

/** So many names are told of a list. */
const TOLD = 5;

function enumerate(names: readonly string[]): string {
  return names.slice(0, TOLD).join(', ') + (names.length > TOLD ? ` and ${names.length - TOLD} more` : '');
}

function nodeWarnings(cluster: ClusterState, node: NodeFacts, nodes: ReadonlyMap<string, unknown>): string[] {
  if (node.name !== '') {
    const known = nodes.size === 0 || nodes.has(node.name);
    return known ? [] : [noSuchNode(node.name, 'in the input', nodes.keys())];
  }
  const local = [...cluster.services.values()].some(
    ({ service }) => service.internalTrafficPolicy === 'Local' || service.externalTrafficPolicy === 'Local',
  );
  return local
    ? ['no --node-name: no endpoint counts as local, which Services with a Local policy need']
    : [];
}
