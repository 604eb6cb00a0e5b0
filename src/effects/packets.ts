/** Packets of examples, in a few words. */
import type { Packet } from '../iptables/simulator/packet.ts';
import { joinPort } from '../net/address.ts';

/** `tcp 203.0.113.9 → 10.96.0.10:80` */
export function packetText({ protocol, source, destination, destinationPort }: Packet): string {
  const to = destinationPort === undefined ? destination : joinPort(destination, destinationPort);
  return `${protocol} ${source} → ${to}`;
}
