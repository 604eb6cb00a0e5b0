/** A packet in words. */
import type { Packet } from '../iptables/simulator/packet.ts';
import { joinPlace } from './place.ts';

export function destinationPlace({ destination, destinationPort }: Packet): string {
  return joinPlace(destination, destinationPort);
}

/** `a tcp packet from 10.244.1.5 to 10.96.0.10:80, the first of its connection, that comes in by veth1` */
export function describePacket(packet: Packet): string {
  const { source, sourcePort, protocol, states, mark, inInterface, arrives } = packet;
  const parts = [
    `a ${protocol} packet from ${joinPlace(source, sourcePort)} to ${destinationPlace(packet)}`,
    states === undefined || states.join() === 'NEW'
      ? 'the first of its connection'
      : `of a connection that is ${states.join(' and ')}`,
    ...(mark === undefined || mark === 0 ? [] : [`marked 0x${mark.toString(16)}`]),
    inInterface !== undefined
      ? `incoming interface ${inInterface}`
      : arrives
        ? 'incoming interface unknown'
        : 'sent by the node itself',
  ];
  return parts.join(', ');
}
