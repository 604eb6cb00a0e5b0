/** Names and numbers of protocols above IP. */

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

/** The number of a protocol, where we know its name. */
export function protocolNumber(protocol: string): number | undefined {
  return /^\d+$/.test(protocol) ? Number(protocol) : PROTOCOLS[protocol];
}

/** A protocol by one of its names: that of the number, where we know one. */
export function canonicalProtocol(text: string): string {
  const number = protocolNumber(text.toLowerCase());
  const known = Object.entries(PROTOCOLS).find(([, known]) => known === number);
  return known?.[0] ?? text.toLowerCase();
}

/** Protocols that have ports. */
export const WITH_PORTS: readonly string[] = ['tcp', 'udp', 'sctp', 'dccp', 'udplite'];
