/** A class of packets on its way through the tables: one of those that chance and questions have made of it. */
import { type Family, formatAddress, joinPort } from '../../net/address.ts';
import type { SourceTranslation } from '../simulator/flow.ts';
import {
  type ClassDimension,
  DIMENSIONS,
  type Facts,
  labelWithout,
  type PacketClass,
} from './packet-class.ts';
import { common, countOf, isEmpty, labelOf, sameRanges, union } from './ranges.ts';

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
    listLabel(flow.recent),
    listLabel(flow.met),
  ].join(' ');
}

function listLabel(words: readonly string[]): string {
  return words.length === 0 ? '' : JSON.stringify(words);
}

/** So many are compared with each other faster than by texts. */
const FEW = 8;

function goOnAlike(a: ClassFlow, b: ClassFlow): boolean {
  return (
    a.destination === b.destination &&
    a.mark.keep === b.mark.keep &&
    a.mark.flip === b.mark.flip &&
    a.tracked === b.tracked &&
    a.isSNAT === b.isSNAT &&
    labelOfWay(a) === labelOfWay(b)
  );
}

/** Puts flows together that are the same from here on: the classes of their packets, or how probable they are. */
export function mergeClassFlows(flows: ClassFlow[]): ClassFlow[] {
  if (flows.length < 2) return flows;
  if (flows.length <= FEW) return mergePairs(flows);
  const byWay = Map.groupBy(flows, labelOfWay);
  if (byWay.size === flows.length) return flows;
  return [...byWay.values()].flatMap((same) =>
    same.length <= FEW ? mergePairs(same) : DIMENSIONS.reduce(mergeBy, addUp(same)),
  );
}

function mergePairs(flows: ClassFlow[]): ClassFlow[] {
  const merged = [...flows];
  for (let i = 0; i < merged.length; i++) {
    for (let j = i + 1; j < merged.length; j++) {
      const [a, b] = [merged[i], merged[j]];
      const one = a && b && goOnAlike(a, b) ? asOne(a, b) : undefined;
      if (!one) continue;
      merged[i] = one;
      merged.splice(j, 1);
      // Those before may fit it as it is now.
      i = -1;
      break;
    }
  }
  return merged;
}

/** One flow for two, if it can be: of the same packets, or of classes that differ in one dimension alone. */
function asOne(a: ClassFlow, b: ClassFlow): ClassFlow | undefined {
  if (!sameFacts(a.packets.facts, b.packets.facts)) return undefined;
  const apart = DIMENSIONS.filter((dimension) => !sameRanges(a.packets[dimension], b.packets[dimension]));
  const [dimension] = apart;
  if (dimension === undefined) {
    return { ...a, probability: a.probability + b.probability, chances: a.chances + b.chances };
  }
  if (apart.length > 1 || a.probability !== b.probability) return undefined;
  const numbers = [a.packets[dimension], b.packets[dimension]] as const;
  // Packets that are in both go both ways.
  if (!isEmpty(common(...numbers))) return undefined;
  return {
    ...a,
    chances: Math.max(a.chances, b.chances),
    packets: { ...a.packets, [dimension]: union(numbers) },
  };
}

function sameFacts(a: Facts, b: Facts): boolean {
  return a === b || (a.size === b.size && a.entries().every(([name, is]) => b.get(name) === is));
}

/** Of the same packets, how probable all of them are. */
function addUp(flows: ClassFlow[]): ClassFlow[] {
  const label = ({ packets }: ClassFlow) => `${labelOf(packets.state)} ${labelWithout(packets, 'state')}`;
  return [...Map.groupBy(flows, label).values()].flatMap(mergePairs);
}

/** Of classes that differ in one dimension alone, one. */
function mergeBy(flows: ClassFlow[], dimension: ClassDimension): ClassFlow[] {
  const label = ({ packets, probability }: ClassFlow) => `${probability} ${labelWithout(packets, dimension)}`;
  const groups = Map.groupBy(flows, label);
  if (groups.size === flows.length) return flows;
  return [...groups.values()].flatMap((same) => {
    const [first] = same;
    if (!first || same.length === 1) return same;
    const numbers = same.map(({ packets }) => packets[dimension]);
    const ranges = union(numbers);
    if (countOf(ranges) !== numbers.reduce((sum, ranges) => sum + countOf(ranges), 0n)) return same;
    const chances = Math.max(...same.map(({ chances }) => chances));
    return [{ ...first, chances, packets: { ...first.packets, [dimension]: ranges } }];
  });
}
