/** Explanations of Services as they are printed: as text and as JSON. */

import type { Service } from '../api/service.ts';
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import type { SpelledRule } from '../iptables/spell.ts';
import { columns } from '../text/columns.ts';
import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { printShare } from '../text/share.ts';
import { type ExplainedEndpoint, type ExplainedPort, setOf } from './explain.ts';
import { refusalReason } from './refusals.ts';
import type { Becomes, WayIn } from './ways.ts';

/** Colours a part of the text. */
export type ExplanationPaint = Paint<'title' | 'aside' | 'bad' | 'unknown'>;

/** What there is to say of a Service. */
export interface Explanation {
  /** `namespace/name` */
  readonly name: string;
  /** Undefined where only rules are known. */
  readonly service: Service | undefined;
  readonly nodeName: string;
  readonly ports: readonly ExplainedPort[];
  /** Why there are no rules for it. */
  readonly none: string | undefined;
}

export function formatExplanation(explanation: Explanation, paint: ExplanationPaint): string {
  const { ports, none } = explanation;
  const blocks = [
    [paint('title', printable(headOf(explanation))), ...policyLines(explanation)],
    ...(none === undefined ? [] : [[none]]),
    ...ports.flatMap((port) => portBlocks(port, explanation, paint)),
  ];
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
    ...(service.healthCheckNodePort === 0 ||
    service.type !== 'LoadBalancer' ||
    service.externalTrafficPolicy !== 'Local'
      ? []
      : [
          `  healthCheckNodePort ${service.healthCheckNodePort}: answers load balancers whether this node has endpoints`,
        ]),
  ];
}

function portBlocks(
  port: ExplainedPort,
  { service, nodeName }: Explanation,
  paint: ExplanationPaint,
): string[][] {
  const unknown = new Map(port.ways.flatMap((way) => way.unknown).map((rule) => [placeOf(rule), rule]));
  return [
    [paint('title', `${printable(port.servicePort)}, ${port.protocol}`), ...wayTable(port, paint)],
    endpointTable(port, paint),
    noteLines(port, service, nodeName),
    unknown.size === 0
      ? []
      : [
          paint('unknown', 'Not decided, and taken to do nothing:'),
          ...[...unknown.values()].map((rule) => `  ${rule.table} ${placeOf(rule)}  ${rule.rule}`),
        ],
  ].filter((lines) => lines.length > 0);
}

function wayTable(
  { servicePort, ways, nodePortAddresses }: ExplainedPort,
  paint: ExplanationPaint,
): string[] {
  const head = ['  to', 'from', 'goes to', 'source', 'by'];
  let last: ServiceAddress | undefined;
  const rows = ways.map(({ to, from, becomes }) => {
    const place =
      to === last ? '' : describeAddress(to) + (to.address === undefined ? atNode(nodePortAddresses) : '');
    last = to;
    return [
      `  ${place}`,
      namesOf(from),
      goesTo(becomes, servicePort),
      sourceOf(becomes),
      chainsOf(becomes),
    ].map(printable);
  });
  return columns([head, ...rows], (cell, row, column) =>
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
  return way?.becomes.verdict === 'REJECT' || way?.becomes.verdict === 'DROP';
}

function atNode(addresses: readonly string[] | undefined): string {
  return addresses === undefined ? '' : ` on ${addresses.join(', ')}`;
}

function goesTo(becomes: Becomes, servicePort: string): string {
  const { takenBy } = becomes;
  const told = fateOf(becomes);
  return takenBy === undefined || takenBy === servicePort ? told : `${told}, of ${takenBy}`;
}

function fateOf({ verdict, rejectWith, shares, chains }: Becomes): string {
  switch (verdict) {
    case 'REJECT':
      return `refused (${rejectWith})`;
    case 'DROP':
      return 'dropped';
    case 'through':
      return 'nobody: no rule takes it';
    case 'endpoints': {
      const [only] = shares.keys();
      if (only !== undefined && shares.size === 1) return only;
      const set = setOf(chains);
      return `${shares.size} endpoints${set ? ` (${set.name})` : ''}`;
    }
  }
}

function sourceOf({ verdict, masqueraded, masqueradedBy }: Becomes): string {
  if (verdict !== 'endpoints') return '';
  if (masqueraded === 0) return 'kept';
  const by = masqueradedBy ? ` (${placeOf(masqueradedBy)})` : '';
  const share = printShare(masqueraded);
  return `masqueraded${share === 'all' ? '' : ` in ${share} of cases`}${by}`;
}

function chainsOf({ chains, endedBy }: Becomes): string {
  if (endedBy) return `${placeOf(endedBy)} (${endedBy.table})`;
  return chains.filter((chain) => chain !== 'KUBE-SERVICES').join(' > ');
}

function placeOf({ chain, number }: SpelledRule): string {
  return `${chain} ${number}`;
}

function endpointTable({ sets, endpoints, servicePort }: ExplainedPort, paint: ExplanationPaint): string[] {
  if (endpoints.length === 0) return [`${printable(servicePort)} has no endpoints`];
  const knowsNodes = endpoints.some(({ local }) => local !== undefined);
  const head = [
    '  endpoint',
    ...(knowsNodes ? ['on node'] : []),
    ...sets.map(({ name }) => `share (${name})`),
    'by',
  ];
  const rows = endpoints.map((endpoint) =>
    [
      `  ${endpoint.endpoint}`,
      ...(knowsNodes ? [nodeOf(endpoint)] : []),
      ...sets.map(({ shares }) => {
        const share = shares.get(endpoint.endpoint);
        return share === undefined ? '-' : printShare(share);
      }),
      endpoint.unused ?? endpoint.chains.join(', '),
    ].map(printable),
  );
  const used = endpoints.filter(({ unused }) => unused === undefined).length;
  return [
    `${used} of ${endpoints.length} endpoints get traffic from this node:`,
    ...columns([head, ...rows], (cell, row) => (row === 0 ? paint('aside', cell) : cell)),
  ];
}

function nodeOf({ nodeName, local }: ExplainedEndpoint): string {
  if (nodeName === undefined) return '?';
  return local ? `${nodeName} (this one)` : nodeName;
}

function noteLines(port: ExplainedPort, service: Service | undefined, nodeName: string): string[] {
  return [
    ...refusalNotes(port, service, nodeName),
    ...masqueradeNotes(port),
    ...affinityNote(port),
    ...hairpinNote(port),
  ].map(printable);
}

function refusalNotes(port: ExplainedPort, service: Service | undefined, nodeName: string): string[] {
  const refused = port.ways.flatMap(({ to, from, becomes }) => {
    const reason = refusalReason(becomes, port, service, nodeName);
    if (reason === undefined) return [];
    const text = `${becomes.verdict === 'REJECT' ? 'Refused' : 'Dropped'}: ${reason}`;
    return [{ text, way: `${describeAddress(to)} from ${namesOf(from)}` }];
  });
  return [...Map.groupBy(refused, ({ text }) => text)].map(
    ([text, same]) => `${text} This is for ${same.map(({ way }) => way).join('; ')}.`,
  );
}

function masqueradeNotes({ ways }: ExplainedPort): string[] {
  const rules = new Map(
    ways.flatMap(({ becomes: { masqueradedBy } }) =>
      masqueradedBy ? [[placeOf(masqueradedBy), masqueradedBy]] : [],
    ),
  );
  if (rules.size === 0) return [];
  const told = [...rules].map(([place, { packets }]) => `${packets || 'every packet'} (${place})`);
  return [`Masqueraded, so that the answers come back through this node: ${told.join('; ')}.`];
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
        `An endpoint that the Service sends to itself (${hairpin.endpoint}) is not masqueraded, and hears no answer.`,
      ];
}

/** Everything that the text has, and more. */
export function formatExplanationJSON(explanations: readonly Explanation[]): string {
  const services = explanations.map(({ name, service, nodeName, none, ports }) => ({
    name,
    ...(service && {
      type: service.type,
      internalTrafficPolicy: service.internalTrafficPolicy,
      externalTrafficPolicy: service.externalTrafficPolicy,
      loadBalancerSourceRanges: service.loadBalancerSourceRanges,
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
