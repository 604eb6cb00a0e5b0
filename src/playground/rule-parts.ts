/** The parts of a rule, each with what it says, for those who do not know iptables. */
import { type ChainKind, chainKind, MARK_CHAIN } from '../chains/names.ts';
import { isHairpinProgram } from '../iptables/hairpin-program.ts';
import { printRule } from '../iptables/print.ts';
import type { ConntrackState, Match, Rule, TableName, Target } from '../iptables/types.ts';
import { alternatives } from '../text/lists.ts';
import { printable } from '../text/printable.ts';
import { printShare } from '../text/share.ts';

/** A part of a rule's line. The texts of all of them, one behind the other, are the line. */
export interface RulePart {
  /** As iptables-restore reads it, with the space before it. */
  readonly text: string;
  /** What it says: a sentence or two. */
  readonly words: string;
  /** What it is, for those who colour it. */
  readonly kind: 'chain' | 'match' | 'comment' | 'target' | 'end' | 'bad';
  /** The chain that it leads to. */
  readonly chain?: string;
}

/** What names and addresses stand for. */
export interface Meanings {
  /** `cluster IP of shop/web`; undefined for an address or a range that nothing is known of. */
  address(address: string): string | undefined;
  /** `node port of shop/web` */
  nodePort(port: number): string | undefined;
  /** The service port that a chain belongs to, as rules print it. */
  servicePort(table: TableName, chain: string): string | undefined;
  /** `address:port` of the endpoint that a chain leads to. */
  endpoint(table: TableName, chain: string): string | undefined;
  /** The mark that asks for masquerading. */
  readonly masqueradeMark: number;
}

/** The parts of the line that appends a rule to its chain, as render prints it. */
export function rulePartsOf(
  table: TableName,
  chain: string,
  { matches, target }: Rule,
  meanings: Meanings,
): RulePart[] {
  return [
    {
      text: `-A ${chain}`,
      kind: 'chain',
      words: `A rule of chain ${chain}: ${chainWords(table, chain, meanings)}`,
    },
    ...matches.map(
      (match): RulePart => ({
        text: printRule({ matches: [match] }),
        kind: match.match === 'comment' ? 'comment' : 'match',
        words: printable(matchWords(match, meanings)),
      }),
    ),
    ...(target ? [targetPart(table, target, meanings)] : []),
  ];
}

function targetPart(table: TableName, target: Target, meanings: Meanings): RulePart {
  const text = printRule({ matches: [], target });
  const words = printable(targetWords(table, target, meanings));
  if (target.target === 'jump') return { text, words, kind: 'target', chain: target.chain };
  return { text, words, kind: ENDS[target.target] ?? 'target' };
}

const ENDS: Partial<Record<Target['target'], RulePart['kind']>> = {
  ACCEPT: 'end',
  DNAT: 'end',
  DROP: 'bad',
  REJECT: 'bad',
};

/** Which packets a match takes. */
function matchWords(match: Match, meanings: Meanings): string {
  switch (match.match) {
    case 'comment':
      return 'A note for people: it decides nothing.';
    case 'protocol':
      return `Takes only ${match.protocol.toUpperCase()}.`;
    case 'source':
      return `Takes only packets ${match.negated ? 'that do not come' : 'that come'} from ${place(match.address, meanings)}.`;
    case 'destination':
      return `Takes only packets ${match.negated ? 'that do not go' : 'that go'} to ${place(match.address, meanings)}.`;
    case 'destination-port': {
      if (match.last !== undefined) return `Takes only packets to ports ${match.port} to ${match.last}.`;
      const whose = meanings.nodePort(match.port);
      return `Takes only packets to port ${match.port}${whose === undefined ? '' : `, the ${whose}`}.`;
    }
    case 'in-interface':
      return `Takes only packets that ${match.negated ? 'do not ' : ''}come in by ${interfaces(match.name)}.`;
    case 'mark':
      return `Takes only packets that ${match.negated ? 'do not carry' : 'carry'} ${markName(match.value, meanings)}.`;
    case 'conntrack':
      return `Takes only packets ${match.negated ? 'other than those ' : ''}${alternatives(match.states.map((state) => STATES[state]))}.`;
    case 'addrtype':
      return match.side === 'source'
        ? `Takes only packets ${match.negated ? 'that do not come' : 'that come'} from this node itself.`
        : `Takes only packets ${match.negated ? 'to other addresses than' : 'to'} the node's own addresses.`;
    case 'statistic':
      return `Takes ${printShare(match.probability)} of the packets that come here, by chance. The others go on to the next rule.`;
    case 'recent':
      return match.operation === 'set'
        ? "Remembers the client's address in the list of this endpoint, for session affinity."
        : `Takes only clients that went to this endpoint within the last ${match.seconds} seconds: session affinity.`;
    case 'nfacct':
      return `Counts the packets in the kernel's counter ${match.name}.`;
    case 'bpf':
      return isHairpinProgram(match.bytecode)
        ? 'Takes only packets whose source is their own destination: an endpoint that reaches itself.'
        : 'A BPF program decides which packets it takes.';
    case 'unknown':
      return `A match that Services do not use: ${match.words.join(' ')}.`;
  }
}

const STATES: Readonly<Record<ConntrackState, string>> = {
  NEW: 'that begin a connection',
  ESTABLISHED: 'of a connection that is known already',
  RELATED: 'that belong to a known connection, such as errors about it',
  INVALID: 'that belong to no connection that the kernel knows',
  UNTRACKED: 'that connection tracking leaves alone',
  DNAT: 'whose destination has been rewritten',
  SNAT: 'whose source has been rewritten',
};

/** What a target does. */
function targetWords(table: TableName, target: Target, meanings: Meanings): string {
  switch (target.target) {
    case 'jump':
      return target.chain === MARK_CHAIN
        ? 'Goes through KUBE-MARK-MASQ, which marks the packet to be masqueraded, and comes back to the next rule.'
        : `Goes on in chain ${target.chain}: ${chainWords(table, target.chain, meanings)} Packets that no rule there decides come back to the next rule.`;
    case 'ACCEPT':
      return `Lets the packet through this table (${table}).`;
    case 'DROP':
      return 'Drops the packet: the sender gets no reply, and waits until it gives up.';
    case 'REJECT':
      return 'Refuses the packet: the sender gets an error at once.';
    case 'RETURN':
      return 'Leaves this chain, and goes on behind the rule that led here.';
    case 'MARK':
      return `Gives the packet ${markName(target.value, meanings)}. Later rules on this node look for it; it never leaves the node.`;
    case 'MASQUERADE':
      return (
        "Masquerades the packet: its source becomes this node's address, so that replies come back through this node" +
        `${target.randomFully ? ', from a random port' : ''}.`
      );
    case 'DNAT': {
      const whose = meanings.address(target.to);
      return (
        `Rewrites the destination to ${target.to}${whose === undefined ? '' : `, ${whose}`}. ` +
        'The kernel remembers it for all later packets of the connection, and reverses it for replies.'
      );
    }
    case 'unknown':
      return `A target that Services do not use: ${target.words.join(' ')}.`;
  }
}

/** What a chain is there for: a sentence with its full stop. */
export function chainWords(table: TableName, chain: string, meanings: Meanings): string {
  const named = NAMED[`${table} ${chain}`];
  if (named !== undefined) return named;
  const kind = chainKind(chain);
  if (kind === undefined) return 'a chain of another program.';
  const whose = meanings.servicePort(table, chain);
  return kindWords(kind, whose ?? 'a Service', meanings.endpoint(table, chain));
}

function kindWords(kind: ChainKind, whose: string, endpoint: string | undefined): string {
  switch (kind) {
    case 'cluster':
      return `it chooses one of all endpoints of ${whose}.`;
    case 'local':
      return `it chooses one of the endpoints of ${whose} on this node.`;
    case 'external':
      return `it takes what comes to ${whose} from outside the cluster, and goes by externalTrafficPolicy.`;
    case 'firewall':
      return `it checks who may use the load balancer of ${whose}.`;
    case 'endpoint':
      return `it sends packets to ${endpoint === undefined ? 'one endpoint' : `endpoint ${endpoint}`} of ${whose}.`;
    case 'group':
      return `it chooses within a group of endpoints of ${whose}.`;
    case 'tree':
      return 'it has the rules for a range of addresses or ports, so that no packet tries all of them.';
    case 'canary':
      return 'it is empty; if it is gone, somebody flushed the tables.';
    case 'shared':
    case 'node':
      return 'it is there for all Services.';
  }
}

/** Chains that have one name on every node. */
const NAMED: Readonly<Record<string, string>> = {
  'nat PREROUTING': 'where packets begin that come to this node.',
  'nat OUTPUT': 'where packets begin that this node itself sends.',
  'nat POSTROUTING': 'where all packets end that leave this node.',
  'nat INPUT': 'where packets end that are for this node itself.',
  'filter INPUT': 'what may come to this node itself.',
  'filter FORWARD': 'what may go through this node to elsewhere, such as to a Pod.',
  'filter OUTPUT': 'what this node itself may send.',
  'nat KUBE-SERVICES': 'it has one rule for each address of a Service, and node ports behind them.',
  'nat KUBE-NODEPORTS': 'it has one rule for each node port.',
  'nat KUBE-POSTROUTING': 'it masquerades packets that are marked for it.',
  'nat KUBE-MARK-MASQ': 'it marks packets to be masqueraded when they leave.',
  'filter KUBE-SERVICES': 'it refuses traffic to cluster IPs of Services without endpoints.',
  'filter KUBE-EXTERNAL-SERVICES':
    'it refuses or drops traffic from outside to Services that have no endpoints for it.',
  'filter KUBE-NODEPORTS': 'it lets health checks of load balancers in.',
  'filter KUBE-PROXY-FIREWALL': 'it drops what loadBalancerSourceRanges do not allow.',
  'filter KUBE-FORWARD': 'it lets marked packets and those of known connections through.',
  'filter KUBE-FIREWALL': 'it drops packets to node ports on loopback that come from elsewhere.',
};

function place(address: string, { address: whose }: Meanings): string {
  const known = whose(address);
  return known === undefined ? address : `${address} (${known})`;
}

function interfaces(name: string): string {
  return name.endsWith('+')
    ? `an interface whose name begins with ${name.slice(0, -1)}`
    : `interface ${name}`;
}

function markName(value: number, { masqueradeMark }: Meanings): string {
  return value === masqueradeMark
    ? `the mark 0x${value.toString(16)}, which means "masquerade this"`
    : `the mark 0x${value.toString(16)}`;
}
