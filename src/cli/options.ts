/** Options that several commands share. The types of what commands are given come from here, and from each command. */
import { type Command, type CommandUnknownOpts, Option, type OptionValues } from 'commander';
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
export function textOrJSONOption(description = 'how to print it') {
  return new Option('-o, --output <format>', description).choices(['text', 'json']).default('text');
}

export function backendOption(
  description = 'which iptables to use; the one that the node uses already unless given',
) {
  return new Option('--backend <name>', description).choices(['nft', 'legacy']);
}

/** What every command that compiles a cluster takes: these first, and {@link addClusterOptions} after its own. */
export function addManifestsOption<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
  description = 'a file, a folder, or - for standard input (default where one is piped in); may be repeated',
) {
  return command.option('-f, --filename <path>', description, collect);
}

type ManifestsOptions = OptionsOf<typeof addManifestsOption<[], Record<never, never>>>;

/** What commands take that look at manifests alone, before {@link addClusterOptions}. */
export function addWorkloadsOption<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
  description = 'make no Pods of Deployments and other workloads, with addresses from --pod-cidr or else the Nodes',
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
      'where the cluster IPs come from that manifests leave out (default: 10.96.0.0/12,fd00:10:96::/108)',
    )
    .addOption(strictOption())
    .addOption(
      new Option(
        '--layout <name>',
        'how to write Services as rules: as kube-proxy does (default), or in fewer rules that do the same',
      ).choices(LAYOUT_NAMES),
    )
    .option('--legacy-port-names', 'print an unnamed port as namespace/name: (Kubernetes before 1.13)')
    .option('--verbose', 'count the objects of other kinds on standard error')
    .optionsGroup('The node:')
    .option('--host <file>', 'facts about the node, in the form of a host.yaml; flags override it')
    .option('--node-name <name>', 'the name of the node; its Node object gives the rest if the input has it')
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

/** Of commands that read manifests: what no API server holds, and what one refuses where its validation is strict. */
export function strictOption() {
  return new Option(
    '--strict',
    'a misspelt field or kind, a Service without a cluster IP, or with an address or a node port of another, is an error',
  );
}

/** What every command that compiles a cluster is given. */
export type InputOptions = OptionsOf<typeof addClusterOptions<[], ManifestsOptions>>;

/** Of commands that look at rules, wherever those are: at this node's, where there are no manifests. */
export const MANIFESTS_INSTEAD_OF_KERNEL =
  'manifests: a file, a folder, or - for standard input; may be repeated';

/** Of commands that look at rules wherever those are. */
export const WHOSE_RULES =
  "The rules are this node's own (needs root), those of an iptables-save (--save), or those that manifests come to (-f).";

/** What every command that looks at rules takes, wherever those are. */
export function addRulesOptions<Args extends unknown[], Own extends OptionValues>(
  command: Command<Args, Own>,
) {
  return (
    command
      .option('--save <file>', 'the rules as iptables-save prints them; - for standard input')
      .addOption(familyOption('the IP family (default: that of the addresses)'))
      // Which kernel is meant says nothing of rules that come from elsewhere.
      .addOption(backendOption().conflicts(['filename', 'save']))
  );
}

/** What every command that looks at rules is given. */
export type RulesOptions = OptionsOf<typeof addRulesOptions<[], InputOptions>>;
