/** The fake API server in a process of its own, with a cluster in it. Its parent is told where it is, and may say what changes. */
import { FakeApiServer } from '../test/support/api-server/fake-api-server.ts';
import { kubeconfigFor, TLS } from '../test/support/api-server/tls.ts';
import { nodeObject, podsOf, serviceObject, sliceObject } from './api-objects.ts';

const [services, endpoints] = process.argv.slice(2).map(Number) as [number, number];
const TOKEN = 'a-token';

const server = new FakeApiServer({ tls: { ...TLS, http2: true } });
server.token = TOKEN;
server.neverEnd();
await server.start();
server.put(nodeObject);
for (let i = 0; i < services; i++) {
  server.put(serviceObject(i));
  server.put(sliceObject(i, podsOf(i, endpoints)));
}
process.on('message', (objects: ReturnType<typeof serviceObject>[]) => {
  for (const object of objects) server.put(object);
});
process.on('disconnect', () => process.exit());
process.send?.(kubeconfigFor(server.url, TOKEN));
