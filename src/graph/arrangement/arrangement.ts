/** Where everything stands on the page: the node's chains on the left, Services on the right. Part of the page. */
import { type Arrow, arrowsOf } from './arrows.ts';
import type { Belongings } from './belongings.ts';
import { type Box, boxOf, type Measure, type ServiceState } from './boxes.ts';
import { type CellBlock, cellBlock } from './cells.ts';
import { extent, FRAME_GAP, type Frame, framed, stacked } from './frames.ts';
import { namespaceOfService } from './namespaces.ts';
import type { Direction, PageData } from './page-types.ts';

/** In pixels. */
export interface Arrangement {
  readonly width: number;
  readonly height: number;
  readonly frames: readonly Frame[];
  /** Undefined where every Service is opened. */
  readonly collapsed: CellBlock | undefined;
  readonly arrows: readonly Arrow[];
}

/** Between the node's chains and the Services: where arrows change their height. */
const BLOCK_GAP = 120;
const TURN = 20;
/** On the left of everything, where arrows go down to Services that are below. */
const TRUNK = 34;
/** Of width to height, about as a screen has it. */
const ASPECT = 1.6;

/** What is drawn of the Services, and where. */
export interface ShownServices {
  /** Those that are not collapsed. */
  readonly opened: ReadonlySet<string>;
  /** The one namespace whose Services are drawn; undefined for all. */
  readonly namespace: string | undefined;
  /** Services to the right of the node's chains, or below them, which makes a narrower drawing. */
  readonly direction: Direction;
}

/** Lays out a page. */
export function arrange(
  data: PageData,
  { tables, services, endpoints }: Belongings,
  { opened, namespace, direction }: ShownServices,
  measure: Measure,
): Arrangement {
  const isAsked = (service: string) => namespace === undefined || namespaceOfService(service) === namespace;
  const stateOf = (service: string): ServiceState =>
    !isAsked(service) ? 'left-out' : opened.has(service) ? 'opened' : 'collapsed';
  const boxes = (ids: readonly number[]): Box[] =>
    ids.flatMap((id) => {
      const node = data.nodes[id];
      return node ? [boxOf(data, id, node, stateOf, measure)] : [];
    });

  const isDown = direction === 'down';
  const left = isDown ? TRUNK : 0;
  // nat comes first: most of what Services are is there.
  const nodes = stacked({ x: left, y: 0 }, [...tables].reverse(), ([table, ids], place) =>
    framed({ title: `table ${table}`, service: undefined }, place, boxes(ids), new Set(), measure),
  );
  const entered = new Set(
    nodes.flatMap((frame) => frame.boxes.flatMap(({ exits }) => exits.map(({ to }) => to))),
  );
  const ofNodes = extent(nodes);
  const start = isDown ? { x: left, y: ofNodes.bottom + FRAME_GAP } : { x: ofNodes.right + BLOCK_GAP, y: 0 };
  const open = stacked(
    start,
    [...services].filter(([service]) => stateOf(service) === 'opened'),
    ([service, ids], place) => framed({ title: service, service }, place, boxes(ids), entered, measure),
  );
  const closed = [...services.keys()].filter((service) => stateOf(service) === 'collapsed');
  const ofOpen = extent(open);
  const below = { x: start.x, y: open.length > 0 ? ofOpen.bottom + FRAME_GAP : start.y };
  const room = Math.max(ofOpen.right, isDown ? ofNodes.right : 0) - below.x;
  const aspect = isDown ? 1 / ASPECT : ASPECT;
  const collapsed =
    closed.length > 0 ? cellBlock(closed, endpoints, below, { least: room, aspect }, measure) : undefined;

  const frames = [...nodes, ...open];
  const all = extent(collapsed ? [...frames, collapsed] : frames);
  const turn = isDown ? undefined : ofNodes.right + TURN;
  return {
    width: all.right,
    height: all.bottom,
    frames,
    collapsed,
    arrows: arrowsOf(frames, collapsed, turn),
  };
}
