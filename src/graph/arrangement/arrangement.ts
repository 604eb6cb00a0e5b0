/** Where everything stands on the page: the node's chains on the left, Services on the right. Part of the page. */
import { type Arrow, arrowsOf } from './arrows.ts';
import type { Belongings } from './belongings.ts';
import { type Box, boxOf, type Measure, type ServiceState } from './boxes.ts';
import { type CellBlock, cellBlock } from './cells.ts';
import { extent, FRAME_GAP, type Frame, framed, stacked } from './frames.ts';
import { namespaceOfService } from './namespaces.ts';
import type { PageData } from './page-types.ts';

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

/** What is drawn of the Services. */
export interface ShownServices {
  /** Those that are not collapsed. */
  readonly opened: ReadonlySet<string>;
  /** The one namespace whose Services are drawn; undefined for all. */
  readonly namespace: string | undefined;
}

/** Lays out a page. */
export function arrange(
  data: PageData,
  { tables, services }: Belongings,
  { opened, namespace }: ShownServices,
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

  // nat comes first: most of what Services are is there.
  const nodes = stacked({ x: 0, y: 0 }, [...tables].reverse(), ([table, ids], place) =>
    framed({ title: `table ${table}`, service: undefined }, place, boxes(ids), new Set(), measure),
  );
  const entered = new Set(
    nodes.flatMap((frame) => frame.boxes.flatMap(({ exits }) => exits.map(({ to }) => to))),
  );
  const edge = extent(nodes).right;
  const open = stacked(
    { x: edge + BLOCK_GAP, y: 0 },
    [...services].filter(([service]) => stateOf(service) === 'opened'),
    ([service, ids], place) =>
      framed({ title: `\u25be ${service}`, service }, place, boxes(ids), entered, measure),
  );
  const closed = [...services.keys()].filter((service) => stateOf(service) === 'collapsed');
  const ofOpen = extent(open);
  const below = { x: edge + BLOCK_GAP, y: open.length > 0 ? ofOpen.bottom + FRAME_GAP : 0 };
  const collapsed = closed.length > 0 ? cellBlock(closed, below, ofOpen.right - below.x, measure) : undefined;

  const frames = [...nodes, ...open];
  const all = extent(collapsed ? [...frames, collapsed] : frames);
  return {
    width: all.right,
    height: all.bottom,
    frames,
    collapsed,
    arrows: arrowsOf(frames, collapsed, edge + TURN),
  };
}
