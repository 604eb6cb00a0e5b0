/** What Services do, as it is printed: as text and as JSON. */
import { wayName } from '../chains/service-addresses.ts';
import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import type { Count } from './tally.ts';
import type { EndpointTraffic, ServicePortTraffic, TrafficReport, WayTraffic } from './traffic.ts';

/** Colours a part of the text. */
export type TrafficPaint = Paint<'title' | 'aside' | 'bad'>;

export interface TrafficLayout {
  /** Of a line, in characters. */
  readonly width: number;
  /** Also the endpoints of each service port that they are known of. */
  readonly endpoints: boolean;
}

/** A line of a table, and the service port that it is of. */
export interface TrafficLine {
  readonly text: string;
  readonly servicePort: ServicePortTraffic;
}

/** The columns of figures, from the right end of the line; what is in front of them has the rest. */
const COLUMNS = { rate: 8, connections: 12, refused: 8, dropped: 8, masqueraded: 7 } as const;
const OF_ENDPOINT = { rate: 8, connections: 12, share: 8, expected: 10 } as const;

/** What stands above {@link trafficLines}. */
export function trafficHeading(report: TrafficReport, { width }: TrafficLayout): string {
  return lineOf('SERVICE, WAY IN', width, [
    [rateHeading(report), COLUMNS.rate],
    ['CONNECTIONS', COLUMNS.connections],
    ['REFUSED', COLUMNS.refused],
    ['DROPPED', COLUMNS.dropped],
    ['MASQ.', COLUMNS.masqueraded],
  ]);
}

/** A line for each service port, one for each of its ways in where there are several, and those of its endpoints. */
export function trafficLines(
  servicePorts: readonly ServicePortTraffic[],
  report: TrafficReport,
  paint: TrafficPaint,
  layout: TrafficLayout,
): TrafficLine[] {
  return servicePorts.flatMap((servicePort) => {
    const [only, ...others] = servicePort.ways;
    const several = others.length > 0;
    const name = `${servicePort.servicePort}${servicePort.protocol === 'tcp' ? '' : `/${servicePort.protocol}`}`;
    const title = several || only === undefined ? name : `${name}, ${wayName(only)}`;
    const lines = [
      figuresLine(title, servicePort, report, paint, layout, servicePort.masqueraded),
      ...(several
        ? servicePort.ways.map((way) =>
            figuresLine(`  ${wayName(way)}`, way, report, paint, layout, undefined),
          )
        : []),
      ...(layout.endpoints ? endpointLines(servicePort, report, paint, layout) : []),
    ];
    return lines.map((text) => ({ text, servicePort }));
  });
}

/** What all Services have together, and what is of none. */
export function trafficSums(report: TrafficReport): string[] {
  const { connections, refused, dropped } = report.all;
  const { masqueraded, invalid, localnet } = report.node;
  const rate = report.compared ? `${rateOf(connections, report)} ${rateWord(report)}, ` : '';
  return [
    `All Services: ${rate}${countText(connections.total)} connections, ` +
      `${countText(refused.total)} refused, ${countText(dropped.total)} dropped`,
    `This node: ${countText(masqueraded.total)} masqueraded, ${countText(invalid.total)} invalid and ` +
      `${countText(localnet.total)} to loopback dropped`,
  ];
}

/** All that there is to tell, for a file or a pipe. */
export function formatTraffic(
  servicePorts: readonly ServicePortTraffic[],
  report: TrafficReport,
  paint: TrafficPaint,
  layout: TrafficLayout,
): string {
  const lines = [
    paint('title', trafficHeading(report, layout)),
    ...trafficLines(servicePorts, report, paint, layout).map(({ text }) => text),
    '',
    ...trafficSums(report),
    ...(report.reset > 0 ? [resetText(report.reset)] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** That counters have begun anew. */
export function resetText(rules: number): string {
  return `The counters of ${rules} ${rules === 1 ? 'rule' : 'rules'} began anew since the last reading.`;
}

function figuresLine(
  title: string,
  { connections, refused, dropped }: Pick<WayTraffic, 'connections' | 'refused' | 'dropped'>,
  report: TrafficReport,
  paint: TrafficPaint,
  { width }: TrafficLayout,
  masqueraded: Count | undefined,
): string {
  const bad = ({ recent }: Count) => (recent > 0 ? 'bad' : undefined);
  return lineOf(
    title,
    width,
    [
      [rateOf(connections, report), COLUMNS.rate],
      [countText(connections.total), COLUMNS.connections],
      [countText(refused.total), COLUMNS.refused, bad(refused)],
      [countText(dropped.total), COLUMNS.dropped, bad(dropped)],
      [masqueraded === undefined ? '' : countText(masqueraded.total), COLUMNS.masqueraded],
    ],
    paint,
  );
}

function endpointLines(
  { endpoints, returned }: ServicePortTraffic,
  report: TrafficReport,
  paint: TrafficPaint,
  { width }: TrafficLayout,
): string[] {
  if (endpoints === undefined || endpoints.length === 0) return [];
  const heading = lineOf('    endpoint', width, [
    ['', OF_ENDPOINT.rate],
    ['', OF_ENDPOINT.connections],
    ['share', OF_ENDPOINT.share],
    ['expected', OF_ENDPOINT.expected],
  ]);
  const lines = endpoints.map(({ endpoint, connections, share, expected }: EndpointTraffic) =>
    lineOf(
      `    ${endpoint}`,
      width,
      [
        [rateOf(connections, report), OF_ENDPOINT.rate],
        [countText(connections.total), OF_ENDPOINT.connections],
        [percent(share.total), OF_ENDPOINT.share],
        [percent(expected.total), OF_ENDPOINT.expected],
      ],
      paint,
    ),
  );
  const back =
    returned === undefined
      ? []
      : [`    session affinity: ${countText(returned.total)} went to the endpoint that they had before`];
  return [paint('aside', heading), ...lines, ...back];
}

type Cell = readonly [text: string, width: number, style?: 'bad' | undefined];

/** A line as wide as all others. What is in front of the figures and too long for its place loses its middle. */
function lineOf(
  title: string,
  width: number,
  cells: readonly Cell[],
  paint: TrafficPaint = (_, text) => text,
): string {
  const room = Math.max(width - cells.reduce((sum, [, own]) => sum + own, 0), NARROWEST);
  const figures = cells.map(([text, own, style]) => {
    const padding = ' '.repeat(Math.max(own - text.length, 1));
    return padding + (style === undefined ? text : paint(style, text));
  });
  return `${shortened(printable(title), room).padEnd(room)}${figures.join('')}`.trimEnd();
}

const NARROWEST = 20;

function shortened(text: string, room: number): string {
  if (text.length <= room) return text;
  const end = Math.floor((room - 3) / 2);
  return `${text.slice(0, room - 3 - end)}...${text.slice(text.length - end)}`;
}

function rateHeading(report: TrafficReport): string {
  if (!report.compared) return '';
  return report.seconds === undefined ? 'NEW' : 'NEW/S';
}

function rateWord({ seconds }: TrafficReport): string {
  return seconds === undefined ? 'new' : 'new a second';
}

/** New ones a second; how many where nobody knows in which time; nothing where there is no reading to compare with. */
function rateOf({ recent }: Count, { compared, seconds }: TrafficReport): string {
  if (!compared) return '';
  const perSecond = perSecondOf(recent, seconds);
  if (perSecond === undefined) return countText(recent);
  return perSecond >= 1000 ? countText(Math.round(perSecond)) : perSecond.toFixed(1);
}

function perSecondOf(recent: number, seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : recent / seconds;
}

/** A number as it is; with a prefix of the SI where it is longer than a column. */
function countText(count: number): string {
  if (count < 10 ** 7) return String(count);
  const [unit, size] = count < 10 ** 9 ? ['M', 10 ** 6] : ['G', 10 ** 9];
  return `${(count / size).toPrecision(4)}${unit}`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${(100 * share).toFixed(1)} %`;
}

/**
 * A report as JSON on one line.
 * @param at when it was read, in milliseconds since 1970; undefined where nobody knows
 */
export function trafficJSON(
  servicePorts: readonly ServicePortTraffic[],
  report: TrafficReport,
  at: number | undefined,
): object {
  const counted = (count: Count) => countJSON(count, report);
  const services = Map.groupBy(servicePorts, ({ service }) => service);
  return {
    at: at === undefined ? undefined : new Date(at).toISOString(),
    seconds: report.seconds,
    services: [...services].map(([name, ports]) => ({
      name,
      ports: ports.map((port) => ({
        servicePort: port.servicePort,
        protocol: port.protocol,
        connections: counted(port.connections),
        refused: counted(port.refused),
        dropped: counted(port.dropped),
        masqueraded: port.masqueraded && counted(port.masqueraded),
        returned: port.returned && counted(port.returned),
        ways: port.ways.map(({ way, connections, refused, dropped }) => ({
          way,
          connections: counted(connections),
          refused: counted(refused),
          dropped: counted(dropped),
        })),
        endpoints: port.endpoints?.map(({ endpoint, connections, share, expected }) => ({
          endpoint,
          connections: counted(connections),
          share: share.total,
          expectedShare: expected.total,
          recentShare: report.compared ? share.recent : undefined,
        })),
      })),
    })),
    node: {
      masqueraded: counted(report.node.masqueraded),
      invalid: counted(report.node.invalid),
      localnet: counted(report.node.localnet),
    },
    countersReset: report.reset,
  };
}

function countJSON({ total, recent }: Count, { compared, seconds }: TrafficReport): object {
  if (!compared) return { total };
  return { total, recent, perSecond: perSecondOf(recent, seconds) };
}
