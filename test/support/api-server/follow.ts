/**
 * What the agent knows of an API server, in a process of its own, to be run in a namespace. Takes commands as JSON, one
 * on each line.
 */
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { connect } from '../../../src/sources/kubernetes/connection.ts';
import { KubernetesSource } from '../../../src/sources/kubernetes/kubernetes-source.ts';

const command = z.object({
  id: z.number(),
  command: z.enum(['start', 'known']),
  kubeconfig: z.string().optional(),
  liveness: z.object({ after: z.number(), patience: z.number() }).optional(),
});

const stop = new AbortController();
const failures: string[] = [];
let source: KubernetesSource | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command: name, kubeconfig, liveness } = command.parse(JSON.parse(line));
  if (name === 'start') {
    const connection = await connect({ kubeconfig, master: undefined, ...(liveness ? { liveness } : {}) });
    source = new KubernetesSource(connection, 'node-a', {
      changed: () => {},
      invalid: () => {},
      warned: () => {},
      failed: (_, error) => failures.push(error.message),
      recovered: () => {},
    });
    void source.run(stop.signal);
  }
  const services = [...(source?.cluster.services.keys() ?? [])];
  process.stdout.write(`${JSON.stringify({ id, result: { failures, services } })}\n`);
}
stop.abort();
