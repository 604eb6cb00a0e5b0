/** What part of the drawing is seen: dragged, zoomed, brought into view. */
import type { Area } from '../arrangement/frames.ts';
import type { Point } from '../arrangement/layers.ts';

export interface View {
  /** Zooms so many times closer, around a point of the window or the middle. */
  zoomBy(factor: number, around?: Point): void;
  /** Moves the drawing, by pixels of the window. */
  moveBy(x: number, y: number): void;
  /**
   * Brings an area of the drawing into view, no larger than it is.
   * @param least the zoom below which it is shown in part rather than smaller; unless given, letters stay readable
   */
  show(area: Area, least?: number): void;
  /** Moves the drawing so that something is in view, if nothing of it is. */
  reveal(something: DOMRect): void;
}

const [FARTHEST, CLOSEST] = [0.05, 4];
/** So far a pointer may move while it clicks. */
const CLICK_PIXELS = 4;
const MARGIN = 24;
const READABLE = 0.7;

/**
 * Lets a drawing be moved and zoomed.
 * @param window what it is seen through
 * @param changed is told the zoom whenever anything changed
 */
export function viewOf(window: HTMLElement, drawing: SVGGElement, changed: (zoom: number) => void): View {
  let [x, y, zoom] = [MARGIN, MARGIN, 1];
  const update = () => {
    drawing.setAttribute('transform', `translate(${x} ${y}) scale(${zoom})`);
    changed(zoom);
  };
  const view: View = {
    zoomBy(factor, around = { x: window.clientWidth / 2, y: window.clientHeight / 2 }) {
      const next = Math.min(CLOSEST, Math.max(FARTHEST, zoom * factor));
      x = around.x - ((around.x - x) * next) / zoom;
      y = around.y - ((around.y - y) * next) / zoom;
      zoom = next;
      update();
    },
    moveBy(dx, dy) {
      x += dx;
      y += dy;
      update();
    },
    show(area, least = READABLE) {
      const room = { x: window.clientWidth - 2 * MARGIN, y: window.clientHeight - 2 * MARGIN };
      const fitting = Math.min(1, room.x / area.width, room.y / area.height);
      zoom = Math.max(FARTHEST, least, fitting);
      // What is too large for the window is shown from its upper left corner.
      const start = (room: number, size: number) => MARGIN + Math.max(0, (room - size * zoom) / 2);
      x = start(room.x, area.width) - area.x * zoom;
      y = start(room.y, area.height) - area.y * zoom;
      update();
    },
    reveal({ left, top, right, bottom }) {
      const seen = window.getBoundingClientRect();
      const isSeen = right > seen.left && left < seen.right && bottom > seen.top && top < seen.bottom;
      if (!isSeen) view.moveBy(seen.left + MARGIN - left, seen.top + MARGIN - top);
    },
  };
  followPointer(window, view);
  followWheel(window, view);
  followKeys(window, view);
  return view;
}

function followPointer(window: HTMLElement, view: View): void {
  let last: Point | undefined;
  let dragged = false;
  window.addEventListener('pointerdown', ({ button, clientX, clientY }) => {
    if (button !== 0) return;
    last = { x: clientX, y: clientY };
    dragged = false;
  });
  window.addEventListener('pointermove', ({ pointerId, clientX, clientY }) => {
    if (!last) return;
    const [dx, dy] = [clientX - last.x, clientY - last.y];
    if (!dragged && Math.hypot(dx, dy) < CLICK_PIXELS) return;
    if (!dragged) window.setPointerCapture(pointerId);
    dragged = true;
    last = { x: clientX, y: clientY };
    view.moveBy(dx, dy);
  });
  for (const end of ['pointerup', 'pointercancel'] as const) {
    window.addEventListener(end, () => {
      last = undefined;
    });
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
