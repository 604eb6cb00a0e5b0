/**
 * The cluster's DNS, as far as one question goes: the address of `kubernetes.default.svc.cluster.local` (RFC 1035). Run
 * in a place of a lab, with the address and the port to listen on and the address to answer with as arguments.
 */
import { createSocket } from 'node:dgram';

const NAME = 'kubernetes.default.svc.cluster.local';
const [, , listenOn = '', port = '', answer = ''] = process.argv;

/** The name of the first question, and where it ends. */
function question(message: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('ascii', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 5 };
}

const socket = createSocket('udp4');
socket.on('message', (message, { address, port }) => {
  const { name, end } = question(message);
  const isKnown = name.toLowerCase() === NAME;
  const hasAddress = isKnown && message.readUInt16BE(end - 4) === 1;
  const header = Buffer.alloc(12);
  message.copy(header, 0, 0, 2);
  // An authoritative answer, or that there is no such name.
  header.writeUInt16BE(isKnown ? 0x8580 : 0x8583, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAddress ? 1 : 0, 6);
  // The name as in the question; an IPv4 address, of the Internet, for 5 s.
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...answer.split('.').map(Number)]);
  socket.send(
    Buffer.concat([header, message.subarray(12, end), ...(hasAddress ? [record] : [])]),
    port,
    address,
  );
});
socket.bind(Number(port), listenOn, () => console.log('listening'));
