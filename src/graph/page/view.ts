/** What part of the drawing is seen: dragged, pinched, zoomed, brought into view. */
import type { Area } from '../arrangement/frames.ts';
import type { Point } from '../arrangement/layers.ts';

export interface View {
  /** Zooms so many times closer, around a point of the window or the middle. */
  zoomBy(factor: number, around?: Point): void;
  /** Moves the drawing, by pixels of the window. */
  moveBy(x: number, y: number): void;
  /** Brings all of an area of the drawing into view, no larger than it is. */
  fit(area: Area): void;
  /** Whether it shows what it was last told to fit, as nobody has moved it since. */
  isFitted(): boolean;
  /** Brings an area of the drawing into view, in letters that can be read, even if that cuts it off. */
  show(area: Area): void;
  /** Moves the drawing no further than needed to have an area of it in view, in letters that can be read. */
  follow(area: Area): void;
  /** Moves the drawing so that something is in view, if nothing of it is. */
  reveal(something: DOMRect): void;
  /** Stays where it is. */
  end(): void;
}

const [FARTHEST, CLOSEST] = [0.02, 4];
/** So far a pointer may move while it clicks. */
const CLICK_PIXELS = 4;
const MARGIN = 16;
const AROUND = 80;
const READABLE = 0.7;
const MOVE_MILLISECONDS = 350;

/** Whether somebody has asked for things not to move. */
export function isStill(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** Where the drawing stands in its window, and how large it is. */
interface Stand extends Point {
  readonly zoom: number;
}

/**
 * Lets a drawing be moved and zoomed.
 * @param window what it is seen through
 * @param changed is told the zoom whenever anything changed
 */
export function viewOf(window: HTMLElement, drawing: SVGGElement, changed: (zoom: number) => void): View {
  let stand: Stand = { x: MARGIN, y: MARGIN, zoom: 1 };
  let fitted = false;
  let frame = 0;
  const put = (next: Stand) => {
    stand = next;
    drawing.setAttribute('transform', `translate(${next.x} ${next.y}) scale(${next.zoom})`);
    changed(next.zoom);
  };
  /** Whoever touches the drawing wants it to stay where he puts it. */
  const set = (next: Stand) => {
    cancelAnimationFrame(frame);
    fitted = false;
    put(next);
  };
  const glide = (end: Stand) => {
    const begin = stand;
    set(begin);
    if (isStill()) return put(end);
    const start = performance.now();
    const step = (now: number) => {
      const part = Math.min(1, Math.max(0, now - start) / MOVE_MILLISECONDS);
      const eased = 1 - (1 - part) ** 3;
      const between = (from: number, to: number) => from + (to - from) * eased;
      put({
        x: between(begin.x, end.x),
        y: between(begin.y, end.y),
        zoom: between(begin.zoom, end.zoom),
      });
      if (part < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  };
  const room = () => ({ x: window.clientWidth - 2 * MARGIN, y: window.clientHeight - 2 * MARGIN });
  const standFor = (area: Area, least: number): Stand => {
    const { x, y } = room();
    const zoom = Math.max(FARTHEST, least, Math.min(1, x / area.width, y / area.height));
    // What is too large for the window is shown from its upper left corner.
    const start = (room: number, size: number) => MARGIN + Math.max(0, (room - size * zoom) / 2);
    return { x: start(x, area.width) - area.x * zoom, y: start(y, area.height) - area.y * zoom, zoom };
  };

  const view: View = {
    zoomBy(factor, around = { x: window.clientWidth / 2, y: window.clientHeight / 2 }) {
      const zoom = Math.min(CLOSEST, Math.max(FARTHEST, stand.zoom * factor));
      set({
        x: around.x - ((around.x - stand.x) * zoom) / stand.zoom,
        y: around.y - ((around.y - stand.y) * zoom) / stand.zoom,
        zoom,
      });
    },
    moveBy(x, y) {
      set({ x: stand.x + x, y: stand.y + y, zoom: stand.zoom });
    },
    fit(area) {
      set(standFor(area, 0));
      fitted = true;
    },
    isFitted: () => fitted,
    show(area) {
      set(standFor(area, READABLE));
    },
    follow(area) {
      const zoom = Math.max(READABLE, stand.zoom);
      const { x, y } = room();
      const along = (at: number, room: number, start: number, size: number) => {
        // Something of what is around it is seen, too.
        const around = Math.max(0, Math.min(AROUND, (room - size * zoom) / 2));
        const least = MARGIN + around - start * zoom;
        const most = MARGIN + room - around - (start + size) * zoom;
        return most < least ? least : Math.min(most, Math.max(least, at));
      };
      // A closer view keeps its middle.
      const middle = (at: number, size: number) => size / 2 - ((size / 2 - at) * zoom) / stand.zoom;
      const next = {
        x: along(middle(stand.x, window.clientWidth), x, area.x, area.width),
        y: along(middle(stand.y, window.clientHeight), y, area.y, area.height),
        zoom,
      };
      if (Math.hypot(next.x - stand.x, next.y - stand.y) > 1 || zoom !== stand.zoom) glide(next);
    },
    reveal({ left, top, right, bottom }) {
      const seen = window.getBoundingClientRect();
      const isSeen = right > seen.left && left < seen.right && bottom > seen.top && top < seen.bottom;
      if (!isSeen) view.moveBy(seen.left + MARGIN - left, seen.top + MARGIN - top);
    },
    end() {
      cancelAnimationFrame(frame);
    },
  };
  followPointers(window, view);
  followWheel(window, view);
  followKeys(window, view);
  return view;
}

/** One pointer drags; two pinch. */
function followPointers(window: HTMLElement, view: View): void {
  const pointers = new Map<number, Point>();
  let dragged = false;
  const spread = () => {
    const [a, b] = [...pointers.values()];
    const { left, top } = window.getBoundingClientRect();
    if (!a) return undefined;
    if (!b) return { x: a.x - left, y: a.y - top, size: 0 };
    return { x: (a.x + b.x) / 2 - left, y: (a.y + b.y) / 2 - top, size: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  window.addEventListener('pointerdown', ({ button, pointerId, clientX, clientY }) => {
    if (button !== 0 || pointers.size === 2) return;
    if (pointers.size === 0) dragged = false;
    pointers.set(pointerId, { x: clientX, y: clientY });
  });
  window.addEventListener('pointermove', ({ pointerId, clientX, clientY }) => {
    const last = pointers.get(pointerId);
    if (!last) return;
    if (!dragged && Math.hypot(clientX - last.x, clientY - last.y) < CLICK_PIXELS) return;
    if (!dragged) for (const id of pointers.keys()) window.setPointerCapture(id);
    dragged = true;
    const before = spread();
    pointers.set(pointerId, { x: clientX, y: clientY });
    const after = spread();
    if (!before || !after) return;
    if (before.size > 0 && after.size > 0) view.zoomBy(after.size / before.size, before);
    view.moveBy(after.x - before.x, after.y - before.y);
  });
  for (const end of ['pointerup', 'pointercancel'] as const) {
    window.addEventListener(end, ({ pointerId }) => pointers.delete(pointerId));
  }
  // Whoever drags does not click on what he lets go of.
  window.addEventListener('click', (event) => dragged && event.stopPropagation(), { capture: true });
}

function followWheel(window: HTMLElement, view: View): void {
  window.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { left, top } = window.getBoundingClientRect();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      const around = { x: event.clientX - left, y: event.clientY - top };
      view.zoomBy(Math.exp(-event.deltaY * lines * 0.0015), around);
    },
    { passive: false },
  );
}

const STEP = 60;

function followKeys(window: HTMLElement, view: View): void {
  const actions: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => view.moveBy(STEP, 0),
    ArrowRight: () => view.moveBy(-STEP, 0),
    ArrowUp: () => view.moveBy(0, STEP),
    ArrowDown: () => view.moveBy(0, -STEP),
    '+': () => view.zoomBy(1.25),
    '=': () => view.zoomBy(1.25),
    '-': () => view.zoomBy(0.8),
  };
  window.addEventListener('keydown', (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
}
