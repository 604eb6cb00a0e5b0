/** Why a packet fits a rule, or does not, in words. */

import { isHairpinProgram } from '../iptables/hairpin-program.ts';
import { packetsLabel } from '../iptables/labels.ts';
import { rateOf, setOfMatch } from '../iptables/simulator/foreign-matches.ts';
import type { Step } from '../iptables/simulator/path.ts';
import { spellMatch, spellRule } from '../iptables/spell.ts';
import type { Family, Match, Rule } from '../iptables/types.ts';
import { printable } from '../text/printable.ts';
import { printShare } from '../text/share.ts';

/** What is in a packet when it comes to a rule. */
export interface PacketThere {
  readonly family: Family;
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly destinationPort: number | undefined;
  /** Undefined where not all such packets have the same. */
  readonly mark: number | undefined;
}

/** Why a rule was taken, or not. */
export function reasonOf(step: Step, packet: PacketThere): string {
  const { rule, fits, comes, because, undecided } = step;
  if (undecided) return undecidedReason(step, packet);
  if (fits === 0) return because ? failure(because, rule, packet) : 'no packet matches';
  const rate = rule.matches.flatMap((match) =>
    match.match === 'unknown' ? (rateOf(match.words) ?? []) : [],
  );
  if (rate.length > 0) return `up to ${rate.join(' and ')}: more than that do not match`;
  const asked = printable(packetsLabel(rule.matches, true));
  const fitting = asked === '' ? 'every packet' : asked;
  return fits === comes
    ? fitting
    : `${asked === '' ? '' : `${asked}: `}${printShare(fits / comes)} of those that come here`;
}

function undecidedReason({ rule, because }: Step, { family }: PacketThere): string {
  if (because?.match === 'addrtype') {
    return `unknown: whether it is ${because.side === 'source' ? 'from' : 'to'} the node, as its addresses are unknown`;
  }
  if (because?.match === 'in-interface') return 'incoming interface unknown: give it with --in-interface';
  if (because?.match === 'destination-port') return 'no destination port is given';
  if (because?.match === 'unknown') return missingFact(because.words) ?? unclear(because, family);
  if (because) return unclear(because, family);
  const target = spellRule({ matches: [], ...(rule.target && { target: rule.target }) }, family);
  return `effect unknown: ${target}`;
}

function unclear(match: Match, family: Family): string {
  return `match undecided: ${spellMatch(match, family)}`;
}

/** What one would have to know, by the extension that asks for it, or by its option. */
const MISSING: Readonly<Record<string, string>> = {
  '-o': 'outgoing interface unknown: give it with --out-interface',
  physdev: 'unknown: by which port of a bridge it comes or goes',
  length: 'unknown: how long it is',
  '--tcp-flags': 'unknown: which TCP flags it has',
  '--syn': 'unknown: which TCP flags it has',
  '--sport': 'unknown: its source port (ADDRESS:PORT behind --from)',
  '--sports': 'unknown: its source port (ADDRESS:PORT behind --from)',
  '--ports': 'unknown: its source port (ADDRESS:PORT behind --from)',
  '--ctdir': 'unknown: whether it is an answer',
  '--ctstatus': 'unknown: what has become of its connection so far',
  '--ctexpire': 'unknown: how long its connection will be remembered',
  '--ctorigsrc': 'unknown: whom its connection began from and went to',
  '--ctorigdst': 'unknown: whom its connection began from and went to',
  '--ctorigsrcport': 'unknown: whom its connection began from and went to',
  '--ctorigdstport': 'unknown: whom its connection began from and went to',
  '--ctreplsrc': 'unknown: where answers of its connection come from and go to',
  '--ctrepldst': 'unknown: where answers of its connection come from and go to',
  owner: 'unknown: which user or process sends it',
  mac: "unknown: the sender's MAC address",
  icmp: 'unknown: its ICMP type',
  icmp6: 'unknown: its ICMP type',
  connmark: 'unknown: the mark of its connection',
  connlimit: 'unknown: how many connections there are',
  connbytes: 'unknown: how much its connection has carried',
  string: 'unknown: what is in it',
  u32: 'unknown: what is in it',
  time: 'unknown: when it comes',
  quota: 'unknown: how much has come before it',
  ttl: 'unknown: its TTL',
  hl: 'unknown: its hop limit',
  dscp: 'unknown: its DSCP',
  tos: 'unknown: its TOS',
  rpfilter: 'unknown: the routes back to its sender',
  policy: 'unknown: whether IPsec has carried it',
  cgroup: 'unknown: which cgroup sends it',
  socket: 'unknown: whether a socket on this node is for it',
};

function missingFact(words: readonly string[]): string | undefined {
  const set = setOfMatch(words);
  if (set !== undefined) return `unknown: the members of set ${set}; give them with --ipset`;
  const named = words.filter((word) => word !== '!');
  const extension = named[0] === '-m' ? named[1] : named[0];
  const keys = [...named.slice(2), extension ?? ''];
  const key = keys.find((key) => Object.hasOwn(MISSING, key));
  return key === undefined ? undefined : MISSING[key];
}

/** A match that does not hold. */
function failure(match: Match, rule: Rule, packet: PacketThere): string {
  const negated = 'negated' in match;
  switch (match.match) {
    case 'source':
    case 'destination':
      return `its ${match.match} ${packet[match.match]} is ${negated ? '' : 'not '}${within(match.address)}`;
    case 'protocol':
      return `it is ${packet.protocol}, not ${match.protocol}`;
    case 'destination-port':
      return packet.destinationPort === undefined
        ? 'it has no port'
        : `its destination port is ${packet.destinationPort}`;
    case 'in-interface':
      return `its incoming interface is ${negated ? '' : 'not '}${printable(match.name)}`;
    case 'mark': {
      const mark = packet.mark === undefined ? 'its mark' : `its mark ${hex(packet.mark)}`;
      const wanted = match.mask === match.value ? 'has' : 'is';
      const value = match.mask === match.value || match.mask === 0xffffffff ? '' : ` of ${hex(match.mask)}`;
      return negated
        ? `${mark} ${wanted} ${hex(match.value)}${value}`
        : `${mark} ${wanted === 'has' ? 'has not' : 'is not'} ${hex(match.value)}${value}`;
    }
    case 'conntrack':
      return `its connection is ${negated ? '' : 'not '}${match.states.join(' or ')}`;
    case 'addrtype':
      return `its ${match.side} ${packet[match.side]} is ${negated ? 'an' : 'no'} address of this node`;
    case 'recent':
      return match.operation === 'rcheck'
        ? `${packet.source} is taken for a client that was not there in the last ${match.seconds} s`
        : `${packet.source} is not in the list`;
    case 'bpf':
      return isHairpinProgram(match.bytecode)
        ? `its source ${packet.source} is not its destination`
        : 'the program says no';
    case 'unknown': {
      // Of a rule that changes nothing, nobody has asked whether it can be told.
      const changes = rule.target !== undefined && rule.target.target !== 'unknown';
      const doubt = changes ? '' : ', or cannot be told; the rule changes nothing';
      return `${spellMatch(match, packet.family)} does not hold${doubt}`;
    }
    // They fit every packet, or are left to chance.
    case 'comment':
    case 'nfacct':
    case 'statistic':
      return `${spellMatch(match, packet.family)} does not hold`;
  }
}

function within(range: string): string {
  return range.includes('/') ? `in ${range}` : range;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
