/** Rules in the few words that have room beside an arrow or in a box. */
import { joinPort } from '../net/address.ts';
import { isHairpinProgram } from './hairpin-program.ts';
import { printRule } from './print.ts';
import type { Match, Target } from './types.ts';

/**
 * Which packets a rule takes: `tcp 10.96.0.10:80, not from 10.244.0.0/16`. Comments are left out, and so is chance
 * if asked for; empty where nothing is left.
 */
export function packetsLabel(matches: readonly Match[], withoutChance: boolean): string {
  const others = matches.map((match) =>
    withoutChance && match.match === 'statistic' ? '' : matchLabel(match),
  );
  return [destinationLabel(matches), ...others].filter((part) => part !== '').join(', ');
}

/** What a rule does with packets, without the chain that it may lead to: `DNAT 10.244.1.5:8080`, `REJECT`. */
export function targetLabel(target: Target): string {
  if (target.target === 'DNAT') return `DNAT ${target.to}`;
  return printRule({ matches: [], target }).replace(/^ -j /, '');
}

/** `tcp 10.96.0.10:80`: what would be three matches. */
function destinationLabel(matches: readonly Match[]): string {
  let [protocol, address, port] = ['', '', 0];
  for (const match of matches) {
    if (match.match === 'protocol') protocol = match.protocol;
    if (match.match === 'destination' && !match.negated) address = match.address;
    if (match.match === 'destination-port') port = match.port;
  }
  const isOneAddress = address !== '' && !address.includes('/');
  const place =
    isOneAddress && port !== 0 ? [joinPort(address, port)] : [address, port === 0 ? '' : `port ${port}`];
  const words = [protocol, ...place].filter((word) => word !== '').join(' ');
  return protocol === '' && words !== '' ? `to ${words}` : words;
}

function matchLabel(match: Match): string {
  switch (match.match) {
    case 'comment':
    case 'protocol':
    case 'destination-port':
      return '';
    case 'destination':
      return match.negated ? `not to ${match.address}` : '';
    case 'source':
      return `${not(match)}from ${match.address}`;
    case 'in-interface':
      return `${not(match)}in on ${match.name}`;
    case 'mark':
      return `${not(match)}marked ${hex(match.value)}${match.mask === match.value ? '' : `/${hex(match.mask)}`}`;
    case 'conntrack':
      return `${not(match)}${match.states.join(' or ')}`;
    case 'addrtype':
      return `${not(match)}${match.side === 'source' ? 'from' : 'to'} this node`;
    case 'statistic':
      return `probability ${match.probability}`;
    case 'recent':
      return match.operation === 'set' ? 'remembered' : `seen within ${match.seconds} s`;
    case 'nfacct':
      return `counted as ${match.name}`;
    case 'bpf':
      return isHairpinProgram(match.bytecode) ? 'to itself' : 'fits a BPF program';
    case 'unknown':
      return match.words.join(' ');
  }
}

function not(match: { readonly negated?: true }): string {
  return match.negated ? 'not ' : '';
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
