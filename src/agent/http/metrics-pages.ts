/** The pages of the metrics server. Debug pages only tell; nothing can be changed but how much is logged. */
import type { Family } from '../../net/address.ts';
import { FAMILIES } from '../../net/address.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { BusyError } from '../sync/family-rules.ts';
import { type Answer, jsonAnswer, type Page, type PageRequest, type Routes, textAnswer } from './routes.ts';
import { SharedPages } from './shared-pages.ts';

/** Where the contents come from. A family is given where only one is asked for. */
export interface MetricsSuppliers {
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** What `/configz` shows, as JSON. */
  configz(): unknown;
  /** The rules as they were compiled last. */
  rules(family: Family | undefined): Promise<string>;
  /** What the agent knows and is about, as JSON. Stops, and throws, where the signal tells that nobody waits for it. */
  state(family: Family | undefined, givenUp: AbortSignal): Promise<string>;
  /** How the kernel differs from the rules. Stops and throws likewise; throws a BusyError where syncs leave no time. */
  drift(family: Family | undefined, givenUp: AbortSignal): Promise<string>;
  /** `enableProfiling`: whether `/debug/flags/v` may set how much is logged. */
  readonly enableProfiling: boolean;
  readonly log: Log;
}

/** kube-proxy v1.36's `/metrics`, `/healthz`, `/proxyMode`, `/configz`, `/debug/flags/v`, and our `/debug` pages. */
export function metricsPages(suppliers: MetricsSuppliers): Routes {
  const { metrics } = suppliers;
  const shared = new SharedPages();
  const debugPage = (
    name: string,
    answer: (family: Family | undefined, givenUp: AbortSignal) => Promise<Answer>,
  ): [string, Page] => [name, debugPageOf(shared, name, answer)];
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
    ['/configz', { guarded: true, answer: () => jsonAnswer(JSON.stringify(suppliers.configz())) }],
    debugPage('/debug/rules', async (family) => textAnswer(await suppliers.rules(family))),
    debugPage('/debug/drift', async (family, givenUp) => textAnswer(await suppliers.drift(family, givenUp))),
    debugPage('/debug/state', async (family, givenUp) => jsonAnswer(await suppliers.state(family, givenUp))),
  ];
  if (suppliers.enableProfiling) pages.push(['/debug/flags/v', verbosityPage(suppliers.log)]);
  return new Map(pages);
}

/** A page that takes `?family=ipv4` or `?family=ipv6`, and that costs much. */
function debugPageOf(
  shared: SharedPages,
  name: string,
  make: (family: Family | undefined, givenUp: AbortSignal) => Promise<Answer>,
): Page {
  const familyIn = ({ query }: PageRequest) => FAMILIES.find((family) => family === query.get('family'));
  const answer = shared.page(
    (request) => `${name} ${familyIn(request)}`,
    async (request, givenUp) => {
      try {
        return await make(familyIn(request), givenUp);
      } catch (error) {
        if (!(error instanceof BusyError)) throw error;
        return textAnswer(`503 ${error.message}\n`, 503);
      }
    },
  );
  return {
    guarded: true,
    answer: (request) => {
      const wanted = request.query.get('family');
      return wanted !== null && familyIn(request) === undefined
        ? textAnswer(`family: expected ${FAMILIES.join(' or ')}, got ${JSON.stringify(wanted)}\n`, 400)
        : answer(request);
    },
  };
}

/** Sets the log's verbosity to the number in the request's body, with the answers of kube-proxy v1.36. */
function verbosityPage(log: Log): Page {
  return {
    guarded: true,
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
