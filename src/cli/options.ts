/** Options that several commands share. */
import { type Command, Option } from 'commander';
import { LAYOUT_NAMES } from '../api/layout-names.ts';

/** The values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

export function backendOption(): Option {
  return new Option(
    '--backend <name>',
    'which iptables to use; the one that the node uses already unless given',
  ).choices(['nft', 'legacy']);
}

/** The options of commands that look at rules, wherever those are. */
export function rulesOptions(): Option[] {
  return [
    new Option('--save <file>', 'the rules as iptables-save prints them; - for standard input'),
    new Option('--family <family>', 'the IP family (default: that of the addresses)').choices([
      'ipv4',
      'ipv6',
    ]),
    // Which kernel is meant says nothing of rules that come from elsewhere.
    backendOption().conflicts(['filename', 'save']),
  ];
}

const MANIFESTS =
  'a file, a folder, or - for standard input (default where one is piped in); may be repeated';

/** Of commands that look at this node where there are no manifests. */
export const MANIFESTS_INSTEAD_OF_KERNEL =
  'manifests: a file, a folder, or - for standard input; may be repeated';

/**
 * What every command that compiles a cluster takes.
 * @param own the options of this one
 */
export function addClusterOptions(command: Command, own: readonly Option[], manifests = MANIFESTS): void {
  command.option('-f, --filename <path>', manifests, collect);
  for (const option of own) command.addOption(option);
  command
    .option('--config <file>', 'a KubeProxyConfiguration, as kube-proxy takes it')
    .option(
      '--service-cluster-ip-range <ranges>',
      'where the cluster IPs come from that manifests leave out (default: 10.96.0.0/12,fd00:10:96::/108)',
    )
    .option(
      '--strict',
      'a Service without a cluster IP, or with an address or a node port of another, is an error',
    )
    .addOption(
      new Option(
        '--layout <name>',
        'how to write Services as rules: as kube-proxy does (default), or in fewer rules that do the same',
      ).choices(LAYOUT_NAMES),
    )
    .option('--legacy-port-names', 'print an unnamed port as namespace/name: (Kubernetes before 1.13)')
    .option('--verbose', 'count the objects of other kinds on standard error')
    .optionsGroup('The node:')
    .option('--host <file>', 'facts about the node, in the form of a host.yaml; the flags below count more')
    .option('--node-name <name>', 'the name of the node; its Node object gives the rest if the input has it')
    .option('--node-ip <ips>', "the node's IPs, one of each family, the primary one first")
    .option('--zone <zone>', "the node's topology.kubernetes.io/zone")
    .option('--region <region>', "the node's topology.kubernetes.io/region")
    .option('--pod-cidr <ranges>', "the ranges of the node's pods, one of each family")
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
