/** The service ports and endpoints that the agent believes in, for people who ask why a Service behaves as it does. */
import { setImmediate } from 'node:timers/promises';
import { namespacedName, type ServiceEntry } from '../../api/cluster.ts';
import type { NodeFacts } from '../../api/node.ts';
import { resolveEndpoints } from '../../compiler/endpoints.ts';
import { type Fate, planService, type ServicePortPlan } from '../../compiler/plan.ts';
import type { ServicePort } from '../../compiler/service-ports.ts';
import type { RulesInput } from '../sync/family-rules.ts';

export interface ServicePortState extends Omit<ServicePort, 'name' | 'portName' | 'topologyKeys'> {
  /** `namespace/name` */
  readonly service: string;
  readonly portName: string;
  /** What becomes of traffic to the cluster IP, and to what is reachable from outside. */
  readonly internalTraffic: Fate;
  readonly externalTraffic: Fate | undefined;
  readonly endpoints: readonly EndpointState[];
}

export interface EndpointState {
  /** `ip:port` */
  readonly endpoint: string;
  readonly node: string | undefined;
  readonly zone: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On this node. */
  readonly local: boolean;
  /** By which policies this node sends traffic to it. */
  readonly usedBy: readonly ('Cluster' | 'Local')[];
}

/** Milliseconds that describing goes on before others have their turn. */
const SLICE = 10;

/**
 * Every service port of one family as this node sees it, in the order of their names, in pieces: between them the agent
 * does what else there is to do. Of a large cluster it takes long.
 */
export async function* describeState({
  cluster,
  node,
  options,
}: RulesInput): AsyncGenerator<ServicePortState[]> {
  const describePort = (entry: ServiceEntry, { servicePort, ...plan }: ServicePortPlan): ServicePortState => {
    const { name: _, topologyKeys: __, ...port } = servicePort;
    return {
      service: namespacedName(entry.service),
      ...port,
      internalTraffic: plan.internal.fate,
      externalTraffic: plan.external?.fate,
      endpoints: resolveEndpoints(entry, servicePort, options.family, node).map((endpoint) => {
        const { nodeName, zone, ready, serving, terminating } = endpoint.object;
        const uses = (['Cluster', 'Local'] as const).filter((policy) =>
          (policy === 'Cluster' ? plan.cluster : plan.local).some(({ text }) => text === endpoint.text),
        );
        const { text, local } = endpoint;
        return { endpoint: text, node: nodeName, zone, ready, serving, terminating, local, usedBy: uses };
      }),
    };
  };
  let since = performance.now();
  for (const [, entry] of [...cluster.services].sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield planService(entry, node, options).plans.map((plan) => describePort(entry, plan));
    if (performance.now() - since < SLICE) continue;
    await setImmediate();
    since = performance.now();
  }
}

/**
 * `/debug/state` as JSON.
 * @param inputs of the families that are asked for
 * @param givenUp nobody waits for it any more: throws
 */
export async function statePage(
  node: NodeFacts,
  inputs: readonly RulesInput[],
  givenUp: AbortSignal,
): Promise<string> {
  const ports: string[] = [];
  for (const input of inputs) {
    for await (const described of describeState(input)) {
      givenUp.throwIfAborted();
      ports.push(...described.map((port) => indented(port, '    ')));
    }
  }
  const list = ports.length === 0 ? '[]' : `[\n    ${ports.join(',\n    ')}\n  ]`;
  return `{\n  "node": ${indented(node, '  ')},\n  "servicePorts": ${list}\n}\n`;
}

/** JSON as `JSON.stringify` indents it further in. */
function indented(value: object, by: string): string {
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${by}`);
}
