/**
 * What the controllers of workloads, the scheduler and the network do (v1.36): Pods from templates, each on a Node
 * and with an address. Names, Nodes and addresses are chance there; here they depend on the workload's name and the
 * Pod's number, so that the same manifest has the same ones every time, whatever stands beside it.
 */
import { namespacedName } from '../../api/cluster.ts';
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../../api/kube-proxy-configuration.ts';
import type { Node, NodeFacts } from '../../api/node.ts';
import type { Owner } from '../../api/owner.ts';
import type { Pod } from '../../api/pod.ts';
import type { Workload } from '../../api/workload.ts';
import { FAMILIES, familyOf } from '../../net/address.ts';
import { addressAt, numberOf, sizeOf } from './free.ts';
import { takes } from './scheduling.ts';

/** The ranges that most clusters have their Pods in, where nothing says which: kubeadm with flannel, and its IPv6 sister. */
export const DEFAULT_POD_RANGES: readonly string[] = ['10.244.0.0/16', 'fd00:10:244::/56'];

export interface WorkloadOptions {
  /**
   * What is told of the node that rules are made for, beside its Node object, which counts less. Where no Node is in the
   * input, this one is all the cluster; where it has no name, its ranges are those of all Nodes.
   */
  readonly node: Pick<NodeFacts, 'name' | 'ips' | 'podCIDRs'>;
  /** Where Pods get their addresses on Nodes that have no ranges of their own; at most one range of each family. */
  readonly podRanges: readonly string[];
}

/**
 * What Pods are made by, as far as a node and a configuration tell.
 * @param node without what its Node object tells
 */
export function workloadOptions(
  node: WorkloadOptions['node'],
  { clusterCIDR }: Pick<KubeProxyConfiguration, 'clusterCIDR'> = DEFAULT_CONFIGURATION,
): WorkloadOptions {
  return { node, podRanges: orElse(clusterCIDR, DEFAULT_POD_RANGES) };
}

function orElse(first: readonly string[], second: readonly string[]): readonly string[] {
  return first.length > 0 ? first : second;
}

/** What the input has beside its workloads; all of it counts more than what is made. */
export interface GivenObjects {
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Addresses of others, which no Pod gets. */
  readonly addresses: Iterable<string>;
}

export interface MadePods {
  readonly pods: readonly Pod[];
  /** How many workloads of each kind they are of. */
  readonly workloads: ReadonlyMap<Workload['kind'], number>;
  /** Where their addresses come from, in the order in which they were first used. */
  readonly ranges: readonly string[];
  /** Workloads whose Pods have no Node or no address, so that they are no endpoints, and why. */
  readonly pending: ReadonlyMap<Workload, string>;
}

/** Kubernetes is made for at most so many Pods in a cluster. */
const MAX_PODS = 150_000;

/**
 * Makes the Pods of all workloads. None are made for a workload whose own Pods are given, or whose owner is given
 * and makes them.
 */
export function podsFromWorkloads(
  workloads: readonly Workload[],
  given: GivenObjects,
  options: WorkloadOptions,
): MadePods {
  const places = placesOf(given.nodes, options);
  const addresses = new PodAddresses(given);
  const names = new Set(given.pods.map(namespacedName));
  const pods: Pod[] = [];
  const counts = new Map<Workload['kind'], number>();
  const pending = new Map<Workload, string>();
  for (const workload of inOrder(withoutPods(workloads, given.pods))) {
    const allowed = orderFor(workload, places);
    const [first] = allowed;
    const wanted = workload.replicas ?? allowed.length;
    if (!first) {
      if (wanted > 0) pending.set(workload, 'no Node in the input can run its Pods');
      continue;
    }
    // In the host network, a second one on a Node would find its ports taken.
    const count = workload.template.hostNetwork ? Math.min(wanted, allowed.length) : wanted;
    let made = 0;
    for (let i = 0; i < count; i++) {
      const place = allowed[i % allowed.length] ?? first;
      const ips = workload.template.hostNetwork
        ? place.ips
        : addresses.take(place, seedOf(workload, i, place));
      if (ips.length === 0 || pods.length === MAX_PODS) {
        pending.set(workload, reasonOf(workload, place, pods.length));
        break;
      }
      const isTaken = (name: string) => names.has(namespacedName({ namespace: workload.namespace, name }));
      const pod = toPod(workload, i, place, ips, isTaken);
      if (isTaken(pod.name)) continue;
      names.add(namespacedName(pod));
      pods.push(pod);
      made++;
    }
    if (made > 0) counts.set(workload.kind, (counts.get(workload.kind) ?? 0) + 1);
  }
  return { pods, workloads: counts, ranges: addresses.ranges, pending };
}

function reasonOf({ template }: Workload, place: Place, made: number): string {
  if (made === MAX_PODS) return `a cluster has at most ${MAX_PODS} Pods`;
  if (!template.hostNetwork) return `no free address for all of its Pods in ${place.ranges.join(' and ')}`;
  return place.name === undefined
    ? 'its Pods use the address of their node: set it with --node-ip'
    : `its Pods use the address of their node, and node ${place.name} has none`;
}

/** Those that make Pods of their own: not those of a workload that is given, too, and not those whose Pods are given. */
function withoutPods(workloads: readonly Workload[], pods: readonly Pod[]): Workload[] {
  const key = (namespace: string, { kind, name }: Owner) => `${namespace}/${kind}/${name}`;
  const givenKeys = new Set(workloads.map((workload) => key(workload.namespace, workload)));
  const withPods = new Set(pods.flatMap((pod) => ownersOf(pod).map((owner) => key(pod.namespace, owner))));
  for (const { namespace, owner, ...own } of workloads) {
    if (owner && withPods.has(key(namespace, own))) withPods.add(key(namespace, owner));
  }
  return workloads.filter(
    (workload) =>
      !withPods.has(key(workload.namespace, workload)) &&
      // A Job of a CronJob runs now, whereas its CronJob stands for no Pod.
      !(
        workload.owner &&
        workload.owner.kind !== 'CronJob' &&
        givenKeys.has(key(workload.namespace, workload.owner))
      ),
  );
}

/** Who made a Pod; of one that a ReplicaSet made, also the Deployment, which the name of the ReplicaSet tells. */
function ownersOf({ owner, labels }: Pod): Owner[] {
  if (!owner) return [];
  const hash = labels[POD_TEMPLATE_HASH];
  if (owner.kind !== 'ReplicaSet' || hash === undefined || !owner.name.endsWith(`-${hash}`)) return [owner];
  return [owner, { kind: 'Deployment', name: owner.name.slice(0, -hash.length - 1) }];
}

function inOrder(workloads: readonly Workload[]): Workload[] {
  const key = ({ kind, ...workload }: Workload) => `${namespacedName(workload)} ${kind}`;
  return workloads
    .map((workload) => ({ workload, key: key(workload) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ workload }) => workload);
}

/** Where Pods may be: a Node of the input, or the only node, of which there is no object. */
interface Place {
  readonly name: string | undefined;
  readonly node: Node | undefined;
  readonly ips: readonly string[];
  readonly ranges: readonly string[];
  /** A number of its own, as far as it has a name. */
  readonly number: number;
}

function placesOf(nodes: readonly Node[], { node: told, podRanges }: WorkloadOptions): Place[] {
  const name = told.name || undefined;
  if (nodes.length === 0) {
    return [{ name, node: undefined, ips: told.ips, ranges: orElse(told.podCIDRs, podRanges), number: 0 }];
  }
  return nodes.map((node) => {
    const itself = node.name === name || (name === undefined && nodes.length === 1);
    const own = itself || name === undefined ? told.podCIDRs : [];
    return {
      name: node.name,
      node,
      ips: orElse(itself ? told.ips : [], node.ips),
      ranges: orElse(own, orElse(node.podCIDRs, podRanges)),
      number: numberOf(node.name),
    };
  });
}

/**
 * The places that take a workload's Pods, for each workload in another order, so that they are spread over all. In this
 * order one more place comes between others, and moves no more Pods than it must.
 */
function orderFor(workload: Workload, places: readonly Place[]): Place[] {
  const seed = numberOf(seedOf(workload));
  return places
    .filter(({ node }) => node === undefined || takes(node, workload))
    .map((place) => ({ place, rank: mixed(seed, place.number) }))
    .sort((a, b) => a.rank - b.rank || a.place.number - b.place.number)
    .map(({ place }) => place);
}

/** One number of two, which tells nothing of either (the end of MurmurHash3); hashing texts would take too long here. */
function mixed(a: number, b: number): number {
  let bits = (a % 2 ** 32) ^ (b % 2 ** 32);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** What all chance of a workload, or of one of its Pods, comes from. The Pods of a DaemonSet go by their Nodes. */
function seedOf(workload: Workload, i?: number, place?: Place): string {
  const seed = `${workload.kind} ${namespacedName(workload)}`;
  if (i === undefined) return seed;
  return workload.replicas === undefined ? `${seed} on ${place?.name}` : `${seed} ${i}`;
}

/** Gives addresses to Pods, each once, and none of those that are given. */
class PodAddresses {
  readonly #taken: Set<string>;
  readonly #ranges = new Set<string>();
  /** For each range, the offset below which none is free but the first. */
  readonly #lowest = new Map<string, number>();

  constructor({ pods, nodes, addresses }: GivenObjects) {
    this.#taken = new Set([...pods, ...nodes].flatMap(({ ips }) => ips));
    for (const address of addresses) this.#taken.add(address);
  }

  get ranges(): readonly string[] {
    return [...this.#ranges];
  }

  /** One of each family that the place has a range of; none at all where one of them is full. */
  take({ ranges }: Place, seed: string): string[] {
    const found = FAMILIES.flatMap((family) => {
      const range = ranges.find((range) => familyOf(range) === family);
      return range === undefined ? [] : [{ range, ip: this.#free(range, `${seed} ${family}`) }];
    });
    const ips = found.flatMap(({ ip }) => ip ?? []);
    if (ips.length < found.length) return [];
    for (const { range } of found) this.#ranges.add(range);
    for (const ip of ips) this.#taken.add(ip);
    // As Kubernetes has it, the family of the first range comes first.
    return ranges[0] !== undefined && familyOf(ranges[0]) === 'ipv6' ? ips.reverse() : ips;
  }

  /** Where the seed says, or says next; in a range where that is taken again and again, the lowest that is free. */
  #free(range: string, seed: string): string | undefined {
    const size = sizeOf(range);
    for (let attempt = 0; attempt < ATTEMPTS && size > 1; attempt++) {
      // The first address is left to the bridge of a node.
      const offset = 1 + (numberOf(attempt === 0 ? seed : `${seed} ${attempt}`) % (size - 1));
      const address = addressAt(range, offset);
      if (!this.#taken.has(address)) return address;
    }
    for (let offset = this.#lowest.get(range) ?? 1; offset < size; offset++) {
      this.#lowest.set(range, offset);
      const address = addressAt(range, offset);
      if (!this.#taken.has(address)) return address;
    }
    const bridge = size > 0 ? addressAt(range, 0) : undefined;
    return bridge !== undefined && !this.#taken.has(bridge) ? bridge : undefined;
  }
}

/** So often, a range that is three quarters full is tried in vain once in ten times. */
const ATTEMPTS = 8;

function toPod(workload: Workload, i: number, place: Place, ips: readonly string[], isTaken: IsTaken): Pod {
  const { kind, namespace, name, template } = workload;
  const made = identityOf(workload, i, (base) => generated(base, seedOf(workload, i, place), isTaken));
  return {
    kind: 'Pod',
    namespace,
    name: made.name,
    labels: { ...template.labels, ...made.labels },
    nodeName: template.nodeName ?? place.name,
    owner:
      kind === 'Deployment' ? { kind: 'ReplicaSet', name: `${name}-${hashOf(workload)}` } : { kind, name },
    containerPorts: template.containerPorts,
    ips: [...ips],
    finished: false,
    ready: true,
    terminating: false,
  };
}

const POD_TEMPLATE_HASH = 'pod-template-hash';

/** A Pod's name, and the labels that its controller adds to those of the template. */
function identityOf(
  workload: Workload,
  i: number,
  generate: (base: string) => string,
): { name: string; labels: Readonly<Record<string, string>> } {
  const { kind, name, firstOrdinal = 0 } = workload;
  const ordinal = firstOrdinal + i;
  switch (kind) {
    case 'Deployment': {
      const hash = hashOf(workload);
      return { name: generate(`${name}-${hash}-`), labels: { [POD_TEMPLATE_HASH]: hash } };
    }
    case 'StatefulSet': {
      const own = `${name}-${ordinal}`;
      return {
        name: own,
        labels: {
          'apps.kubernetes.io/pod-index': `${ordinal}`,
          'controller-revision-hash': `${name}-${hashOf(workload)}`,
          'statefulset.kubernetes.io/pod-name': own,
        },
      };
    }
    case 'DaemonSet':
      return {
        name: generate(`${name}-`),
        labels: { 'controller-revision-hash': hashOf(workload), 'pod-template-generation': '1' },
      };
    case 'Job':
    case 'CronJob': {
      const labels = { 'batch.kubernetes.io/job-name': name, 'job-name': name };
      if (workload.firstOrdinal === undefined) return { name: generate(`${name}-`), labels };
      return {
        name: generate(`${name}-${ordinal}-`),
        labels: { ...labels, 'batch.kubernetes.io/job-completion-index': `${ordinal}` },
      };
    }
    case 'ReplicaSet':
    case 'ReplicationController':
      return { name: generate(`${name}-`), labels: {} };
  }
}

/** In place of the hash of a template, which is made of more fields than are read. */
function hashOf(workload: Workload): string {
  return word(seedOf(workload), 10);
}

/** As the API server makes names from `generateName`: cut off, so that five characters more are still a label. */
function generated(base: string, seed: string, isTaken: IsTaken): string {
  for (let attempt = seed; ; attempt += '+') {
    const name = base.slice(0, 58) + word(attempt, 5);
    if (!isTaken(name)) return name;
  }
}

/** Whether there is a Pod of this name in the namespace. */
type IsTaken = (name: string) => boolean;

/** What Kubernetes makes words by chance of: nothing that could be read as one. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

function word(seed: string, length: number): string {
  let number = numberOf(seed);
  let letters = '';
  for (let i = 0; i < length; i++) {
    letters += LETTERS[number % LETTERS.length];
    number = Math.floor(number / LETTERS.length);
  }
  return letters;
}
