/** Options that several commands share. The types of what commands are given come from here, and from each command. */
import {
  type Command,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
  type OptionValues,
} from 'commander';
import { parseDuration } from '../api/duration.ts';
import { LAYOUT_NAMES } from '../api/layout-names.ts';
import { FAMILIES } from '../net/address.ts';

/** What the action of a command is given, of a function that makes the command. */
export type OptionsOf<Make extends (...args: never[]) => CommandUnknownOpts> = ReturnType<
  ReturnType<Make>['opts']
>;

/** The values of an option that takes several with commas, and may be repeated all the same. */
export function joined(value: string, before?: string): string {
  return before === undefined ? value : `${before},${value}`;
}

/** The values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function familyOption(description = 'the IP family') {
  return new Option('--family <family>', description).choices(FAMILIES);
}

export function tableOption() {
  return new Option('--table <table>', 'only this table').choices(['nat', 'filter']);
}

/** Of commands that print something for people, or for programs. */
export function textOrJSONOption(description = 'the output format') {
  return new Option('-o, --output <format>', description).choices(['text', 'json']).default('text');
}

export function backendOption(
  description = 'the iptables to use (default: the one that the node already uses)',
) {
  return new Option('--backend <name>', description).choices(['nft', 'legacy']);
}

/** What every command that compiles a cluster takes: these first, and {@link addClusterOptions} after its own. */
export function addManifestsOption<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
  description = 'a file, a folder, or - for standard input (default if piped in); may be repeated',
) {
  return command
    .option('-f, --filename <path>', description, collect)
    .option(
      '-k, --kustomize <folder>',
      'a kustomization, built with kubectl or kustomize; may be repeated',
      collect,
    );
}

type ManifestsOptions = OptionsOf<typeof addManifestsOption<[], Record<never, never>>>;

/** What commands take that look at manifests alone, before {@link addClusterOptions}. */
export function addWorkloadsOption<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
  description = 'make no Pods from Deployments and other workloads (their addresses: --pod-cidr, else the Nodes)',
) {
  return command.option('--no-workloads', description);
}

export type WorkloadsOptions = OptionsOf<typeof addWorkloadsOption<[], Record<never, never>>>;

/** What every command that compiles a cluster takes, after its own options: how to read the cluster, and the node. */
export function addClusterOptions<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
) {
  return command
    .option('--config <file>', 'a KubeProxyConfiguration, as kube-proxy takes it')
    .option(
      '--service-cluster-ip-range <ranges>',
      'the ranges of cluster IPs that manifests leave out (default: 10.96.0.0/12,fd00:10:96::/108)',
    )
    .addOption(strictOption())
    .addOption(
      new Option(
        '--layout <name>',
        'the layout of the rules: that of kube-proxy (default), or one with fewer rules for the same traffic',
      ).choices(LAYOUT_NAMES),
    )
    .option(
      '--reject-unassigned',
      'refuse what no Service serves in the range of cluster IPs (that of ServiceCIDRs, or --service-cluster-ip-range)',
    )
    .option('--legacy-port-names', 'print an unnamed port as namespace/name: (Kubernetes before 1.13)')
    .option('--verbose', 'count objects of ignored kinds on standard error')
    .optionsGroup('The node:')
    .option('--host <file>', 'facts about the node, as in a host.yaml; flags override it')
    .option('--node-name <name>', 'the name of the node; its Node object, if there, gives the other facts')
    .option('--node-ip <ips>', "the node's IPs, one of each family, the primary one first")
    .option('--zone <zone>', "the node's topology.kubernetes.io/zone")
    .option('--region <region>', "the node's topology.kubernetes.io/region")
    .option('--pod-cidr <ranges>', "the ranges of the node's pods, one of each family", joined)
    .option(
      '--interface-address <addresses>',
      "the addresses on the node's interfaces, such as 192.168.0.2/24",
    )
    .option('--random-fully', 'its iptables has MASQUERADE --random-fully (default)')
    .option('--no-random-fully', 'its iptables is older than 1.6.2')
    .option('--bpf', 'its kernel has xt_bpf (default)')
    .option('--no-bpf', 'its kernel has no xt_bpf: the fast layout then has rules for each endpoint instead')
    .option('--nfacct', "kube-proxy's nfacct counters exist on it")
    .option('--conntrack-tcp-be-liberal', 'its nf_conntrack_tcp_be_liberal is set');
}

/** What commands take that can look at a live cluster: which one, as kubectl takes it. After all other options. */
export function addLiveOptions<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
) {
  return command
    .optionsGroup('The live cluster:')
    .option(
      '--kubeconfig <file>',
      'the kubeconfig (default: KUBECONFIG, ~/.kube/config, or the service account of a pod)',
    )
    .option('--context <name>', 'the context of the kubeconfig')
    .option('--cluster <name>', 'the cluster of the kubeconfig')
    .option('--user <name>', 'the user of the kubeconfig')
    .option('-s, --server <url>', 'the address of the API server; overrides the kubeconfig')
    .addOption(
      new Option(
        '--request-timeout <duration>',
        'the time limit of one request, such as 30s; 0 for none (default)',
      ).argParser(parseTimeout),
    );
}

type GivenLiveOptions = OptionsOf<typeof addLiveOptions<[], Record<never, never>>>;

/** Those that are given. */
export type LiveOptions = { readonly [Name in keyof GivenLiveOptions]?: GivenLiveOptions[Name] | undefined };

/** What says where objects come from. */
export type ObjectsOptions = LiveOptions & ManifestsOptions;

/** What narrows what commands show. What is compiled is always the whole cluster. */
export function addShownOptions<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
) {
  return command
    .optionsGroup('What is shown:')
    .option('-n, --namespace <namespace>', 'only this namespace, which names without one are in')
    .option('-A, --all-namespaces', 'all namespaces (default)')
    .option('-l, --selector <selector>', 'only Services whose labels match, such as app=web,tier!=cache');
}

export type ShownOptions = OptionsOf<typeof addShownOptions<[], Record<never, never>>>;

/** Of commands whose answer is another one on each node. */
export function allNodesOption(description = 'once for each Node of the input') {
  return new Option('--all-nodes', description).conflicts([
    'nodeName',
    'host',
    'nodeIp',
    'zone',
    'region',
    'interfaceAddress',
  ]);
}

/** Of commands whose output is one text, which those of several nodes are not. */
export function outputFolderOption() {
  return new Option('--output-folder <folder>', 'where --all-nodes writes a file for each Node, NODE/FILE');
}

/** Milliseconds of `30s` or `1m30s`, or of `30`, which is seconds, as kubectl takes it; 0 for no limit. */
function parseTimeout(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const milliseconds = /^(?:[\d.]+(?:ms|s|m|h))+$/.test(text) ? parseDuration(text) : undefined;
  if (milliseconds !== undefined) return milliseconds;
  throw new InvalidArgumentError('Expected a duration, such as 30s or 1m.');
}

/** Of commands that read manifests: what no API server holds, and what one refuses where its validation is strict. */
export function strictOption() {
  return new Option(
    '--strict',
    'make errors of unknown fields and kinds, of Services without a cluster IP, and of addresses and node ports that two Services have',
  );
}

/** What every command that compiles a cluster is given. */
export type InputOptions = OptionsOf<typeof addClusterOptions<[], ManifestsOptions>> & LiveOptions;

/** Of commands that look at rules, wherever those are: at this node's, where there are no manifests. */
export const MANIFESTS_INSTEAD_OF_KERNEL =
  'manifests: a file, a folder, or - for standard input; may be repeated';

/** Of commands that look at rules wherever those are. */
export const WHOSE_RULES =
  "The rules come from this node's kernel (default; needs root), from the output of iptables-save (--save), or from manifests (-f, -k, or piped in) or a cluster (--context, --kubeconfig). With --save or --kernel, manifests or a cluster only supply names and reasons.";

/** What every command that looks at rules takes, wherever those are. */
export function addRulesOptions<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
) {
  return (
    command
      .option(
        '--save <file>',
        'the rules as iptables-save prints them, or a bundle of doctor; - for standard input',
      )
      .addOption(kernelOption())
      .addOption(familyOption('the IP family (default: that of the addresses)'))
      // Which kernel is meant says nothing of rules that come from elsewhere.
      .addOption(backendOption().conflicts('save'))
  );
}

/** Of commands that can look at rules wherever those are. */
export function kernelOption(
  description = "the rules in this node's kernel; manifests or a cluster then give names and reasons",
) {
  return new Option('--kernel', description).conflicts(['save', 'allNodes']);
}

/** What every command that looks at rules is given. */
export type RulesOptions = OptionsOf<typeof addRulesOptions<[], InputOptions>>;
