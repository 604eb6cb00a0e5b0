/** The pages of the health server. */
import type { HealthReport, ProxyHealth } from '../health/health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Answer, jsonAnswer, type Routes } from './routes.ts';

/** `/healthz` and `/livez` as kube-proxy v1.36 answers them: 200 or 503. Every answer is counted. */
export function healthPages(
  health: Pick<ProxyHealth, 'healthz' | 'livez'>,
  metrics: Pick<Metrics, 'healthzAnswered' | 'livezAnswered'>,
): Routes {
  const answer = (report: HealthReport, count: (code: number) => void): Answer => {
    const status = report.healthy ? 200 : 503;
    count(status);
    return jsonAnswer(report.body, status);
  };
  return new Map([
    ['/healthz', { answer: () => answer(health.healthz(), (code) => metrics.healthzAnswered(code)) }],
    ['/livez', { answer: () => answer(health.livez(), (code) => metrics.livezAnswered(code)) }],
  ]);
}
