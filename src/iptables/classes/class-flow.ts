/** A class of packets on its way through the tables: one of those that chance and questions have made of it. */
import { type Family, formatAddress, joinPort } from '../../net/address.ts';
import type { SourceTranslation } from '../simulator/flow.ts';
import { DIMENSIONS, type Dimension, labelWithout, type PacketClass } from './packet-class.ts';
import { labelOf, together } from './ranges.ts';

/** Where packets of a class come in, or that they begin on the node. */
export type Start = 'arrives' | 'begins';

/** A mark as what became of the one that the packet began with: `(mark & keep) ^ flip`. */
export interface MarkNow {
  readonly keep: number;
  readonly flip: number;
}

export interface ClassFlow {
  /** The packets that take this way, as they came or began. */
  readonly packets: PacketClass;
  /** What rules have made of it, where they have. Undefined where it is as it came. */
  readonly destination: bigint | undefined;
  readonly destinationPort: number | undefined;
  readonly source: bigint | undefined;
  readonly sourcePort: number | undefined;
  readonly mark: MarkNow;
  /** `untouched` goes by the state that it came with. */
  readonly tracked: 'not yet' | 'untouched' | 'not at all';
  readonly isDNAT: boolean;
  readonly isSNAT: boolean;
  readonly redirected: boolean;
  readonly translation: SourceTranslation | undefined;
  /** The lists of xt_recent that it is written into, and as what. */
  readonly recent: readonly string[];
  /** Targets of other programs that it met, as the words that they are spelled with: what they do is not known. */
  readonly met: readonly string[];
  /** Of each of its packets, how probably it goes this way. */
  readonly probability: number;
  /** How often chance has decided on the way: each time, the kernel's fraction is rounded to 31 bits. */
  readonly chances: number;
}

export function startOfClass(packets: PacketClass): ClassFlow {
  return {
    packets,
    destination: undefined,
    destinationPort: undefined,
    source: undefined,
    sourcePort: undefined,
    mark: { keep: 0xffffffff, flip: 0 },
    tracked: 'untouched',
    isDNAT: false,
    isSNAT: false,
    redirected: false,
    translation: undefined,
    recent: [],
    met: [],
    probability: 1,
    chances: 0,
  };
}

/** Where rules have sent it: `address:port`, as far as they have said; undefined where none has. */
export function sentTo(flow: ClassFlow, family: Family): string | undefined {
  if (!flow.redirected) return undefined;
  const { destination, destinationPort } = flow;
  const address = destination === undefined ? '' : formatAddress(family, destination);
  return destinationPort === undefined ? address : joinPort(address, destinationPort);
}

/** Writes down what makes flows the same from here on, but for their packets and how probable they are. */
function labelOfWay(flow: ClassFlow): string {
  const { mark, translation } = flow;
  return [
    flow.destination,
    flow.destinationPort,
    flow.source,
    flow.sourcePort,
    mark.keep,
    mark.flip,
    flow.tracked,
    flow.isDNAT,
    flow.isSNAT,
    flow.redirected,
    typeof translation === 'object' ? translation.to : translation,
    flow.recent.join(),
    flow.met.join(),
  ].join(' ');
}

/** So many are compared with each other faster than by texts. */
const FEW = 8;

function goesAsAnother(flow: ClassFlow, flows: readonly ClassFlow[], from: number): boolean {
  for (let i = from + 1; i < flows.length; i++) {
    const other = flows[i];
    if (
      other &&
      flow.destination === other.destination &&
      flow.mark.keep === other.mark.keep &&
      flow.mark.flip === other.mark.flip &&
      flow.destinationPort === other.destinationPort &&
      flow.isSNAT === other.isSNAT &&
      flow.tracked === other.tracked
    )
      return true;
  }
  return false;
}

/** Puts flows together that are the same from here on: the classes of their packets, or how probable they are. */
export function mergeClassFlows(flows: ClassFlow[]): ClassFlow[] {
  if (flows.length < 2 || (flows.length <= FEW && !flows.some((flow, i) => goesAsAnother(flow, flows, i))))
    return flows;
  const byWay = Map.groupBy(flows, labelOfWay);
  if (byWay.size === flows.length) return flows;
  return [...byWay.values()].flatMap((same) => DIMENSIONS.reduce(mergeBy, addUp(same)));
}

/** Of the same packets, how probable all of them are. */
function addUp(flows: ClassFlow[]): ClassFlow[] {
  if (flows.length < 2) return flows;
  const label = ({ packets }: ClassFlow) => `${labelOf(packets.state)} ${labelWithout(packets, 'state')}`;
  return [...Map.groupBy(flows, label).values()].flatMap((same) => {
    const [first] = same;
    if (!first || same.length === 1) return same;
    return [
      {
        ...first,
        probability: same.reduce((sum, { probability }) => sum + probability, 0),
        chances: same.reduce((sum, { chances }) => sum + chances, 0),
      },
    ];
  });
}

/** Of classes that differ in one dimension alone, one. */
function mergeBy(flows: ClassFlow[], dimension: Dimension): ClassFlow[] {
  if (flows.length < 2) return flows;
  const label = ({ packets, probability }: ClassFlow) => `${probability} ${labelWithout(packets, dimension)}`;
  const groups = Map.groupBy(flows, label);
  if (groups.size === flows.length) return flows;
  return [...groups.values()].flatMap((same) => {
    const [first] = same;
    if (!first || same.length === 1) return same;
    const ranges = together(same.map(({ packets }) => packets[dimension]));
    const chances = Math.max(...same.map(({ chances }) => chances));
    return [{ ...first, chances, packets: { ...first.packets, [dimension]: ranges } }];
  });
}
