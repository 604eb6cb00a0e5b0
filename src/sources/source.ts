/** Where an agent follows a cluster, and what it hears from there. */
import type { ClusterState } from '../api/cluster.ts';
import type { Node } from '../api/node.ts';

export interface Source {
  /** The cluster as far as it is known; only whole once {@link synced}. The same maps all the time. */
  readonly cluster: ClusterState;
  /** The Node objects that are known, by name; of a Kubernetes API, at most that of this node. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** The ranges of ServiceCIDR objects, in order; none where there are none, or nobody has asked for them. */
  readonly serviceCIDRs: readonly string[];
  /** Whether everything has been read at least once. Until then no rule may be written. */
  readonly synced: boolean;
  /**
   * Says that there is no Node of a name, and which ones may be meant, as far as the source can tell. Undefined where it
   * has no Nodes at all: whoever writes manifests may do without.
   * @param machineName what this machine calls itself, whatever it is told to be
   */
  noSuchNode(name: string, machineName: string | undefined, signal: AbortSignal): Promise<string | undefined>;
  /** Follows the cluster until the signal ends it. Throws an InputError where it cannot begin. */
  run(signal: AbortSignal): Promise<void>;
}

/** Who is told of what happens. */
export interface SourceListener {
  /** The cluster or its Nodes are others than before. Only told once everything has been read. */
  changed(change: SourceChange): void;
  /**
   * An object or a file that cannot be used; what was known of it stays.
   * @param service whose rules depend on it, where it is known
   */
  invalid(message: string, service?: ServiceName): void;
  /** What the author of the objects should know of. */
  warned(message: string, service?: ServiceName): void;
  /** The source failed; what was known stays, and it is tried again in so many milliseconds. */
  failed(resource: string, error: Error, retryIn: number): void;
  /** The source answers again; how it goes on is known after some time only where nothing changes. */
  recovered(resource: string): void;
}

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** How many objects of a kind have changed. */
export interface SourceChange {
  readonly services: number;
  readonly endpointSlices: number;
  /** When the Pods or Services changed that made EndpointSlices change, in milliseconds since 1970, where known. */
  readonly triggered: readonly number[];
}

export const NO_CHANGE: SourceChange = { services: 0, endpointSlices: 0, triggered: [] };
