/** The agent's HTTP servers: health for load balancers and the kubelet, metrics and debug pages for people. */
import { printConfiguration } from '../../api/print-configuration.ts';
import type { Family } from '../../net/address.ts';
import type { Agent, AgentOptions } from '../agent.ts';
import type { ProxyHealth } from '../health/health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { driftPage, rulesPage } from './debug-pages.ts';
import { healthPages } from './health-pages.ts';
import { HttpServer, listenOptions } from './http-server.ts';
import { type MetricsSuppliers, metricsPages } from './metrics-pages.ts';
import type { Routes } from './routes.ts';
import { describeState } from './state.ts';

export interface Served {
  readonly agent: Agent;
  readonly health: ProxyHealth;
  readonly metrics: Metrics;
}

/** The servers that a configuration asks for, not started yet. */
export function agentServers(
  { configuration, log }: Pick<AgentOptions, 'configuration' | 'log'>,
  { agent, health, metrics }: Served,
): HttpServer[] {
  const { healthzBindAddress, metricsBindAddress, enableProfiling } = configuration;
  const server = (name: string, address: string, routes: Routes) =>
    new HttpServer({ name, listen: listenOptions(address), routes, log });
  const configz = () => ({ 'kubeproxy.config.k8s.io': printConfiguration(configuration) });
  const pages = metricsPages({ metrics, configz, ...debugSuppliers(agent), enableProfiling, log });
  return [
    server('health', healthzBindAddress, healthPages(health, metrics)),
    ...(metricsBindAddress === '' ? [] : [server('metrics', metricsBindAddress, pages)]),
  ];
}

function debugSuppliers(agent: Agent): Pick<MetricsSuppliers, 'rules' | 'state' | 'drift'> {
  const loops = (family: Family | undefined) =>
    agent.families.filter((loop) => family === undefined || loop.family === family);
  return {
    rules: async (family) =>
      loops(family)
        .map(({ rules }) => rulesPage(rules))
        .join('\n'),
    state: async (family) => {
      const inputs = loops(family).flatMap((loop) => agent.inputOf(loop.family) ?? []);
      return { node: agent.facts, servicePorts: inputs.flatMap(describeState) };
    },
    drift: async (family) => {
      const pages = await Promise.all(loops(family).map(({ rules }) => driftPage(rules)));
      return pages.join('\n');
    },
  };
}
