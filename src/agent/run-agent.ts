/** The agent put together: the node prepared, the loop, and everything that tells how it is. */
import type { Registry } from 'prom-client';
import type { HostFacts } from '../api/node.ts';
import { limitCommands } from '../applier/command.ts';
import { KernelCounters } from '../applier/counters.ts';
import {
  detectHost,
  findIptables,
  type Host,
  HostError,
  interfaceAddresses,
  leftoverWarnings,
} from '../applier/host.ts';
import { countedPackets } from '../applier/nfacct.ts';
import { beginReading, nodeKernel } from '../applier/node-kernel.ts';
import { openPosixSpawn } from '../applier/posix-spawn.ts';
import type { IptablesPrograms } from '../applier/programs.ts';
import { readConntrackTable } from '../applier/sysctl.ts';
import { releaseFilePages } from '../applier/watch/libc.ts';
import { watchKernel } from '../applier/watch/watch.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { FAMILIES } from '../net/address.ts';
import { DEFAULT_SERVICE_RANGES } from '../sources/cluster.ts';
import { LateListener, running } from '../sources/early-source.ts';
import { type Connection, connect, readAfter, type SentRequest } from '../sources/kubernetes/connection.ts';
import { KubernetesSource } from '../sources/kubernetes/kubernetes-source.ts';
import { DEFAULT_TIMES } from '../sources/kubernetes/list-watch.ts';
import type { Source, SourceListener } from '../sources/source.ts';
import { WatchedFolder } from '../sources/watched-folder.ts';
import { Agent, RestartError } from './agent.ts';
import { untilChanged } from './config-watch.ts';
import { type AgentEvent, Events } from './events.ts';
import { ProxyHealth } from './health/health.ts';
import { HealthCheckServers } from './health/health-check-servers.ts';
import { agentServers } from './http/servers.ts';
import type { Log } from './log.ts';
import { machineFacts, machineName } from './machine.ts';
import { giveBack, givingBack, onceSynced } from './memory.ts';
import { Metrics } from './metrics/metrics.ts';
import { ServiceMetrics } from './metrics/service-metrics.ts';
import { observerOf } from './observer.ts';
import { prepareNode } from './prepare.ts';
import type { AgentSettings } from './settings/settings.ts';

/**
 * A program that takes longer is given up, in milliseconds: the most that iptables-restore has taken is 53 s (5,000 Services
 * x 50 endpoints on iptables-nft, BENCHMARKS.md), and a busy node takes twice as long.
 */
const COMMAND_TIMEOUT = 120_000;

/**
 * What a program does when the agent is to end has so long to be finished, in milliseconds. Nearly every write is; where
 * one is not, the kernel takes each transaction as a whole or not at all, and the next start goes on from there.
 */
const LAST_WORK = 1500;

/** So long after one SIGHUP, in milliseconds, the next is obeyed and not told: they may come by the thousand. */
const SIGNALS = 1000;

/**
 * Keeps this node's rules equal to a cluster until the signal ends it. What is being written then is finished, unless
 * that takes longer than a second or two, and the rules stay.
 * @param version of svc2ipt
 * @throws OperationalError: a HostError or CommandError where this machine cannot do it, a RestartError where it must
 *   be started again, a ListenError, InputError or AccessError where it cannot begin
 */
export async function runAgent(
  settings: AgentSettings,
  version: string,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  try {
    await runUntil(stop, () => ended.abort(), settings, version, log);
  } finally {
    // Nothing that was begun may keep the process.
    ended.abort();
  }
}

/** @param end aborts the signal, so that all that goes by it ends */
async function runUntil(
  stop: AbortSignal,
  end: () => void,
  settings: AgentSettings,
  version: string,
  log: Log,
): Promise<void> {
  const { configuration, own, dryRun } = settings;
  limitCommands({
    patience: (own.commandTimeout ?? COMMAND_TIMEOUT) / 1000,
    ownGroups: true,
    ended: later(stop, LAST_WORK),
    start: await openPosixSpawn(),
  });
  if (settings.initOnly) {
    if (!dryRun) await prepareNode(settings, log);
    return;
  }
  // What is needed of the API server comes while this node is looked at. What goes wrong is told where it is needed.
  const late = new LateListener();
  const requests: SentRequest[] = [];
  let answered = (request: SentRequest): void => {
    requests.push(request);
  };
  // One after the other takes less memory: iptables-save has all that is in the kernel, and what is made of a list grows.
  const kernelRead = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => kernelRead.resolve());
  const early =
    settings.manifests === undefined
      ? followEarly(settings, {
          listener: late,
          onRequest: (request) => answered(request),
          kernelRead: kernelRead.promise,
          stop,
        })
      : undefined;
  early?.catch(() => {});
  // What loading the program has read of Node.js is more than what running it needs.
  const [found] = await Promise.all([findIptables(settings.backend), releaseFilePages()]);
  const written = dryRun
    ? []
    : FAMILIES.flatMap((family) => (found[family] instanceof HostError ? [] : found[family]));
  const watches = await watchKernel(written);
  const readKernel = (programs: IptablesPrograms) => {
    const kernel = nodeKernel(programs, watches.of(programs.family));
    // iptables-nft-restore passes on what it reads, and takes 7 MB.
    return beginReading(programs.backend === 'legacy' ? givingBack(kernel) : kernel);
  };
  // What detectHost asks of iptables-legacy looks like a change to whoever watches it: that is read once it has asked.
  const readEarly = new Map(
    written
      .filter(({ backend }) => backend === 'nft')
      .map((programs) => [programs.family, readKernel(programs)]),
  );
  const host = await detectHost(found, dryRun ? undefined : prepareNode(settings, log));
  for (const warning of host.warnings) log.warning(warning);

  const iptables = FAMILIES.flatMap((family) => host.iptables[family] ?? []);
  const families = iptables.map(({ family }) => family);
  const unwatched = watches.warningFor(families);
  if (unwatched !== undefined) log.warning(unwatched);
  const readPackets = host.nfacct ? { readPackets: countedPackets } : {};
  const counters = own.serviceMetrics && (await KernelCounters.open(iptables, true));
  const inputs = () => families.flatMap((family) => agent.inputOf(family) ?? []);
  const services = counters && {
    services: (registry: Registry) =>
      new ServiceMetrics({
        registry,
        kernel: counters,
        inputs,
        maxSeries: own.serviceMetrics?.maxSeries,
        log,
      }),
  };
  const metrics = new Metrics({
    version,
    families,
    log,
    readConntrack: readConntrackTable,
    ...readPackets,
    ...services,
  });
  answered = (request) => metrics.apiAnswered(request);
  requests.forEach(answered);
  const health = new ProxyHealth({ syncPeriod: configuration.iptables.syncPeriod, families });
  const healthCheckServers = new HealthCheckServers({ healthy: () => health.healthy, log });
  let events: Events | undefined;
  const tell = (event: AgentEvent) => void events?.tell(event);

  const base = { ...settings, iptables, log };
  const agent: Agent = new Agent({
    ...base,
    kernelOf: (host) => (dryRun ? nodeKernel(host) : (readEarly.get(host.family) ?? readKernel(host))),
    machineFacts: followMachine(host, settings, log),
    observer: observerOf(base, {
      metrics,
      health,
      healthCheckServers,
      tell,
      synced: onceSynced(families, () => {
        void tellLeftovers(iptables, log).then(giveBack);
      }),
    }),
  });
  void agent.readAhead().then(kernelRead.resolve);
  const servers = agentServers(base, { agent, health, metrics });

  let told = Number.NEGATIVE_INFINITY;
  const compare = () => {
    agent.compare();
    if (performance.now() < told + SIGNALS) return;
    told = performance.now();
    log.info('SIGHUP: comparing everything with the kernel');
  };
  process.on('SIGHUP', compare);
  const tasks: Promise<void>[] = [];
  try {
    for (const server of servers) await server.start({ hardFail: configuration.bindAddressHardFail });
    log.info('Starting', { version, node: agent.nodeName, families: families.join(' '), dryRun });
    const { manifests, configFile } = settings;
    const followed = await early?.catch((error: unknown) => {
      if (!stop.aborted) throw error;
    });
    if (stop.aborted) return;
    // And most of what beginning has needed.
    await releaseFilePages();
    if (followed) {
      events = new Events(followed.connection, agent.nodeName, log);
      tell({ type: 'Normal', reason: 'Starting', note: `svc2ipt ${version} is starting` });
      tasks.push(agent.run(followed.source, stop));
      late.hear(agent.listener);
    } else if (manifests !== undefined) {
      const options = { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false };
      tasks.push(agent.run(new WatchedFolder(manifests, options, agent.listener), stop));
    }
    if (configFile !== undefined) tasks.push(untilConfigurationChanges(configFile, stop));
    await Promise.race(tasks);
  } finally {
    end();
    await Promise.allSettled(tasks);
    process.off('SIGHUP', compare);
    watches.close();
    counters?.close();
    await Promise.all([healthCheckServers, ...servers].map((server) => server.stop()));
  }
}

/** Connects to the API server, and begins to follow the cluster at once; what it answers waits until the kernel is read. */
async function followEarly(
  settings: AgentSettings,
  {
    listener,
    stop,
    kernelRead,
    onRequest,
  }: {
    listener: SourceListener;
    stop: AbortSignal;
    kernelRead: Promise<void>;
    onRequest(request: SentRequest): void;
  },
): Promise<{ connection: Connection; source: Source }> {
  const connection = await connect({ ...settings, onRequest, signal: stop });
  const nodeName = settings.configuration.hostnameOverride || machineName();
  const serviceCIDRs = settings.own.rejectUnassigned === true && settings.serviceRanges === undefined;
  const patient = readAfter(kernelRead, connection);
  const source = new KubernetesSource(patient, nodeName, listener, DEFAULT_TIMES, { serviceCIDRs });
  return { connection, source: running(source, source.run(stop)) };
}

/** Looks for chains of ours in the other backend, for which no rule waits: where it cannot be read, that is all. */
async function tellLeftovers(iptables: readonly IptablesPrograms[], log: Log): Promise<void> {
  try {
    for (const warning of await leftoverWarnings(iptables)) log.warning(warning);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    log.warning(error.message);
  }
}

/** A signal that comes so many milliseconds after another; nothing waits for it. */
function later(signal: AbortSignal, milliseconds: number): AbortSignal {
  const after = new AbortController();
  signal.addEventListener('abort', () => void setTimeout(() => after.abort(), milliseconds).unref());
  return after.signal;
}

/**
 * The addresses of interfaces change while the agent runs, and only `nodePortAddresses` looks at them. While they cannot be
 * read, they are those that were read last.
 */
function followMachine(host: Host, { configuration }: AgentSettings, log: Log): () => HostFacts {
  if (configuration.nodePortAddresses.length === 0) {
    return () => ({ ...machineFacts(host), interfaceAddresses: [] });
  }
  let known: readonly string[] = host.interfaceAddresses;
  let told = false;
  return () => {
    try {
      known = interfaceAddresses();
      told = false;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      if (!told)
        log.error('Cannot read the addresses of this node; keeping the last known ones', {
          error: error.message,
        });
      told = true;
    }
    return { ...machineFacts(host), interfaceAddresses: known };
  };
}

/** As kube-proxy v1.36: whoever starts it again starts it with the new configuration. */
async function untilConfigurationChanges(file: string, signal: AbortSignal): Promise<void> {
  await untilChanged(file, signal);
  if (!signal.aborted) throw new RestartError(`the configuration file ${file} has changed`);
}
