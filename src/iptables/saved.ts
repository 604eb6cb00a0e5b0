/**
 * The spelling of iptables-save: how the kernel's tables print a rule that was given in whatever way. Both backends
 * print alike (iptables 1.8). Comparing texts is a hundred times as fast as parsing them, so the bulk of a node's
 * rules is compared in this spelling; where it differs, what the rules mean decides.
 */
import { type Family, familyOf } from '../net/address.ts';
import { printPorts } from './print.ts';
import type { Match, Rule, Ruleset, Target } from './types.ts';
import { quoteAsSaved } from './words.ts';

/** Whole tables as iptables-save prints them, without its remarks and counters of packets. */
export function printSaved({ family, tables }: Ruleset): string {
  const lines = tables.flatMap(({ name, chains }) => [
    `*${name}`,
    ...chains.map((chain) => `:${chain.name} ${chain.policy ?? '-'} [0:0]`),
    ...chains.flatMap((chain) =>
      chain.rules.map((rule) => `-A ${chain.name}${printSavedRule(rule, family)}`),
    ),
    'COMMIT',
  ]);
  return `${lines.join('\n')}\n`;
}

/** What follows `-A CHAIN` of a rule in the output of iptables-save, with a space before each word. */
export function printSavedRule(rule: Rule, family: Family): string {
  let [source, destination, input, protocol, extensions] = ['', '', '', '', ''];
  let port = '';
  for (const match of rule.matches) {
    if (match.match === 'destination-port') port = printPorts(match);
  }
  for (const match of rule.matches) {
    switch (match.match) {
      case 'source':
        source = printAddress('-s', match);
        break;
      case 'destination':
        destination = printAddress('-d', match);
        break;
      case 'in-interface':
        input = `${not(match)} -i ${match.name}`;
        break;
      case 'protocol':
        protocol = ` -p ${match.protocol}`;
        if (!match.bare) extensions += ` -m ${match.protocol}${port}`;
        break;
      case 'destination-port':
        break;
      case 'comment':
      case 'mark':
      case 'conntrack':
      case 'addrtype':
      case 'statistic':
      case 'recent':
      case 'nfacct':
      case 'bpf':
      case 'unknown':
        extensions += printExtension(match, family);
    }
  }
  const target = rule.target ? printTarget(rule.target, family) : '';
  return source + destination + input + protocol + extensions + target;
}

type Extension = Exclude<
  Match,
  { match: 'source' | 'destination' | 'in-interface' | 'protocol' | 'destination-port' }
>;

/** The order in which states print (libxt_conntrack). */
const STATE_ORDER = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'] as const;

/** The mask of xt_recent that prints where none was given: the whole address. */
export const FULL_MASK = {
  ipv4: '255.255.255.255',
  ipv6: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
} as const;

function printExtension(match: Extension, family: Family): string {
  switch (match.match) {
    case 'comment':
      return ` -m comment --comment ${quoteAsSaved(match.comment)}`;
    case 'mark':
      return ` -m mark${not(match)} --mark ${hex(match.value)}${match.mask === 0xffffffff ? '' : `/${hex(match.mask)}`}`;
    case 'conntrack': {
      const states = STATE_ORDER.filter((state) => match.states.includes(state));
      return ` -m conntrack${not(match)} --ctstate ${states.join(',')}`;
    }
    case 'addrtype':
      return ` -m addrtype${not(match)} --${match.side === 'source' ? 'src' : 'dst'}-type ${match.type}`;
    case 'statistic':
      return ` -m statistic --mode random --probability ${keptProbability(match.probability).toFixed(11)}`;
    case 'recent': {
      const how = match.operation === 'set' ? '--set' : `--rcheck --seconds ${match.seconds} --reap`;
      return ` -m recent ${how} --name ${match.name} --mask ${FULL_MASK[family]} --rsource`;
    }
    case 'nfacct':
      return ` -m nfacct --nfacct-name ${match.name}`;
    case 'bpf':
      return ` -m bpf --bytecode ${quoteAsSaved(match.bytecode)}`;
    case 'unknown':
      return match.words.map((word) => ` ${quoteAsSaved(word)}`).join('');
  }
}

function printTarget(target: Target, family: Family): string {
  switch (target.target) {
    case 'jump':
      return ` -j ${target.chain}`;
    case 'REJECT':
      return ` -j REJECT --reject-with ${DEFAULT_REJECT[family]}`;
    case 'MARK':
      return ` -j MARK --set-xmark ${hex(target.value)}/${hex(target.mask)}`;
    case 'MASQUERADE':
      return target.randomFully ? ' -j MASQUERADE --random-fully' : ' -j MASQUERADE';
    case 'DNAT':
      return ` -j DNAT --to-destination ${target.to}`;
    case 'unknown':
      return target.words.map((word) => ` ${quoteAsSaved(word)}`).join('');
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return ` -j ${target.target}`;
  }
}

/** What REJECT answers unless told otherwise. */
export const DEFAULT_REJECT = { ipv4: 'icmp-port-unreachable', ipv6: 'icmp6-port-unreachable' } as const;

/**
 * A probability as xt_statistic keeps it: a fraction of 2^31, of the ten digits that we print. One in 44 is another
 * fraction than 0.0227272727; what was kept and printed with eleven digits stays the same in ten.
 */
export function keptProbability(probability: number): number {
  return Math.round(Number(probability.toFixed(10)) * 2 ** 31) / 2 ** 31;
}

/** A range of all addresses does not print. */
function printAddress(option: string, match: { readonly address: string; readonly negated?: true }): string {
  const address = withPrefix(match.address);
  return !match.negated && address.endsWith('/0') ? '' : `${not(match)} ${option} ${address}`;
}

function withPrefix(address: string): string {
  if (address.includes('/')) return address;
  return `${address}/${familyOf(address) === 'ipv4' ? 32 : 128}`;
}

function not(match: { readonly negated?: true }): string {
  return match.negated ? ' !' : '';
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
