/** From the options that commands share to what the compiler takes. */
import { z } from 'zod';
import type { ClusterState } from '../api/cluster.ts';
import { cidr, oneOfEachFamily } from '../api/fields.ts';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import { type HostFacts, hostSchema, type Node, type NodeFacts } from '../api/node.ts';
import type { PlacedObject } from '../api/objects.ts';
import type { Pod } from '../api/pod.ts';
import { allOf, check, formatProblem, InputError, type Problem } from '../api/problem.ts';
import { hasClusterIP } from '../api/service.ts';
import { type CompileOptions, compileOptions } from '../compiler/options.ts';
import { type ServiceRanges, unassignedWarnings } from '../compiler/unassigned.ts';
import type { Family } from '../net/address.ts';
import {
  DEFAULT_SERVICE_RANGES,
  type KnownManifests,
  type LoadedCluster,
  loadCluster,
} from '../sources/cluster.ts';
import { type Configuration, NO_OPTIONS, parseConfiguration, parseHost } from '../sources/configuration.ts';
import type { MadePods, WorkloadOptions } from '../sources/control-plane/from-workloads.ts';
import { readSource, readSources } from '../sources/files.ts';
import { type LiveKind, NEEDED } from '../sources/kubernetes/live-kinds.ts';
import { noSuchNode, resolveNode } from '../sources/node.ts';
import type { SourceText } from '../sources/source-text.ts';
import { workloadOptionsOf } from '../sources/workload-options.ts';
import { isKubectlPlugin } from './calling.ts';
import { hasDefaultCluster, namesCluster, readLiveCluster } from './live-cluster.ts';
import { madePodsInWords } from './made-pods.ts';
import type { InputOptions, ObjectsOptions, WorkloadsOptions } from './options.ts';
import { progress } from './progress.ts';
import { note, warn } from './run.ts';
import { isPiped, pipedText } from './standard-input.ts';

export interface CompilerInput {
  readonly cluster: ClusterState;
  readonly node: NodeFacts;
  /** The Pods of the input and those that were made, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  readonly made: MadePods;
  /** Every object of the input, as it was given, and where it stands. */
  readonly objects: readonly PlacedObject[];
  readonly sources: readonly SourceText[];
  /** The Node objects of the input, by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** kube-proxy's, where one was given. */
  readonly configuration: KubeProxyConfiguration | undefined;
  /** Whether what nobody serves is to be refused, and where. */
  readonly unassigned: ServiceRanges;
  options(family: Family): CompileOptions;
  /** The same input, as another of its Nodes sees it. */
  forNode(name: string): CompilerInput;
}

/** How to read, where a command has more to do with it than to compile it. */
export interface Reading {
  /** The texts of the manifests, where the caller wants them whatever is in them. */
  readonly sources?: Promise<readonly SourceText[]>;
  /** Is told what is most likely misspelt, though it is no error. By default, each is a warning. */
  readonly onTypos?: (typos: readonly Problem[]) => void;
  /** Whether the caller itself tells what the cluster and the node lack, which are warnings otherwise. */
  readonly tellsOfLacks?: boolean;
  /** What is asked of a live cluster; what rules are made from, unless given. */
  readonly kinds?: readonly LiveKind[];
  /** Whether the cluster that the environment names is read where nothing else is. */
  readonly defaultCluster?: boolean;
  /** What was read before, of the other side of a comparison. */
  readonly known?: KnownManifests;
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
  return await read(options, false, live, { ...reading, defaultCluster: reading.defaultCluster ?? false });
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
  { sources: given, onTypos = warnOfTypos, tellsOfLacks = false, known, ...from }: Reading,
): Promise<CompilerInput> {
  const reading = given ?? readManifests(options, from);
  const ranges = givenServiceRanges(options.serviceClusterIpRange);
  const told = [readConfiguration(options.config), readHost(options.host), factsFromFlags(options)] as const;
  const [{ kubeProxy, own }, host, flags, loaded, serviceRanges] = await allOf([
    ...told,
    readCluster(options, reading, ranges, workloads ? workloadOptionsOf(...told) : undefined, known),
    ranges,
  ]);
  const { hostnameOverride } = kubeProxy;
  const { cluster, nodes, serviceCIDRs, pods, made, objects, sources, warnings, ignored } = loaded;
  const node = resolveNode({ flags, host, hostnameOverride, nodes, live });
  // An API server has fields of its own version, and takes no others.
  const asked = new Set(sources.flatMap(({ name, origin }) => (origin === 'cluster' ? [name] : [])));
  const typos = loaded.typos.filter(({ at: [source = ''] }) => !asked.has(source));

  onTypos(typos);
  const ofCluster = tellsOfLacks ? [] : clusterWarnings(cluster);
  const ofNode = 'allNodes' in options ? [] : nodeWarnings(cluster, node, nodes, tellsOfLacks);
  for (const warning of [...warnings, ...ofCluster, ...ofNode]) warn(warning);
  if (options.verbose) {
    for (const [kind, count] of [...ignored].sort()) note(`ignored: ${count} ${kind}`);
  }
  // What comes now has no steps to count, and takes long only after a long reading.
  (await progress('compiling'))(0, 1);
  const legacyPortNames = options.legacyPortNames ?? own.legacyPortNames;
  const layout = options.layout ?? own.layout;
  const unassigned = {
    rejectUnassigned: options.rejectUnassigned ?? own.rejectUnassigned ?? false,
    serviceRanges: serviceRanges ?? serviceCIDRs,
  };
  if (!tellsOfLacks) {
    for (const warning of unassignedWarnings(unassigned, { configuration: kubeProxy, node })) warn(warning);
  }
  const asSeenBy = (node: NodeFacts): CompilerInput => ({
    cluster,
    node,
    pods,
    made,
    objects,
    sources,
    nodes,
    configuration: options.config === undefined ? undefined : kubeProxy,
    unassigned,
    options: (family) => compileOptions(family, kubeProxy, node, { legacyPortNames, layout, ...unassigned }),
    forNode: (name) => asSeenBy(resolveNode({ flags: { ...flags, name }, host, hostnameOverride, nodes })),
  });
  return asSeenBy(node);
}

/**
 * The input as each node sees it that the options ask for: every Node of it, by name, or the one.
 * @throws InputError where every Node is asked for, and there is none
 */
export function eachNode(
  input: CompilerInput,
  { allNodes }: { readonly allNodes?: true | undefined },
): CompilerInput[] {
  if (allNodes === undefined) return [input];
  if (input.nodes.size === 0) {
    throw new InputError([{ at: ['--all-nodes'], message: 'no Node in the input' }]);
  }
  return [...input.nodes.keys()].sort().map((name) => input.forNode(name));
}

/**
 * What the options tell of the node, where there is no cluster to read. Throws an InputError.
 * @param live what was found out on this machine, where it is the node
 */
export async function readNode(options: InputOptions, live: HostFacts = {}): Promise<NodeFacts> {
  const [host, flags] = await allOf([readHost(options.host), factsFromFlags(options)]);
  return resolveNode({ flags, host, hostnameOverride: undefined, nodes: new Map(), live });
}

/**
 * The texts of the manifests that the options name, or of the cluster; else of what is piped in, or of the cluster that
 * the environment names.
 * @throws InputError where nothing is named
 */
export async function readManifests(
  options: InputOptions,
  { kinds, defaultCluster = true }: Pick<Reading, 'kinds' | 'defaultCluster'> = {},
): Promise<readonly SourceText[]> {
  const named = readNamed(options, kinds);
  if (named !== undefined) return await named;
  const asPlugin = defaultCluster && isKubectlPlugin();
  if (isPiped() && !asPlugin) return await readSources([STANDARD_INPUT_PATH]);
  const piped = await pipedText('the cluster is read');
  if (piped !== undefined) return [piped];
  if (asPlugin || (defaultCluster && hasDefaultCluster())) return [await readLive(options, kinds)];
  if (!process.stdin.isTTY) return await readSources([STANDARD_INPUT_PATH]);
  const cluster = defaultCluster ? ', or name a cluster with --context or --kubeconfig' : '';
  throw new InputError([
    { at: [], message: `nothing to read: name manifests with -f or -k, or pipe them in${cluster}` },
  ]);
}

/** What `-f` takes for standard input. */
const STANDARD_INPUT_PATH = '-';

/** Whether options name manifests, or a cluster. */
export function namesObjects(options: ObjectsOptions): boolean {
  return options.filename !== undefined || options.kustomize !== undefined || namesCluster(options);
}

/** The texts of what options name, manifests or a cluster; undefined where they name neither. */
export function readNamed(
  options: ObjectsOptions,
  kinds?: readonly LiveKind[],
): Promise<readonly SourceText[]> | undefined {
  const { filename = [], kustomize = [] } = options;
  const hasManifests = filename.length + kustomize.length > 0;
  if (hasManifests && namesCluster(options)) {
    return Promise.reject(
      new InputError([
        { at: [], message: 'manifests (-f, -k) and a live cluster exclude each other: name one of them' },
      ]),
    );
  }
  if (hasManifests) return readGiven(filename, kustomize);
  return namesCluster(options) ? readLive(options, kinds).then((source) => [source]) : undefined;
}

async function readGiven(
  filename: readonly string[],
  kustomize: readonly string[],
): Promise<readonly SourceText[]> {
  const [files, ...built] = await allOf([
    filename.length === 0 ? [] : readSources(filename),
    ...kustomize.map(async (folder) =>
      (await import('../sources/kustomization.ts')).buildKustomization(folder),
    ),
  ]);
  return [...files, ...built];
}

/** The cluster that the options name, or else the environment. */
export async function readLive(
  options: ObjectsOptions,
  kinds: readonly LiveKind[] = NEEDED,
): Promise<SourceText> {
  (await progress('reading the cluster'))(0, 1);
  const ranges: readonly LiveKind[] = (await needsServiceCIDRs(options)) ? ['ServiceCIDR'] : [];
  return await readLiveCluster(options, [...kinds, ...ranges]);
}

/** Whether rules go by the cluster's ServiceCIDRs. What is wrong in the configuration is told where it is read. */
async function needsServiceCIDRs(options: ObjectsOptions & Partial<InputOptions>): Promise<boolean> {
  if (options.serviceClusterIpRange !== undefined) return false;
  if (options.rejectUnassigned !== undefined) return options.rejectUnassigned;
  const { own } = await readConfiguration(options.config).catch(() => ({ own: NO_OPTIONS }));
  return own.rejectUnassigned ?? false;
}

async function readCluster(
  options: InputOptions,
  reading: Promise<readonly SourceText[]>,
  ranges: Promise<readonly string[] | undefined>,
  workloads: Promise<WorkloadOptions> | undefined,
  known: KnownManifests | undefined,
): Promise<LoadedCluster & Pick<CompilerInput, 'sources'>> {
  const sources = await reading;
  const loaded = loadCluster(sources, {
    serviceRanges: (await ranges) ?? DEFAULT_SERVICE_RANGES,
    strict: options.strict ?? false,
    workloads: await workloads,
    onProgress: await progress('reading'),
    known,
  });
  return { ...loaded, sources };
}

async function readConfiguration(path: string | undefined): Promise<Configuration> {
  if (path !== undefined) return parseConfiguration(await readSource(path));
  return { kubeProxy: DEFAULT_CONFIGURATION, own: NO_OPTIONS };
}

async function readHost(path: string | undefined): Promise<HostFacts> {
  return path === undefined ? {} : parseHost(await readSource(path));
}

const RANGE_FLAG = '--service-cluster-ip-range';

async function givenServiceRanges(flag: string | undefined): Promise<readonly string[] | undefined> {
  if (flag === undefined) return undefined;
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
    `no EndpointSlice, Endpoints or Pod in the input gives endpoints to ${enumerate(bare)}: traffic to ${them} is refused`,
  ];
}

/** So many names are told of a list. */
const TOLD = 5;

function enumerate(names: readonly string[]): string {
  return names.slice(0, TOLD).join(', ') + (names.length > TOLD ? ` and ${names.length - TOLD} more` : '');
}

function nodeWarnings(
  cluster: ClusterState,
  node: NodeFacts,
  nodes: ReadonlyMap<string, unknown>,
  tellsOfLacks: boolean,
): string[] {
  if (node.name !== '') {
    const known = tellsOfLacks || nodes.size === 0 || nodes.has(node.name);
    return known ? [] : [noSuchNode(node.name, 'in the input', nodes.keys())];
  }
  const local = [...cluster.services.values()].some(
    ({ service }) => service.internalTrafficPolicy === 'Local' || service.externalTrafficPolicy === 'Local',
  );
  return local
    ? ['no --node-name: no endpoint counts as local, which Services with a Local policy need']
    : [];
}
