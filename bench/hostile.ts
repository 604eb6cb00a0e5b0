/**
 * Clients that mean no good, in a process of their own, until it is disconnected: more idle connections to the health
 * port than it takes, and every second 200 requests for `/debug/drift` over one connection, whose client leaves.
 */
import { connect } from 'node:net';

/** A connection that is opened anew whenever it was closed. */
function stayIdle(): void {
  connect({ host: '127.0.0.1', port: 10256 })
    .on('error', () => {})
    .on('close', () => setTimeout(stayIdle, 100))
    .resume();
}

for (let i = 0; i < 300; i++) stayIdle();

setInterval(() => {
  const socket = connect({ host: '127.0.0.1', port: 10249 }).on('error', () => {});
  socket.write('GET /debug/drift HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(200));
  setTimeout(() => socket.destroy(), 500);
}, 1000);

process.on('disconnect', () => process.exit());
