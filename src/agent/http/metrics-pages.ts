/** The pages of the metrics server. Debug pages only tell; nothing can be changed but how much is logged. */
import type { Family } from '../../net/address.ts';
import { FAMILIES } from '../../net/address.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Answer, jsonAnswer, type Page, type PageRequest, type Routes, textAnswer } from './routes.ts';

/** Where the contents come from. A family is given where only one is asked for. */
export interface MetricsSuppliers {
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** What `/configz` shows, as JSON. */
  configz(): unknown;
  /** The rules as they were compiled last. */
  rules(family: Family | undefined): Promise<string>;
  /** What the agent knows and is about, as JSON. */
  state(family: Family | undefined): Promise<unknown>;
  /** How the kernel differs from the rules. */
  drift(family: Family | undefined): Promise<string>;
  /** `enableProfiling`: whether `/debug/flags/v` may set how much is logged. */
  readonly enableProfiling: boolean;
  readonly log: Log;
}

/** kube-proxy v1.36's `/metrics`, `/healthz`, `/proxyMode`, `/configz`, `/debug/flags/v`, and our `/debug` pages. */
export function metricsPages(suppliers: MetricsSuppliers): Routes {
  const { metrics } = suppliers;
  const pages: [string, Page][] = [
    [
      '/metrics',
      {
        answer: async () => ({
          headers: { 'Content-Type': metrics.contentType },
          body: await metrics.text(),
        }),
      },
    ],
    // That this server answers; the health of the proxy is another server's.
    ['/healthz', { answer: () => textAnswer('ok') }],
    ['/proxyMode', { answer: () => textAnswer('iptables') }],
    ['/configz', { answer: () => jsonAnswer(JSON.stringify(suppliers.configz())) }],
    ['/debug/rules', forFamily(async (family) => textAnswer(await suppliers.rules(family)))],
    ['/debug/drift', forFamily(async (family) => textAnswer(await suppliers.drift(family)))],
    [
      '/debug/state',
      forFamily(async (family) => jsonAnswer(`${JSON.stringify(await suppliers.state(family), null, 2)}\n`)),
    ],
  ];
  if (suppliers.enableProfiling) pages.push(['/debug/flags/v', verbosityPage(suppliers.log)]);
  return new Map(pages);
}

/** A page that takes `?family=ipv4` or `?family=ipv6`. */
function forFamily(answer: (family: Family | undefined) => Promise<Answer>): Page {
  return {
    answer: ({ query }: PageRequest) => {
      const wanted = query.get('family');
      const family = FAMILIES.find((family) => family === wanted);
      return wanted !== null && family === undefined
        ? textAnswer(`family: expected ${FAMILIES.join(' or ')}, got ${JSON.stringify(wanted)}\n`, 400)
        : answer(family);
    },
  };
}

/** Sets the log's verbosity to the number in the request's body, with the answers of kube-proxy v1.36. */
function verbosityPage(log: Log): Page {
  return {
    methods: ['PUT'],
    answer: ({ body }) => {
      const level = /^\d{1,9}$/.test(body) ? Number(body) : undefined;
      if (level === undefined) {
        const got = JSON.stringify(body);
        return textAnswer(`failed set klog.logging.verbosity: expected a whole number, got ${got}\n`, 400);
      }
      log.verbosity = level;
      return textAnswer(`successfully set klog.logging.verbosity to ${level}\n`);
    },
  };
}
