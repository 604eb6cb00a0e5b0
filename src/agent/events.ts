/**
 * Events: what an operator should see with `kubectl describe node`, and the author of a Service with `kubectl describe
 * service`.
 */
import { createHash } from 'node:crypto';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import type { Connection } from '../sources/kubernetes/connection.ts';
import type { ServiceName } from '../sources/source.ts';
import type { Log } from './log.ts';

export interface AgentEvent {
  readonly type: 'Normal' | 'Warning';
  /** In one word, such as `Starting`. */
  readonly reason: string;
  readonly note: string;
  /** What it is about; the Node unless given. */
  readonly service?: ServiceName;
}

/** The same Event is told again only after so long, in milliseconds: failures come back with every retry. */
const SILENCE = 600_000;
/** In that time no more Services are told of than this: with thousands of broken ones, one mistake was made. */
const SERVICES_TOLD = 25;
/** A request that takes longer is given up, in milliseconds. */
const PATIENCE = 10_000;
/** The API server takes no longer note. */
const NOTE_LENGTH = 1024;

export class Events {
  readonly #connection: Pick<Connection, 'get' | 'post'>;
  readonly #node: string;
  readonly #log: Log;
  /** When an Event was told last, by its reason and what it is about. */
  readonly #told = new Map<string, number>();

  constructor(connection: Pick<Connection, 'get' | 'post'>, node: string, log: Log) {
    this.#connection = connection;
    this.#node = node;
    this.#log = log;
  }

  /** Tells the API server, as far as it listens: an Event that gets lost is no failure. */
  async tell(event: AgentEvent): Promise<void> {
    if (!this.#isNew(event)) return;
    try {
      const object = event.service
        ? await this.#aboutService(event, event.service)
        : eventOnNode(this.#node, event);
      if (!object) return;
      const path = `/apis/events.k8s.io/v1/namespaces/${object.metadata.namespace}/events`;
      await this.#connection.post(path, object, AbortSignal.timeout(PATIENCE));
    } catch (error) {
      this.#log.detail(2, 'Cannot create Event', { reason: event.reason, error: String(error) });
    }
  }

  #isNew({ reason, service, note }: AgentEvent): boolean {
    const now = performance.now();
    for (const [what, when] of this.#told) if (now - when >= SILENCE) this.#told.delete(what);
    // Failures of the node say something else each time; a Service may be wrong in several ways.
    const what = service ? `${service.namespace}/${service.name} ${note}` : reason;
    if (this.#told.has(what)) return false;
    const services = [...this.#told.keys()].filter((what) => what.includes('/')).length;
    if (service && services >= SERVICES_TOLD) return false;
    this.#told.set(what, now);
    return true;
  }

  /** Undefined where there is no such Service. */
  async #aboutService(event: AgentEvent, { namespace, name }: ServiceName): Promise<EventObject | undefined> {
    // By a list, which the agent may ask for in any case.
    const path = `/api/v1/namespaces/${namespace}/services`;
    const query = { fieldSelector: `metadata.name=${name}` };
    const { items } = serviceListSchema.parse(
      await json(await this.#connection.get(path, query, AbortSignal.timeout(PATIENCE))),
    );
    const uid = items?.[0]?.metadata.uid;
    return uid === undefined ? undefined : eventOnService(this.#node, event, { namespace, name, uid });
  }
}

const serviceListSchema = z.object({
  items: z.array(z.object({ metadata: z.object({ uid: z.string() }) })).nullable(),
});

type EventObject = ReturnType<typeof eventObject>;

/** As for the kubelet's and kube-proxy's Events, the Node's name stands for its uid. */
export function eventOnNode(node: string, event: AgentEvent, now = new Date()): EventObject {
  const different = `${now.getTime()} ${process.pid} ${event.reason}`;
  return eventObject(node, event, now, {
    namespace: 'default',
    name: `${node}.${hashOf(different)}`,
    regarding: { kind: 'Node', name: node, uid: node },
  });
}

/**
 * All nodes see the same mistake, and would say the same: it has the same name on all of them, so that the API server
 * keeps the first one and refuses the others.
 * @param service with its `uid`, by which kubectl finds what it is about
 */
export function eventOnService(
  node: string,
  event: AgentEvent,
  { namespace, name, uid }: ServiceName & { readonly uid: string },
  now = new Date(),
): EventObject {
  return eventObject(node, event, now, {
    namespace,
    name: `${name}.${hashOf(`${uid} ${event.reason} ${event.note}`)}`,
    regarding: { apiVersion: 'v1', kind: 'Service', namespace, name, uid },
  });
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** An `events.k8s.io/v1` Event. */
function eventObject(
  node: string,
  { type, reason, note }: AgentEvent,
  now: Date,
  {
    namespace,
    name,
    regarding,
  }: { namespace: string; name: string; regarding: Readonly<Record<string, string>> },
) {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    eventTime: now.toISOString().replace('Z', '000Z'),
    type,
    reason,
    action: reason,
    note: note.slice(0, NOTE_LENGTH),
    regarding,
    reportingController: 'svc2ipt',
    reportingInstance: `svc2ipt-${node}`,
  };
}
