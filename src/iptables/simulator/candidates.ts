/** Which rules of a chain a packet can fit at all. */
import type { Rule } from '../types.ts';
import type { Header } from './packet.ts';

/** What is looked at of a rule to find it. */
interface Candidate {
  /** Its place in the chain, from 1. */
  readonly number: number;
  readonly rule: Rule;
  /** Its conditions look at the packet and do nothing else. */
  readonly onlyLooks: boolean;
}

/** Shorter chains are as fast without an index. */
const WORTH_AN_INDEX = 16;

/**
 * Finds the rules that a packet can fit by its destination. Most chains of very many rules, such as KUBE-SERVICES, have
 * one for each address or port.
 */
export function candidatesIn<R extends Candidate>(rules: readonly R[]): (header: Header) => readonly R[] {
  if (rules.length < WORTH_AN_INDEX) return () => rules;
  const byDestination = Map.groupBy(rules, destinationOfRule);
  const others = byDestination.get(undefined) ?? [];
  if (others.length === rules.length) return () => rules;
  return (header) => {
    // A packet whose port is not known may fit any rule for one.
    if (header.destinationPort === undefined) return rules;
    const found = [
      ...(byDestination.get(header.destination.text) ?? []),
      ...(byDestination.get(portKey(header.protocol, header.destinationPort)) ?? []),
    ];
    if (found.length === 0) return others;
    return [...others, ...found].sort((a, b) => a.number - b.number);
  };
}

/** Where the packets are sent that a rule is for. */
export type OnlyDestination =
  | { readonly by: 'address'; readonly address: string }
  | { readonly by: 'port'; readonly protocol: string; readonly port: number };

/** The only address, or else the only port, that a rule is for; undefined where it is for others, too. */
export function onlyDestinationOf({
  rule: { matches },
  onlyLooks,
}: Pick<Candidate, 'rule' | 'onlyLooks'>): OnlyDestination | undefined {
  const address = matches.find((match) => match.match === 'destination');
  if (address && !address.negated && !address.address.includes('/')) {
    return { by: 'address', address: address.address };
  }
  const port = matches.find((match) => match.match === 'destination-port');
  const protocol = matches.find((match) => match.match === 'protocol');
  // What a rule does before it looks at the port, it does to any packet.
  return port && port.last === undefined && protocol && onlyLooks
    ? { by: 'port', protocol: protocol.protocol, port: port.port }
    : undefined;
}

/** As a text. */
function destinationOfRule(rule: Candidate): string | undefined {
  const only = onlyDestinationOf(rule);
  return only?.by === 'port' ? portKey(only.protocol, only.port) : only?.address;
}

function portKey(protocol: string, port: number): string {
  return `${protocol} ${port}`;
}
