/** The fake API server in a process of its own, to be run in a namespace. Takes commands as JSON, one on each line. */
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type ApiObject, FakeApiServer } from './fake-api-server.ts';
import { TLS } from './tls.ts';

const command = z.object({
  id: z.number(),
  command: z.enum(['start', 'stop', 'put', 'delete', 'posted']),
  /** Of `start`: over TLS, by this protocol. */
  tls: z.enum(['HTTP/2', 'HTTP/1.1']).optional(),
  objects: z.array(z.custom<ApiObject>()).default([]),
});

let server = new FakeApiServer();

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command: name, tls, objects } = command.parse(JSON.parse(line));
  if (tls) server = new FakeApiServer({ tls: { ...TLS, http2: tls === 'HTTP/2' } });
  if (name === 'start') await server.start();
  else if (name === 'stop') await server.stop();
  else if (name !== 'posted') for (const object of objects) server[name](object);
  const result = name === 'posted' ? server.posted : server.url;
  process.stdout.write(`${JSON.stringify({ id, result })}\n`);
}
await server.stop();
