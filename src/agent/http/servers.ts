/** The agent's HTTP servers: health for load balancers and the kubelet, metrics and debug pages for people. */
import { printConfiguration } from '../../api/print-configuration.ts';
import type { Family } from '../../net/address.ts';
import type { Agent, AgentOptions } from '../agent.ts';
import type { ProxyHealth } from '../health/health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { driftPage, rulesPage } from './debug-pages.ts';
import { HealthServer } from './health-server.ts';
import { HttpServer, listenOptions } from './http-server.ts';
import { type MetricsSuppliers, metricsPages } from './metrics-pages.ts';
import { statePage } from './state.ts';

export interface Served {
  readonly agent: Agent;
  readonly health: ProxyHealth;
  readonly metrics: Metrics;
}

/** What a server is to whoever starts and stops it. */
export type AgentServer = Pick<HttpServer, 'start' | 'stop'>;

/** The servers that a configuration asks for, not started yet. */
export function agentServers(
  { configuration, log }: Pick<AgentOptions, 'configuration' | 'log'>,
  { agent, health, metrics }: Served,
): AgentServer[] {
  const { healthzBindAddress, metricsBindAddress, enableProfiling, iptables } = configuration;
  const healthServer = new HealthServer({
    listen: listenOptions(healthzBindAddress),
    syncPeriod: iptables.syncPeriod,
    families: agent.families.map(({ family }) => family),
    health,
    log,
  });
  if (metricsBindAddress === '') return [healthServer];
  const shown = {
    contentType: metrics.contentType,
    text: () => {
      healthServer.countInto(metrics);
      return metrics.text();
    },
  };
  const configz = () => ({ 'kubeproxy.config.k8s.io': printConfiguration(configuration) });
  const routes = metricsPages({ metrics: shown, configz, ...debugSuppliers(agent), enableProfiling, log });
  const listen = listenOptions(metricsBindAddress);
  const names = () => [agent.nodeName.toLowerCase()];
  return [healthServer, new HttpServer({ name: 'metrics', listen, routes, names, log })];
}

function debugSuppliers(agent: Agent): Pick<MetricsSuppliers, 'rules' | 'state' | 'drift'> {
  const loops = (family: Family | undefined) =>
    agent.families.filter((loop) => family === undefined || loop.family === family);
  return {
    rules: async (family) =>
      loops(family)
        .map(({ rules }) => rulesPage(rules))
        .join('\n'),
    state: (family, givenUp) => {
      const inputs = loops(family).flatMap((loop) => agent.inputOf(loop.family) ?? []);
      return statePage(agent.facts, inputs, givenUp);
    },
    drift: async (family, givenUp) => {
      const pages: string[] = [];
      // One kernel reading at a time is enough to be busy with.
      for (const { rules } of loops(family)) pages.push(await driftPage(rules, givenUp));
      return pages.join('\n');
    },
  };
}
