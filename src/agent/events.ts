/** Events on the Node object: what an operator should see with `kubectl describe node`. */
import { createHash } from 'node:crypto';
import type { Connection } from '../sources/kubernetes/connection.ts';
import type { Log } from './log.ts';

export interface NodeEvent {
  readonly type: 'Normal' | 'Warning';
  /** In one word, such as `Starting`. */
  readonly reason: string;
  readonly note: string;
}

/** The same Event is told again only after so long, in milliseconds: failures come back with every retry. */
const SILENCE = 600_000;
/** A request that takes longer is given up, in milliseconds. */
const PATIENCE = 10_000;
/** The API server takes no longer note. */
const NOTE_LENGTH = 1024;

export class NodeEvents {
  readonly #connection: Pick<Connection, 'post'>;
  readonly #node: string;
  readonly #log: Log;
  /** When an Event was told last, by its reason. */
  readonly #told = new Map<string, number>();

  constructor(connection: Pick<Connection, 'post'>, node: string, log: Log) {
    this.#connection = connection;
    this.#node = node;
    this.#log = log;
  }

  /** Tells the API server, as far as it listens: an Event that gets lost is no failure. */
  async tell(event: NodeEvent): Promise<void> {
    const last = this.#told.get(event.reason);
    if (last !== undefined && performance.now() - last < SILENCE) return;
    this.#told.set(event.reason, performance.now());
    const path = '/apis/events.k8s.io/v1/namespaces/default/events';
    try {
      await this.#connection.post(path, eventObject(this.#node, event), AbortSignal.timeout(PATIENCE));
    } catch (error) {
      this.#log.detail(2, 'Event was not taken', { reason: event.reason, error: String(error) });
    }
  }
}

/** An `events.k8s.io/v1` Event. As for the kubelet's and kube-proxy's, the Node's name stands for its uid. */
export function eventObject(node: string, { type, reason, note }: NodeEvent, now = new Date()): object {
  const hash = createHash('sha256').update(`${now.getTime()} ${process.pid} ${reason}`).digest('hex');
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${node}.${hash.slice(0, 16)}`, namespace: 'default' },
    eventTime: now.toISOString().replace('Z', '000Z'),
    type,
    reason,
    action: reason,
    note: note.slice(0, NOTE_LENGTH),
    regarding: { kind: 'Node', name: node, uid: node },
    reportingController: 'svc2ipt',
    reportingInstance: `svc2ipt-${node}`,
  };
}
