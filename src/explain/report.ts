/** Explanations of Services as they are printed: as text and as JSON. */

import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { SpelledRule } from '../iptables/spell.ts';
import { columns, columnsWithin } from '../text/columns.ts';
import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { printShare } from '../text/share.ts';
import { wrap } from '../text/wrap.ts';
import { type ExplainedEndpoint, type ExplainedPort, setOf } from './explain.ts';
import type { Explanation } from './explanation.ts';
import { describeWay, whyLost } from './refusals.ts';
import { summaryOf } from './summary.ts';
import type { Becomes, WayIn } from './ways.ts';

/** Colours a part of the text. */
export type ExplanationPaint = Paint<'title' | 'aside' | 'bad' | 'unknown'>;

/** How an explanation is laid out. */
export interface TextLayout {
  /** Of a line, in characters; tables that tell of chains are as wide as they need. */
  readonly width: number;
  /** Also by which chains and rules. */
  readonly wide: boolean;
}

export function formatExplanation(
  explanation: Explanation,
  paint: ExplanationPaint,
  layout: TextLayout,
): string {
  const { ports } = explanation;
  const { width } = layout;
  const blocks = [
    [paint('title', printable(headOf(explanation))), ...wrap(printable(summaryOf(explanation)), width)],
    policyLines(explanation).flatMap((line) => wrap(printable(line), width, '    ')),
    ...ports.flatMap((port) => portBlocks(port, explanation, paint, layout)),
  ].filter((lines) => lines.length > 0);
  return blocks.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function headOf({ name, service, nodeName }: Explanation): string {
  const type = service === undefined ? '' : `, ${service.type}`;
  return `Service ${name}${type}${nodeName === '' ? '' : `, as ${nodeName} serves it`}`;
}

function policyLines({ service, none }: Explanation): string[] {
  if (!service || none !== undefined) return [];
  const outside = service.type !== 'ClusterIP' || service.externalIPs.length > 0;
  return [
    `  internalTrafficPolicy ${service.internalTrafficPolicy}` +
      (outside ? `, externalTrafficPolicy ${service.externalTrafficPolicy}` : ''),
    ...(service.loadBalancerSourceRanges.length > 0
      ? [`  loadBalancerSourceRanges ${service.loadBalancerSourceRanges.join(', ')}`]
      : []),
    ...service.otherIngress.map(({ address, because }) =>
      because === 'hostname'
        ? `  load balancer ${address}: no rules, as only its hostname is known`
        : `  load balancer ${address}: no rules, as it has ipMode Proxy and sends to node ports or endpoints itself`,
    ),
    ...(service.healthCheckNodePort === 0 ||
    service.type !== 'LoadBalancer' ||
    service.externalTrafficPolicy !== 'Local'
      ? []
      : [
          `  healthCheckNodePort ${service.healthCheckNodePort}: tells load balancers whether this node has endpoints`,
        ]),
  ];
}

function portBlocks(
  port: ExplainedPort,
  explanation: Explanation,
  paint: ExplanationPaint,
  layout: TextLayout,
): string[][] {
  const unknown = new Map(port.ways.flatMap((way) => way.unknown).map((rule) => [placeOf(rule), rule]));
  return [
    [paint('title', `${printable(port.servicePort)}, ${port.protocol}`), ...wayTable(port, paint, layout)],
    endpointTable(port, paint, layout),
    noteLines(port, explanation, layout).flatMap((line) => wrap(printable(line), layout.width, '  ')),
    unknown.size === 0
      ? []
      : [
          paint('unknown', 'Not decided, and taken to do nothing:'),
          ...[...unknown.values()].flatMap((rule) =>
            wrap(`  ${rule.table} ${printable(placeOf(rule))}  ${rule.rule}`, layout.width, '    '),
          ),
        ],
  ].filter((lines) => lines.length > 0);
}

/** A way in words, as the text has it: to where, from whom, and what becomes of packets. */
export function wayWords({ to, from, becomes }: WayIn, { servicePort, nodePortAddresses }: ExplainedPort) {
  return {
    to: printable(describeAddress(to) + (to.address === undefined ? atNode(nodePortAddresses) : '')),
    from: printable(namesOf(from)),
    goesTo: printable(goesTo(becomes, servicePort)),
    source: printable(sourceOf(becomes, { wide: false })),
  };
}

/** What else there is to say of a port, as the text has it: why packets are lost, masqueraded, or come back. */
export function portNotes(port: ExplainedPort, explanation: Explanation): string[] {
  return noteLines(port, explanation, { wide: false }).map((line) => printable(line).trim());
}

/** As wide as it needs where chains are shown: they are there to be copied. */
function table(
  rows: readonly (readonly string[])[],
  { wide, width }: TextLayout,
  paint: (cell: string, row: number, column: number) => string,
): string[] {
  return wide ? columns(rows, paint) : columnsWithin(rows, width, paint);
}

function wayTable(
  { servicePort, ways, nodePortAddresses }: ExplainedPort,
  paint: ExplanationPaint,
  layout: TextLayout,
): string[] {
  const head = ['  to', 'from', 'goes to', 'source', ...(layout.wide ? ['by'] : [])];
  let last: ServiceAddress | undefined;
  const rows = ways.map(({ to, from, becomes }) => {
    const place =
      to === last ? '' : describeAddress(to) + (to.address === undefined ? atNode(nodePortAddresses) : '');
    last = to;
    return [
      `  ${place}`,
      namesOf(from),
      goesTo(becomes, servicePort),
      sourceOf(becomes, layout),
      ...(layout.wide ? [chainsOf(becomes)] : []),
    ].map(printable);
  });
  // Cells that go on in further lines: which row a line is of, the table tells.
  return table([head, ...rows], layout, (cell, row, column) =>
    row === 0 ? paint('aside', cell) : column === 2 && isBad(ways[row - 1]) ? paint('bad', cell) : cell,
  );
}

/** So many ranges are named of those who fare alike. */
const MOST_RANGES = 4;

function namesOf(from: readonly string[]): string {
  const ranges = from.filter((name) => /^[\da-f.:]+(?:\/\d+)?$/.test(name));
  if (ranges.length <= MOST_RANGES) return from.join(', ');
  const left = new Set(ranges.slice(MOST_RANGES));
  const more = `${left.size} more ranges`;
  return [...ranges.slice(0, MOST_RANGES), more, ...from.filter((name) => !ranges.includes(name))].join(', ');
}

function isBad(way: WayIn | undefined): boolean {
  return way !== undefined && (way.becomes.verdict === 'REJECT' || way.becomes.verdict === 'DROP');
}

function atNode(addresses: readonly string[] | undefined): string {
  return addresses === undefined ? '' : ` on ${addresses.join(', ')}`;
}

function goesTo(becomes: Becomes, servicePort: string): string {
  const { takenBy } = becomes;
  const told = fateOf(becomes);
  return takenBy === undefined || takenBy === servicePort ? told : `${told}, of ${takenBy}`;
}

function fateOf({ verdict, rejectWith, shares, chains, lost, staysHere }: Becomes): string {
  switch (verdict) {
    case 'REJECT':
      return `refused (${rejectWith})`;
    case 'DROP':
      return 'dropped';
    case 'through':
      return staysHere ? 'this node itself' : 'nobody: no rule takes it';
    case 'endpoints': {
      const [only] = shares.keys();
      const some = lost === 0 ? '' : `, ${printShare(lost)} of it lost`;
      if (only !== undefined && shares.size === 1) return only + some;
      const set = setOf(chains);
      return `${shares.size} endpoints${set ? ` (${set.name})` : ''}${some}`;
    }
  }
}

function sourceOf(
  { verdict, masqueraded, masqueradedBy }: Becomes,
  { wide }: Pick<TextLayout, 'wide'>,
): string {
  if (verdict !== 'endpoints') return '';
  if (masqueraded === 0) return 'kept';
  const by = wide && masqueradedBy ? ` (${placeOf(masqueradedBy)})` : '';
  const share = printShare(masqueraded);
  return `masqueraded${share === 'all' ? '' : ` in ${share} of cases`}${by}`;
}

function chainsOf({ chains, endedBy, reasons: [reason] }: Becomes): string {
  if (reason?.reason === 'policy') return `policy of ${reason.chain} (${reason.table})`;
  const by = reason?.rule ?? endedBy;
  if (by) return `${placeOf(by)} (${by.table})`;
  return chains.filter((chain) => chain !== 'KUBE-SERVICES').join(' > ');
}

function placeOf({ chain, number }: SpelledRule): string {
  return `${chain} ${number}`;
}

/** What is not known is left out. */
function endpointTable(
  { sets, endpoints, podsWithoutEndpoint, servicePort }: ExplainedPort,
  paint: ExplanationPaint,
  layout: TextLayout,
): string[] {
  if (endpoints.length === 0 && podsWithoutEndpoint.length === 0)
    return [`${printable(servicePort)} has no endpoints`];
  const knowsNodes = endpoints.some(({ local }) => local !== undefined) || podsWithoutEndpoint.length > 0;
  const knowsPods = endpoints.some(({ pod }) => pod !== undefined) || podsWithoutEndpoint.length > 0;
  const head = [
    '  endpoint',
    ...(knowsPods ? ['Pod'] : []),
    ...(knowsNodes ? ['on node'] : []),
    ...sets.map(({ name }) => `share (${name})`),
    layout.wide ? 'by' : '',
  ];
  const isUsed = ({ endpoint, unused }: ExplainedEndpoint) =>
    unused === undefined && sets.some(({ shares }) => shares.has(endpoint));
  const rows = [
    ...endpoints.map((endpoint) => [
      `  ${endpoint.endpoint}`,
      ...(knowsPods ? [endpoint.pod ?? '?'] : []),
      ...(knowsNodes ? [nodeOf(endpoint)] : []),
      ...sets.map(({ shares }) => {
        const share = shares.get(endpoint.endpoint);
        return share === undefined ? '-' : printShare(share);
      }),
      [
        ...(endpoint.unused === undefined && layout.wide ? endpoint.chains : []),
        ...[endpoint.unused, endpoint.note].filter((words) => words !== undefined),
      ].join(', '),
    ]),
    ...podsWithoutEndpoint.map(({ pod, nodeName, because }) => [
      '  -',
      pod.slice(pod.indexOf('/') + 1),
      nodeName ?? '?',
      ...sets.map(() => '-'),
      because,
    ]),
  ].map((row) => row.map(printable));
  const used = endpoints.filter(isUsed).length;
  const without =
    podsWithoutEndpoint.length === 0
      ? ''
      : `, ${podsWithoutEndpoint.length} ${podsWithoutEndpoint.length === 1 ? 'Pod is' : 'Pods are'} none`;
  return [
    `${used} of ${endpoints.length} endpoints get traffic from this node${without}:`,
    ...table([head, ...rows], layout, (cell, row) => (row === 0 ? paint('aside', cell) : cell)),
  ];
}

function nodeOf({ nodeName, local }: ExplainedEndpoint): string {
  if (nodeName === undefined) return '?';
  return local ? `${nodeName} (this one)` : nodeName;
}

function noteLines(
  port: ExplainedPort,
  explanation: Explanation,
  layout: Pick<TextLayout, 'wide'>,
): string[] {
  return [
    ...lossNotes(port, explanation),
    ...masqueradeNotes(port, layout),
    ...affinityNote(port),
    ...hairpinNote(port),
  ];
}

function lossNotes(port: ExplainedPort, explanation: Explanation): string[] {
  const lost = port.ways.flatMap((way) => {
    const why = whyLost(way, port, explanation);
    if (why === undefined) return [];
    return [{ text: `${lossOf(way.becomes)}: ${why}.`, way: describeWay(way, namesOf(way.from)) }];
  });
  return [...Map.groupBy(lost, ({ text }) => text)].map(
    ([text, same]) => `${text} This is for ${same.map(({ way }) => way).join('; ')}.`,
  );
}

function lossOf({ verdict }: Becomes): string {
  switch (verdict) {
    case 'REJECT':
      return 'Refused';
    case 'DROP':
      return 'Dropped';
    case 'through':
      return 'Not for the Service';
    case 'endpoints':
      return 'Lost in part';
  }
}

function masqueradeNotes({ ways }: ExplainedPort, { wide }: Pick<TextLayout, 'wide'>): string[] {
  const rules = new Map(
    ways.flatMap(({ becomes: { masqueradedBy } }) =>
      masqueradedBy ? [[placeOf(masqueradedBy), masqueradedBy]] : [],
    ),
  );
  if (rules.size === 0) return [];
  const why =
    "Masqueraded: endpoints see this node's address instead of the client's, and answer through this node";
  const told = [...rules].map(([place, { packets }]) => `${packets || 'every packet'} (${place})`);
  return [wide ? `${why}. This is for ${told.join('; ')}.` : `${why}.`];
}

function affinityNote({ affinitySeconds }: ExplainedPort): string[] {
  if (affinitySeconds === undefined) return [];
  return [
    `Session affinity: a client that was there in the last ${affinitySeconds} s goes to the endpoint that it had; ` +
      'the shares are those of new clients.',
  ];
}

function hairpinNote({ hairpin }: ExplainedPort): string[] {
  if (!hairpin) return [];
  return hairpin.masqueraded
    ? ['An endpoint that the Service sends to itself is masqueraded, or it would answer itself directly.']
    : [
        `An endpoint that the Service sends to itself (${hairpin.endpoint}) is not masqueraded, and gets no answer.`,
      ];
}

/** Everything that the text has, and more. */
export function formatExplanationJSON(explanations: readonly Explanation[]): string {
  const services = explanations.map(({ name, service, nodeName, none, ports, ...rest }) => ({
    name,
    summary: summaryOf({ name, service, nodeName, none, ports, ...rest }),
    ...(service && {
      type: service.type,
      internalTrafficPolicy: service.internalTrafficPolicy,
      externalTrafficPolicy: service.externalTrafficPolicy,
      loadBalancerSourceRanges: service.loadBalancerSourceRanges,
      otherIngress: service.otherIngress,
    }),
    nodeName,
    ...(none === undefined ? {} : { none }),
    ports: ports.map((port) => ({
      ...port,
      ways: port.ways.map((way) => ({
        ...way,
        becomes: { ...way.becomes, shares: Object.fromEntries(way.becomes.shares) },
      })),
      sets: port.sets.map((set) => ({ ...set, shares: Object.fromEntries(set.shares) })),
    })),
  }));
  return `${JSON.stringify({ services }, undefined, 2)}\n`;
}
