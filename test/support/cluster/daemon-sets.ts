/** The DaemonSet controller: a pod on each node where one belongs, replaced one after the other where they change. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Kubelet } from './kubelet.ts';
import { type KubernetesObject, type ObjectStore, objectSchema } from './object-store.ts';
import { mayBeOn, podSpecSchema } from './pod-spec.ts';
import { resourceOf } from './resources.ts';
import { field } from './selectors.ts';

const DAEMON_SETS = resourceOf({ apiVersion: 'apps/v1', kind: 'DaemonSet' });
const PODS = resourceOf({ apiVersion: 'v1', kind: 'Pod' });
const NODES = resourceOf({ apiVersion: 'v1', kind: 'Node' });

const daemonSetSchema = objectSchema.extend({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({}),
    }),
  }),
});
type DaemonSet = z.output<typeof daemonSetSchema>;

/** What a pod's template was: another one makes another pod. */
const HASH = 'controller-revision-hash';

export class DaemonSets implements AsyncDisposable {
  readonly #store: ObjectStore;
  readonly #kubelets: readonly Kubelet[];
  readonly #stopListening: () => void;
  #dirty = false;
  #working: Promise<void> = Promise.resolve();
  #failure: unknown;

  constructor(store: ObjectStore, kubelets: readonly Kubelet[]) {
    this.#store = store;
    this.#kubelets = kubelets;
    this.#stopListening = store.listen(({ resource, type, object }) => {
      if (resource === PODS && type === 'DELETED') void this.#kubeletOf(object)?.stop(object);
      if (resource === DAEMON_SETS || resource === NODES || resource === PODS) this.#wake();
    });
    this.#wake();
  }

  /** When there is nothing more to be done. Rejects where something cannot be. */
  async settled(): Promise<void> {
    for (let last: unknown; last !== this.#working; ) {
      last = this.#working;
      await this.#working;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#working;
  }

  #wake(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#working = this.#working.then(async () => {
      this.#dirty = false;
      try {
        await this.#sync();
      } catch (error) {
        this.#failure = error;
      }
    });
  }

  async #sync(): Promise<void> {
    const daemonSets = this.#store.list(DAEMON_SETS).map((one) => daemonSetSchema.parse(one));
    const owners = new Set(daemonSets.map(({ metadata }) => metadata.uid));
    for (const pod of this.#store.list(PODS)) {
      const owner = ownerOf(pod);
      if (owner !== '' && !owners.has(owner)) await this.#kubeletOf(pod)?.stop(pod);
      else if (owner === '' && field(pod, ['status', 'phase']) === undefined)
        await this.#kubeletOf(pod)?.start(pod);
    }
    for (const daemonSet of daemonSets) {
      for (const kubelet of this.#kubelets) await this.#syncNode(daemonSet, kubelet);
      this.#tell(daemonSet);
    }
  }

  async #syncNode(daemonSet: DaemonSet, kubelet: Kubelet): Promise<void> {
    const wanted = this.#nodesFor(daemonSet).includes(kubelet.nodeName);
    const [pod] = this.#podsOf(daemonSet).filter((one) => nodeOf(one) === kubelet.nodeName);
    const keep = wanted && pod?.metadata.labels?.[HASH] === hashOf(daemonSet);
    if (pod && !keep) {
      await kubelet.stop(pod);
      this.#tell(daemonSet);
    }
    if (!wanted || keep) return;
    const { template } = daemonSet.spec;
    const { name, namespace = 'default', uid } = daemonSet.metadata;
    const created = this.#store.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-${crypto.randomUUID().slice(0, 5)}`,
        namespace,
        labels: { ...template.metadata.labels, [HASH]: hashOf(daemonSet) },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid, controller: true }],
      },
      spec: { ...template.spec, nodeName: kubelet.nodeName },
      status: { phase: 'Pending' },
    });
    this.#tell(daemonSet);
    await kubelet.start(created);
    this.#tell(daemonSet);
  }

  #nodesFor(daemonSet: DaemonSet): string[] {
    const spec = podSpecSchema.parse(daemonSet.spec.template.spec);
    return this.#store
      .list(NODES)
      .filter((node) => mayBeOn(node, spec))
      .map(({ metadata }) => metadata.name);
  }

  #podsOf({ metadata }: DaemonSet): KubernetesObject[] {
    return this.#store.list(PODS).filter((pod) => ownerOf(pod) === metadata.uid);
  }

  #kubeletOf(pod: KubernetesObject): Kubelet | undefined {
    return this.#kubelets.find(({ nodeName }) => nodeName === nodeOf(pod));
  }

  /** Writes the status: what `kubectl rollout status` waits for. */
  #tell(daemonSet: DaemonSet): void {
    const { metadata } = daemonSet;
    const current = this.#store.get(DAEMON_SETS, metadata.namespace, metadata.name);
    if (!current) return;
    const pods = this.#podsOf(daemonSet);
    const ready = pods.filter((pod) => field(pod, ['status', 'phase']) === 'Running').length;
    const nodes = this.#nodesFor(daemonSet);
    const status = {
      observedGeneration: metadata.generation,
      desiredNumberScheduled: nodes.length,
      currentNumberScheduled: pods.filter((pod) => nodes.includes(String(nodeOf(pod)))).length,
      numberMisscheduled: pods.filter((pod) => !nodes.includes(String(nodeOf(pod)))).length,
      updatedNumberScheduled: pods.filter((pod) => pod.metadata.labels?.[HASH] === hashOf(daemonSet)).length,
      numberReady: ready,
      numberAvailable: ready,
    };
    if (JSON.stringify(status) !== JSON.stringify(current.status)) this.#store.put({ ...current, status });
  }
}

const nodeOf = (pod: KubernetesObject): unknown => field(pod, ['spec', 'nodeName']);
/** Empty where a pod is nobody's. */
const ownerOf = (pod: KubernetesObject): string =>
  String(field(pod, ['metadata', 'ownerReferences', '0', 'uid']) ?? '');

const hashOf = ({ spec }: DaemonSet): string =>
  createHash('sha256').update(JSON.stringify(spec.template)).digest('hex').slice(0, 10);
