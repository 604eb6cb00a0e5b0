/** What becomes of what the agent tells: metrics, health, health check node ports, Events. */
import { RestoreError } from '../applier/restore.ts';
import { type CompileOptions, compileOptions } from '../compiler/options.ts';
import type { Family } from '../net/address.ts';
import type { AgentObserver, AgentOptions } from './agent.ts';
import type { AgentEvent } from './events.ts';
import type { ProxyHealth } from './health/health.ts';
import { CheckedServices, healthChecks } from './health/health-check-node-ports.ts';
import type { HealthCheckServers } from './health/health-check-servers.ts';
import { IP_FAMILY } from './ip-family.ts';
import type { Metrics } from './metrics/metrics.ts';

export interface Listeners {
  readonly metrics: Metrics;
  readonly health: ProxyHealth;
  readonly healthCheckServers: HealthCheckServers;
  tell(event: AgentEvent): void;
  synced(family: Family): void;
}

export function observerOf(
  {
    configuration,
    own,
    iptables,
    dryRun,
  }: Pick<AgentOptions, 'configuration' | 'own' | 'iptables' | 'dryRun'>,
  { metrics, health, healthCheckServers, tell, synced }: Listeners,
): AgentObserver {
  const checked = new CheckedServices();
  return {
    changed: (change) => metrics.changed(change),
    invalidObject(note, service) {
      metrics.invalidObject();
      if (service) tell({ type: 'Warning', reason: 'InvalidObject', note, service });
    },
    leftOut: (note, service) => tell({ type: 'Warning', reason: 'LeftOut', note, service }),
    sourceFailed: (resource) => metrics.sourceFailed(resource),
    sourceRecovered: (resource) => metrics.sourceRecovered(resource),
    clusterChanged(cluster, facts, node) {
      health.setEligible(!node?.beingDeleted);
      const options = iptables.map(
        ({ family }): CompileOptions => compileOptions(family, configuration, facts, own),
      );
      void healthCheckServers.update(healthChecks(checked.of(cluster), facts, options));
    },
    queued(family) {
      metrics.queued(family);
      health.queued(family);
    },
    syncing: (family) => metrics.syncing(family),
    synced(family, { result, full, totals, flows, milliseconds }) {
      // What was not written is no sync.
      if (!dryRun) metrics.synced({ family, seconds: milliseconds / 1000, full, result, flows, ...totals });
      health.synced(family);
      synced(family);
    },
    syncFailed(family, { error, full, milliseconds }) {
      const refused = error instanceof RestoreError;
      metrics.syncFailed({ family, seconds: milliseconds / 1000, full, refused });
      tell({ type: 'Warning', reason: 'FailedToWriteRules', note: `${IP_FAMILY[family]}: ${error.message}` });
    },
    driftFound: (family) => metrics.driftFound(family),
  };
}
