/** The pages of the health server. */
import type { HealthReport, ProxyHealth } from '../health/health.ts';
import type { HealthMemory } from '../health/health-memory.ts';
import { type Answer, jsonAnswer, type Routes } from './routes.ts';

/** `/healthz` and `/livez` as kube-proxy v1.36 answers them: 200 or 503. Every answer is counted. */
export function healthPages(
  health: Pick<ProxyHealth, 'healthz' | 'livez'>,
  counts: Pick<HealthMemory, 'count'>,
): Routes {
  const answer = (page: 'healthz' | 'livez', report: HealthReport): Answer => {
    const status = report.healthy ? 200 : 503;
    counts.count(page, status);
    return jsonAnswer(report.body, status);
  };
  return new Map([
    ['/healthz', { answer: () => answer('healthz', health.healthz()) }],
    ['/livez', { answer: () => answer('livez', health.livez()) }],
  ]);
}
