/** A kubelet for a node in a lab: it really runs the containers of pods, but for those of kube-proxy. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab, Place } from '../kernel/lab.ts';
import type { Backend } from '../kernel/namespace.ts';
import { tokenOf } from './authorization.ts';
import { type ContainerStart, type Mount, RunningContainer } from './container.ts';
import { startKubeProxy } from './kube-proxy.ts';
import { type KubernetesObject, type ObjectStore, objectSchema } from './object-store.ts';
import { type Container, type PodSpec, podSpecSchema, type Volume } from './pod-spec.ts';
import { RESOURCES, resourceOf } from './resources.ts';
import { field } from './selectors.ts';
import type { Streams } from './streams.ts';

export interface KubeletOptions {
  readonly store: ObjectStore;
  readonly lab: Lab;
  readonly backend: Backend;
  readonly nodeName: string;
  /** The node itself, and what a pod gets that is not in its network. */
  readonly places: { readonly node: Place; readonly pod: Place };
  /** The image of this checkout, as a registry has it. */
  readonly image: string;
  /** For the node's own files. */
  readonly folder: string;
}

/** Of kubeadm's kube-proxy. */
const KUBE_PROXY_IMAGE = /^registry\.k8s\.io\/kube-proxy:/;
const SECRETS = '/run/secrets/kubernetes.io/serviceaccount';
/** Seconds, unless a pod says otherwise. */
const GRACE = 30;

export class Kubelet implements AsyncDisposable {
  readonly #options: KubeletOptions;
  /** The main containers of the pods that run, by the pods' uid. */
  readonly #running = new Map<string, RunningContainer>();

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  get nodeName(): string {
    return this.#options.nodeName;
  }

  container(pod: KubernetesObject): RunningContainer | undefined {
    return this.#running.get(uidOf(pod));
  }

  /** Runs a pod, which is in the store, until it is ready. Rejects where a container of it ends before. */
  async start(pod: KubernetesObject): Promise<void> {
    const spec = podSpecSchema.parse(pod.spec);
    const [container] = spec.containers;
    if (KUBE_PROXY_IMAGE.test(container.image)) await this.#startKubeProxy(spec);
    else {
      for (const one of spec.initContainers) {
        const running = new RunningContainer(this.#options.lab, await this.#containerStart(pod, spec, one));
        if ((await running.ended()) !== 0)
          throw new Error(`${one.name} of ${pod.metadata.name} failed: ${running.log}`);
      }
      const start = await this.#containerStart(pod, spec, container);
      await this.#startMain(pod, spec, container, new RunningContainer(this.#options.lab, start));
    }
    this.#tell(pod, container, { phase: 'Running', state: { running: {} } });
  }

  async #startMain(
    pod: KubernetesObject,
    spec: PodSpec,
    container: Container,
    running: RunningContainer,
  ): Promise<void> {
    this.#running.set(uidOf(pod), running);
    void running.ended().then((exitCode) => {
      const phase = exitCode === 0 ? 'Succeeded' : 'Failed';
      this.#tell(pod, container, { phase, state: { terminated: { exitCode, reason: phase } } });
    });
    const { httpGet } = container.readinessProbe ?? {};
    if (!httpGet) return;
    const port = container.ports.find(({ name }) => name === httpGet.port)?.containerPort ?? httpGet.port;
    if (!spec.hostNetwork)
      throw new Error('only pods in the network of the node are asked whether they are ready');
    if (await running.answers(`http://127.0.0.1:${port}${httpGet.path}`)) return;
    throw new Error(`${pod.metadata.name} does not become ready: ${running.log}`);
  }

  /** Ends a pod and takes it out of the store. */
  async stop(pod: KubernetesObject): Promise<void> {
    const { terminationGracePeriodSeconds: grace } = Object(pod.spec);
    await this.#running.get(uidOf(pod))?.stop(typeof grace === 'number' ? grace : GRACE);
    this.#running.delete(uidOf(pod));
    this.#options.store.delete(pod);
  }

  /** Becomes the standard input and output of a pod. */
  async attach(pod: KubernetesObject, streams: Streams): Promise<number> {
    const running = this.container(pod);
    if (!running) throw new Error(`${pod.metadata.name} does not run`);
    return await running.attach(streams);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.stop(GRACE)));
  }

  async #startKubeProxy(spec: PodSpec): Promise<void> {
    const { store, lab, backend, nodeName, places } = this.#options;
    const configuration = spec.volumes
      .map((volume) => configFiles(store, volume)['config.conf'])
      .find((text) => text);
    const objects = ['services', 'endpointslices', 'nodes'].flatMap((name) =>
      RESOURCES.filter(({ plural }) => plural === name).flatMap((resource) => store.list(resource)),
    );
    await startKubeProxy(
      lab,
      { nodeName, place: places.node, backend, configuration: configuration ?? '' },
      objects,
    );
  }

  async #containerStart(pod: KubernetesObject, spec: PodSpec, container: Container): Promise<ContainerStart> {
    const { image, lab, places, nodeName, folder } = this.#options;
    if (container.image !== image)
      throw new Error(`${container.image} cannot be pulled: there is only ${image}`);
    const programs = join(folder, 'programs');
    const { privileged, capabilities } = container.securityContext;
    return {
      place: spec.hostNetwork ? places.node : places.pod,
      mounts: await this.#mounts(pod, spec, container),
      env: {
        ...(spec.hostNetwork && lab.environment),
        PATH: `${programs}:${process.env.PATH ?? ''}`,
        ...Object.fromEntries(container.env.map((one) => [one.name, 'value' in one ? one.value : nodeName])),
      },
      capabilities: privileged ? 'all' : capabilities.add,
      command: [
        ...(container.command.length > 0 ? container.command : ['svc2ipt']),
        ...container.args.map((arg) => arg.replaceAll('$(NODE_NAME)', nodeName)),
      ],
    };
  }

  async #mounts(pod: KubernetesObject, spec: PodSpec, container: Container): Promise<Mount[]> {
    const { store, folder, places } = this.#options;
    const own = join(folder, uidOf(pod));
    const secrets = await filled(join(own, 'secrets'), {
      token: tokenOf(pod.metadata.namespace ?? '', spec.serviceAccountName),
      'ca.crt': '',
    });
    const resolver = await filled(join(own, 'resolver'), { 'resolv.conf': RESOLVER });
    return [
      { source: secrets, path: SECRETS, readOnly: true },
      ...(spec.hostNetwork
        ? []
        : [{ source: join(resolver, 'resolv.conf'), path: '/etc/resolv.conf', readOnly: true }]),
      ...(await Promise.all(
        container.volumeMounts.map(async ({ name, mountPath, readOnly }): Promise<Mount> => {
          const volume = spec.volumes.find((one) => one.name === name);
          if (!volume) throw new Error(`no volume ${name}`);
          if (volume.hostPath) {
            const path = join(folder, 'root', places.node, volume.hostPath.path);
            await mkdir(join(path, '..'), { recursive: true });
            await writeFile(path, '', { flag: 'a' });
            return { source: path, path: mountPath, readOnly };
          }
          return {
            source: await filled(join(own, name), configFiles(store, volume)),
            path: mountPath,
            readOnly,
          };
        }),
      )),
    ];
  }

  /** Writes a pod's status, as far as it is still there. */
  #tell(
    pod: KubernetesObject,
    { name, image }: Container,
    { phase, state }: { phase: string; state: object },
  ): void {
    const { store } = this.#options;
    const { namespace } = pod.metadata;
    const current = store.get(resourceOf(pod), namespace, pod.metadata.name);
    if (!current || uidOf(current) !== uidOf(pod)) return;
    const ready = phase === 'Running';
    const condition = (type: string) => ({ type, status: ready ? 'True' : 'False' });
    store.put({
      ...current,
      status: {
        phase,
        startTime: current.metadata.creationTimestamp,
        conditions: [condition('ContainersReady'), condition('Ready')],
        containerStatuses: [{ name, image, imageID: '', ready, restartCount: 0, started: ready, state }],
      },
    });
  }
}

/** As the kubelet writes it for pods that are to find Services by name. */
const RESOLVER = `nameserver 10.96.0.10
search default.svc.cluster.local svc.cluster.local cluster.local
options ndots:5
`;

const uidOf = ({ metadata }: KubernetesObject): string => metadata.uid ?? '';

/** The files of a volume that is a ConfigMap; none where it is not. Throws where there is no such ConfigMap. */
function configFiles(store: ObjectStore, { configMap }: Volume): Record<string, string> {
  if (!configMap) return {};
  const resource = resourceOf({ apiVersion: 'v1', kind: 'ConfigMap' });
  const object = objectSchema.optional().parse(store.get(resource, 'kube-system', configMap.name));
  if (!object) throw new Error(`no ConfigMap ${configMap.name}`);
  return Object.fromEntries(
    Object.entries(Object(field(object, ['data']))).map(([key, text]) => [key, String(text)]),
  );
}

/** Makes a folder with files in it. */
async function filled(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
