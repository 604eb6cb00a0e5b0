/** The live table of a terminal: what keys do to it, and what it shows. */
import {
  resetText,
  type TrafficLine,
  type TrafficPaint,
  trafficHeading,
  trafficLines,
  trafficSums,
} from './report.ts';
import { servicePortKey } from './service-rules.ts';
import { SORTS, type Sort, sorted } from './sort.ts';
import type { ServicePortTraffic, TrafficReport } from './traffic.ts';

/** What whoever looks at it has chosen. */
export interface ScreenState {
  readonly sort: Sort;
  /** Only Services that have this in their name. */
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  /** The service port that keys act on, by its key; undefined for whichever is the first one. */
  readonly selected: string | undefined;
  /** The service port whose endpoints are shown, alone. */
  readonly opened: string | undefined;
  /** How many lines of the table are above the screen. */
  readonly above: number;
  /** The keys are explained. */
  readonly help: boolean;
}

export function screenAtFirst(sort: Sort): ScreenState {
  return { sort, filter: '', typing: false, selected: undefined, opened: undefined, above: 0, help: false };
}

/** A key, as node:readline names it. */
export interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  /** The characters that came of it. */
  readonly sequence?: string | undefined;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Colours a part of the screen. */
export type ScreenPaint = TrafficPaint & ((style: 'selected', text: string) => string);

/** What is on the screen. */
export interface Screen {
  /** One for each row, from the first. */
  readonly lines: readonly string[];
  /** The service ports that are seen, by their keys: whatever is not asked for of others need not be read. */
  readonly seen: ReadonlySet<string>;
  readonly state: ScreenState;
}

/** Keys that choose an order. */
const SORT_KEYS: Readonly<Record<string, Sort>> = {
  r: 'rate',
  c: 'connections',
  e: 'refused',
  d: 'dropped',
  n: 'name',
};

const HELP: readonly string[] = [
  'up, down, page up, page down, home, end   choose a Service (or j, k)',
  'enter                                     its endpoints and their shares',
  'escape                                    back to all Services, without a filter',
  '/                                         only Services that have a text in their name',
  's                                         the next order',
  'r c e d n                                 sort by rate, connections, refused, dropped, name',
  'h or ?                                    these keys',
  'q or Ctrl-C                               quit',
];

/**
 * What a key does.
 * @param keys of the service ports that the table has now, in its order
 * @param page how many of them are passed by a page
 * @returns undefined where it ends the program
 */
export function afterKey(
  state: ScreenState,
  key: Key,
  keys: readonly string[],
  page: number,
): ScreenState | undefined {
  if (key.ctrl === true && key.name === 'c') return undefined;
  if (state.typing) return afterTyping(state, key);
  if (state.help) return key.name === 'q' ? undefined : { ...state, help: false };
  const by = (steps: number) => moved(state, keys, steps);
  const { name } = key;
  const sort = name === undefined || key.ctrl === true ? undefined : SORT_KEYS[name];
  if (sort !== undefined) return { ...state, sort };
  if (key.sequence === '/') return { ...state, typing: true, opened: undefined };
  if (key.sequence === '?') return { ...state, help: true };
  switch (name) {
    case 'q':
      return undefined;
    case 'h':
      return { ...state, help: true };
    case 's':
      return { ...state, sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? state.sort };
    case 'up':
    case 'k':
      return by(-1);
    case 'down':
    case 'j':
      return by(1);
    case 'pageup':
      return by(-page);
    case 'pagedown':
      return by(page);
    case 'home':
      return by(-keys.length);
    case 'end':
      return by(keys.length);
    case 'return':
    case 'enter':
      return state.opened === undefined
        ? { ...state, opened: state.selected ?? keys[0], above: 0 }
        : { ...state, opened: undefined, above: 0 };
    case 'escape':
    case 'backspace':
      if (state.opened !== undefined) return { ...state, opened: undefined, above: 0 };
      return { ...state, filter: '' };
    default:
      return state;
  }
}

function afterTyping(state: ScreenState, { name, sequence, ctrl }: Key): ScreenState {
  switch (name) {
    case 'return':
    case 'enter':
      return { ...state, typing: false };
    case 'escape':
      return { ...state, typing: false, filter: '' };
    case 'backspace':
      return { ...state, filter: state.filter.slice(0, -1) };
    default:
      // Names of Services have no other characters.
      return ctrl !== true && sequence !== undefined && /^[a-z0-9:/.-]$/i.test(sequence)
        ? { ...state, filter: state.filter + sequence.toLowerCase() }
        : state;
  }
}

function moved(state: ScreenState, keys: readonly string[], steps: number): ScreenState {
  if (state.opened !== undefined) return { ...state, above: Math.max(state.above + steps, 0) };
  const from = Math.max(state.selected === undefined ? 0 : keys.indexOf(state.selected), 0);
  const to = Math.min(Math.max(from + steps, 0), keys.length - 1);
  return { ...state, selected: to <= 0 ? undefined : keys[to] };
}

/** The service ports that a table has, in its order. */
export function shownServicePorts(
  report: TrafficReport,
  { sort, filter, opened }: ScreenState,
): ServicePortTraffic[] {
  const all = sorted(report, sort);
  const open = all.filter((port) => servicePortKey(port) === opened);
  // One that is gone is not shown any more, and then all are.
  return open.length > 0 ? open : all.filter(({ servicePort }) => servicePort.includes(filter));
}

/**
 * What the screen shows.
 * @param frame what stands in its first line, and whether endpoints are shown of all that it has
 * @returns also the state with what is not there any more put right
 */
export function screenOf(
  report: TrafficReport,
  { about, isOpen }: { readonly about: string; readonly isOpen: boolean },
  asked: ScreenState,
  { columns, rows }: ScreenSize,
  paint: ScreenPaint,
): Screen {
  const shown = shownServicePorts(report, asked);
  const keys = shown.map(servicePortKey);
  const opened = keys.length === 1 && keys[0] === asked.opened ? asked.opened : undefined;
  const endpoints = isOpen || opened !== undefined;
  const layout = { width: columns, endpoints };
  const above = [
    ...[about, ...trafficSums(report)].map((line) => line.slice(0, columns)),
    ...(report.reset > 0 ? [paint('bad', resetText(report.reset).slice(0, columns))] : ['']),
    paint('title', trafficHeading(report, layout)),
  ];
  const below = [paint('aside', bottomLine(asked, opened !== undefined).slice(0, columns))];
  const room = Math.max(rows - above.length - below.length, 1);
  const chosen = asked.selected !== undefined && keys.includes(asked.selected) ? asked.selected : undefined;
  const selected = chosen ?? keys[0];
  const state = { ...asked, opened, selected: chosen };
  const fill = (lines: readonly string[]) => [
    ...lines,
    ...Array<string>(Math.max(room - lines.length, 0)).fill(''),
  ];
  const finish = (lines: readonly string[], first: number, seen: Iterable<string>): Screen => ({
    lines: [...above, ...fill(lines.slice(0, room)), ...below].slice(0, Math.max(rows, 1)),
    seen: new Set(seen),
    state: { ...state, above: first },
  });
  if (asked.help)
    return finish(
      HELP.map((line) => line.slice(0, columns)),
      asked.above,
      [],
    );
  if (shown.length === 0) {
    return finish(
      [asked.filter === '' ? 'No Service has rules here.' : 'No Service has this in its name.'],
      0,
      [],
    );
  }
  if (endpoints) {
    const lines = trafficLines(shown, report, paint, layout);
    const first = Math.min(asked.above, Math.max(lines.length - room, 0));
    return finish(
      lines.slice(first).map(({ text }) => text),
      first,
      keys,
    );
  }
  const { first, ports } = window(shown, keys.indexOf(selected ?? ''), asked.above, room);
  const lines = trafficLines(ports, report, paint, layout).slice(0, room);
  const texts = lines.map(({ text, servicePort }, i) =>
    isFirstOf(lines, i) && servicePortKey(servicePort) === selected
      ? paint('selected', text.padEnd(columns))
      : text,
  );
  return finish(texts, first, ports.map(servicePortKey));
}

function isFirstOf(lines: readonly TrafficLine[], i: number): boolean {
  return lines[i - 1]?.servicePort !== lines[i]?.servicePort;
}

/** As many lines as a service port takes without its endpoints. */
function heightOf({ ways }: ServicePortTraffic): number {
  return ways.length > 1 ? ways.length + 1 : 1;
}

/** The service ports that are on the screen, so that the selected one is seen, all of it. */
function window(
  shown: readonly ServicePortTraffic[],
  selected: number,
  above: number,
  room: number,
): { readonly first: number; readonly ports: readonly ServicePortTraffic[] } {
  const heights = shown.map(heightOf);
  const height = (from: number) => heights.slice(from, selected + 1).reduce((sum, one) => sum + one, 0);
  let first = Math.min(above, selected);
  while (first < selected && height(first) > room) first++;
  let left = room;
  const ports = shown.slice(first).filter((_, i) => {
    const seen = left > 0;
    left -= heights[first + i] ?? 0;
    return seen;
  });
  return { first, ports };
}

function bottomLine({ sort, filter, typing }: ScreenState, isOpen: boolean): string {
  if (typing) return `/${filter}_   enter: keep it, escape: without`;
  const only = filter === '' ? '' : `, only "${filter}"`;
  const keys = isOpen ? 'escape back' : 's sort  / filter  enter open';
  return `q quit  ${keys}  h keys   by ${sort}${only}`;
}
