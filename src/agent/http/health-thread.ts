/**
 * The thread that serves the health port, so that the kubelet has its answer while the agent's own thread is busy with a
 * large cluster. health-server.ts starts it.
 */
import type { ListenOptions } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { Family } from '../../net/address.ts';
import { type HealthState, ProxyHealth } from '../health/health.ts';
import { HealthMemory } from '../health/health-memory.ts';
import type { LogFields } from '../log.ts';
import { Connections } from './connections.ts';
import { healthPages } from './health-pages.ts';
import { HttpServer, type HttpServerTimes, ListenError } from './http-server.ts';

/** What it is started with. */
export interface HealthThreadData {
  readonly listen: ListenOptions;
  readonly hardFail: boolean;
  readonly syncPeriod: number;
  readonly families: readonly Family[];
  readonly times?: HttpServerTimes;
  readonly hangs?: number;
  readonly memory: SharedArrayBuffer;
  readonly state: HealthState;
}

/** What it is told. */
export type ToHealthThread =
  | { readonly kind: 'state'; readonly state: HealthState }
  | { readonly kind: 'stop' };

/** What it tells. */
export type FromHealthThread =
  /** Where `hardFail` is not set, it may not listen yet. */
  | { readonly kind: 'started'; readonly port: number | undefined }
  | { readonly kind: 'refused'; readonly code: string | undefined; readonly message: string }
  | { readonly kind: 'error'; readonly message: string; readonly fields: LogFields }
  | {
      readonly kind: 'detail';
      readonly level: number;
      readonly message: string;
      readonly fields: LogFields;
    };

const port = parentPort;
if (!port) throw new Error('health-thread.ts is a thread of the agent');
const tell = (message: FromHealthThread) => port.postMessage(message);

const data = workerData as HealthThreadData;
const memory = new HealthMemory(data.memory);
const health = new ProxyHealth({ ...data, cameRoundAt: () => memory.cameRoundAt });
health.state = data.state;

const server = new HttpServer({
  ...data,
  name: 'health',
  routes: healthPages(health, memory),
  log: {
    error: (message, fields = {}) => tell({ kind: 'error', message, fields }),
    detail: (level, message, fields = {}) => tell({ kind: 'detail', level, message, fields }),
  },
  // Kubelet and load balancers, and whoever else comes: nobody must keep those two waiting.
  connections: new Connections({ perSource: 64, total: 256 }),
});

port.on('message', (message: ToHealthThread) => {
  if (message.kind === 'state') health.state = message.state;
  else void server.stop().then(() => port.close());
});

void server.start(data).then(
  () => tell({ kind: 'started', port: server.port }),
  (error: unknown) => {
    if (!(error instanceof ListenError)) throw error;
    tell({ kind: 'refused', code: error.code, message: error.reason });
    port.close();
  },
);
