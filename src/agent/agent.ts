/** The loop of the node agent: source → compile → apply, for as long as the node lives. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeProxyConfiguration, Svc2iptSection } from '../api/kube-proxy-configuration.ts';
import type { HostFacts, Node, NodeFacts } from '../api/node.ts';
import type { IptablesHost } from '../applier/host.ts';
import type { NodeKernel } from '../applier/node-kernel.ts';
import { compileOptions } from '../compiler/options.ts';
import { type ServiceRanges, unassignedWarnings } from '../compiler/unassigned.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { type Family, familyOf } from '../net/address.ts';
import { resolveNode } from '../sources/node.ts';
import type { ServiceName, Source, SourceChange, SourceListener } from '../sources/source.ts';
import { LastingFault } from './lasting-fault.ts';
import type { Log } from './log.ts';
import { nodeWarnings } from './node-warnings.ts';
import { FamilyLoop, type RulesObserver } from './sync/family-loop.ts';
import { FamilyRules, type RulesInput } from './sync/family-rules.ts';
import type { SyncTimes } from './sync/sync-runner.ts';

/** Who is told what happens, for metrics, health checks and Events. */
export interface AgentObserver extends RulesObserver {
  changed(change: SourceChange): void;
  /** An object cannot be used, and the rules of a Service, if it is known which, are as they were. */
  invalidObject(note: string, service: ServiceName | undefined): void;
  /** Something of a Service has no rules. */
  leftOut(note: string, service: ServiceName): void;
  sourceFailed(resource: string): void;
  sourceRecovered(resource: string): void;
  /** The cluster, or this node, is another one than before. */
  clusterChanged(cluster: RulesInput['cluster'], facts: NodeFacts, node: Node | undefined): void;
}

export interface AgentOptions {
  readonly configuration: KubeProxyConfiguration;
  readonly own: Svc2iptSection;
  /** Of cluster IPs; those of ServiceCIDRs unless given. */
  readonly serviceRanges?: readonly string[] | undefined;
  readonly iptables: readonly IptablesHost[];
  kernelOf(host: IptablesHost): NodeKernel;
  /** Compiles and reads, but writes nothing. */
  readonly dryRun: boolean;
  /** What the machine itself tells of the node, as of now. */
  machineFacts(): HostFacts;
  readonly observer: AgentObserver;
  readonly log: Log;
  /** Pauses after failed syncs; a second to a minute unless given. */
  readonly retry?: SyncTimes['retry'];
  /** So long this node's object may be missing before anybody is told, in milliseconds; half a minute unless given. */
  readonly nodePatience?: number;
}

const RETRY: SyncTimes['retry'] = { first: 1000, longest: 60_000 };

/** A kubelet may start at the same time, and make the Node object. Milliseconds. */
const NODE_PATIENCE = 30_000;

/** Everything is compared with the kernel every hour, as kube-proxy v1.36 writes everything anew. Milliseconds. */
const COMPARISON_PERIOD = 3_600_000;

/** So much of `iptables.syncPeriod` passes between checks that what they find is mended within one. */
const CHECK = 0.75;

/** The agent cannot go on as it is: it must be started again. */
export class RestartError extends OperationalError {}

export class Agent {
  readonly #options: AgentOptions;
  readonly #families: readonly FamilyLoop[];
  /** By resource. */
  readonly #sourceFaults = new Map<string, LastingFault>();
  readonly #broken = Promise.withResolvers<never>();
  #source: Source | undefined;
  /** Ends what is being asked; undefined before it runs. */
  #stopped: AbortSignal | undefined;
  /** This node's object as it was last there: a Node that is deleted leaves its facts behind. */
  #node: Node | undefined;
  #facts: NodeFacts | undefined;
  #waiting = false;
  #telling = false;
  /** What has been told of the node and its configuration, and still holds. */
  #warned: readonly string[] = [];
  /** Until the Node object is missing for too long. */
  #patience: NodeJS.Timeout | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { iptables, dryRun, log, observer, configuration } = options;
    const times = { shortest: configuration.iptables.minSyncPeriod, retry: options.retry ?? RETRY };
    this.#families = iptables.map(
      (host) =>
        new FamilyLoop(new FamilyRules(host, options.kernelOf(host), { dryRun, log }), {
          input: () => this.inputOf(host.family),
          times,
          observer,
          log,
        }),
    );
  }

  get families(): readonly FamilyLoop[] {
    return this.#families;
  }

  get cluster(): Source['cluster'] {
    return this.#source?.cluster ?? { services: new Map() };
  }

  /** Facts about this node as far as they are known. */
  get facts(): NodeFacts {
    const { configuration, machineFacts } = this.#options;
    const name = this.nodeName;
    const nodes = new Map(this.#node ? [[name, this.#node]] : []);
    const live = machineFacts();
    const ips = nodeIPs(configuration.bindAddress, this.#node?.ips ?? []);
    return resolveNode({ flags: { name, ips }, host: {}, hostnameOverride: undefined, nodes, live });
  }

  get nodeName(): string {
    const { configuration, machineFacts } = this.#options;
    return configuration.hostnameOverride || machineFacts().name || '';
  }

  /** What the source tells this agent. */
  get listener(): SourceListener {
    const { observer, log } = this.#options;
    return {
      changed: (change) => {
        observer.changed(change);
        this.#changed();
      },
      invalid: (message, service) => {
        observer.invalidObject(message, service);
        log.error('Ignoring invalid object; keeping its last valid version', { problem: message });
      },
      warned: (message, service) => {
        log.warning(message);
        if (service) observer.leftOut(message, service);
      },
      failed: (resource, error, retryIn) => {
        observer.sourceFailed(resource);
        const fault = this.#sourceFaults.get(resource) ?? new LastingFault();
        this.#sourceFaults.set(resource, fault);
        const told = fault.happened(error.message);
        if (!told) return;
        log.warning('Cannot read from the API server; the rules stay', {
          resource,
          error: error.message,
          ...(told.attempts > 1 ? told : {}),
          retryInSeconds: Math.round(retryIn / 100) / 10,
        });
      },
      recovered: (resource) => {
        observer.sourceRecovered(resource);
        const over = this.#sourceFaults.get(resource)?.ended();
        if (over) log.info('The API server answers again', { resource, ...over });
      },
    };
  }

  /**
   * Follows a source until the signal ends it; what is being written then is finished. The rules stay.
   * @throws RestartError when the node has changed in a way that only a new start can follow; whatever the source
   *   throws where it cannot begin
   */
  async run(source: Source, signal: AbortSignal): Promise<void> {
    this.#source = source;
    const { syncPeriod } = this.#options.configuration.iptables;
    const timers = [
      setInterval(() => this.#check(), syncPeriod * CHECK),
      setInterval(() => this.compare(), COMPARISON_PERIOD),
    ];
    const stop = new AbortController();
    this.#warn();
    this.#stopped = AbortSignal.any([signal, stop.signal]);
    try {
      await Promise.race([source.run(this.#stopped), this.#broken.promise]);
    } finally {
      stop.abort();
      for (const timer of [...timers, this.#patience]) clearInterval(timer);
      await Promise.all(this.#families.map((family) => family.stop()));
    }
  }

  /**
   * Begins to read the kernel, which the first syncs need, while the source still waits for the cluster.
   * @returns when that is over, whatever came of it
   */
  async readAhead(): Promise<void> {
    await Promise.all(this.#families.map(({ rules }) => rules.readAhead()));
  }

  /** Compares everything with the kernel, and writes what differs. */
  compare(): void {
    for (const family of this.#families) family.compare();
  }

  #check(): void {
    // The addresses of interfaces change without anybody telling.
    if (this.#facts && !isDeepStrictEqual(this.facts, this.#facts)) this.#changed();
    for (const family of this.#families) family.check();
  }

  #changed(): void {
    const node = this.#source?.nodes.get(this.nodeName);
    this.#node = node ?? this.#node;
    const facts = this.facts;
    const { detectLocalMode } = this.#options.configuration;
    const ranges = this.#facts?.podCIDRs ?? [];
    if (detectLocalMode === 'NodeCIDR' && ranges.length > 0 && !isDeepStrictEqual(ranges, facts.podCIDRs)) {
      const message = `the Pod ranges of this node changed from ${ranges.join(', ')} to ${facts.podCIDRs.join(', ')}`;
      this.#broken.reject(new RestartError(message));
      return;
    }
    this.#facts = facts;
    this.#warn();
    this.#patience ??= setTimeout(() => void this.#missNode(), this.#options.nodePatience ?? NODE_PATIENCE);
    this.#tell();
    for (const family of this.#families) family.changed();
  }

  /** What holds of the node and its configuration is told once, and again only where it has not held in between. */
  #warn(): void {
    const { configuration, iptables, log } = this.#options;
    const families = iptables.map(({ family }) => family);
    const facts = this.#facts;
    // Until all is read, no range is missing.
    const unassigned = this.#source?.synced
      ? unassignedWarnings(this.#unassigned, { configuration, node: facts })
      : [];
    const warnings = [...nodeWarnings({ configuration, families, facts }), ...unassigned];
    for (const warning of warnings) if (!this.#warned.includes(warning)) log.warning(warning);
    this.#warned = warnings;
  }

  /** Once, when everything has been read for a while: a Node that is deleted later has been there. */
  async #missNode(): Promise<void> {
    const { machineFacts, log } = this.#options;
    const stopped = this.#stopped;
    if (this.#node || !stopped) return;
    const message = await this.#source?.noSuchNode(this.nodeName, machineFacts().name, stopped);
    if (message === undefined || this.#node || stopped.aborted) return;
    log.warning(
      `${message}: no endpoint is on this node, so Services with a Local policy drop traffic here and topology hints have ` +
        'no effect. Set hostnameOverride (--hostname-override) to the name of its Node.',
    );
  }

  /** Once for all the changes that come together: whoever is told looks at the whole cluster. */
  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      const node = this.#source?.nodes.get(this.nodeName);
      if (this.#facts) this.#options.observer.clusterChanged(this.cluster, this.#facts, node);
    });
  }

  /** What a family's rules are made for at this moment; undefined while that is not known. */
  inputOf(family: Family): RulesInput | undefined {
    const { configuration, own, log } = this.#options;
    const node = this.#facts;
    if (!this.#source?.synced || !node) return undefined;
    if (configuration.detectLocalMode === 'NodeCIDR' && node.podCIDRs.length === 0) {
      if (!this.#waiting) log.warning('No rules until the Node object has Pod ranges', { node: node.name });
      this.#waiting = true;
      return undefined;
    }
    this.#waiting = false;
    const options = compileOptions(family, configuration, node, { ...own, ...this.#unassigned });
    return { cluster: this.cluster, node, options };
  }

  /** Whether what nobody serves is refused, and where cluster IPs are. */
  get #unassigned(): ServiceRanges {
    const { own, serviceRanges } = this.#options;
    return {
      rejectUnassigned: own.rejectUnassigned ?? false,
      serviceRanges: serviceRanges ?? this.#source?.serviceCIDRs ?? [],
    };
  }
}

/** kube-proxy v1.36 takes `bindAddress` for the node's primary IP, where it is not the unspecified address. */
function nodeIPs(bindAddress: string, ips: readonly string[]): readonly string[] | undefined {
  if (bindAddress === '0.0.0.0' || bindAddress === '::') return undefined;
  return [bindAddress, ...ips.filter((ip) => familyOf(ip) !== familyOf(bindAddress))];
}
