/**
 * A picture of rules as a part of any page: its drawing, buttons, list, legend and walk. It has a shadow tree of its own, so
 * neither its styles nor its ids meet those of the page around it, and it needs no network.
 */
import { type Arrangement, arrange } from '../arrangement/arrangement.ts';
import { belongingsOf } from '../arrangement/belongings.ts';
import { rowKey } from '../arrangement/boxes.ts';
import { shapesOf } from '../arrangement/drawing.ts';
import type { Area } from '../arrangement/frames.ts';
import { LETTER_WIDTH, LETTERS, type Theme } from '../arrangement/look.ts';
import { namespaceOfService } from '../arrangement/namespaces.ts';
import type { ChainPlace } from '../arrangement/page-link.ts';
import type { Direction, PageData } from '../arrangement/page-types.ts';
import { type Hit, search } from '../arrangement/search.ts';
import type { WalkStep } from '../arrangement/walk-steps.ts';
import { button, html, shapeElement, svg } from './elements.ts';
import { legendEntries } from './legend.ts';
import { count, panelContent } from './panel.ts';
import { PICTURE_STYLE } from './picture-style.ts';
import { resultEntries } from './results.ts';
import { isStill, viewOf } from './view.ts';
import { type PictureWalk, type WalkOptions, walker } from './walker.ts';

export interface PictureOptions {
  /** Unless given, as the page around it is. */
  readonly theme?: Theme;
  /** Whether the list of Services stands beside the drawing; else a button shows it. Unless given, where there is room. */
  readonly list?: boolean;
  /** Is told the chain that somebody looks at; undefined where it is none, or none any more. */
  readonly onSelect?: (chain: ChainPlace | undefined) => void;
  /** Is told the namespace that is asked for; undefined where all are. */
  readonly onFilter?: (namespace: string | undefined) => void;
}

/** A picture that is in a page. */
export interface Picture {
  /** Draws other data. What is opened, looked at and asked for stays so where it is there still; a walk ends. */
  update(data: PageData): void;
  /** Looks at a chain, and opens its Service. Returns whether there is such a chain. */
  show(chain: ChainPlace | undefined): boolean;
  /** Opens a Service, by `namespace/name`, and brings it into view. Returns whether there is one. */
  showService(service: string): boolean;
  /**
   * Marks a packet's way, without animation: the steps before `upTo`, and that one as where it is now. Steps count from 0.
   * An empty way takes all marks away.
   */
  highlight(steps: readonly WalkStep[], upTo: number): void;
  /** Lets a packet walk, with buttons to play, pause, step and change its speed. Another walk ends. */
  walk(steps: readonly WalkStep[], options?: WalkOptions): PictureWalk;
  /** Draws Services of one namespace only, or all. Returns whether there is such a namespace. */
  filter(namespace: string | undefined): boolean;
  /** Brings all of the drawing into view; it stays so when the element's size changes. */
  fit(): void;
  /** Puts the keyboard into the search field. */
  focusSearch(): void;
  /** Takes it from the page, and everything that goes on with it. */
  destroy(): void;
}

/** More Services at once are more elements than browsers like. */
const MOST_OPENED = 1000;

const DIRECTIONS_TO_TRY = ['right', 'down'] as const;

/**
 * Puts a picture into an element, whose size it fills.
 * @param data as `pageData` makes it
 */
export function mountPicture(element: Element, first: PageData, options: PictureOptions = {}): Picture {
  const { theme = 'auto', onSelect, onFilter } = options;
  let data = first;
  let belongings = belongingsOf(data);
  let arrangement: Arrangement;
  let namespace: string | undefined;
  let selected: number | undefined;
  let direction: Direction = 'right';
  let walk: PictureWalk | undefined;
  let hits: readonly Hit[] = [];
  const services = () =>
    [...belongings.services.keys()].filter(
      (name) => namespace === undefined || namespaceOfService(name) === namespace,
    );
  const opened = new Set(data.collapsed ? [] : services());

  const host = html('div', {});
  if (theme !== 'auto') host.style.colorScheme = theme;
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(PICTURE_STYLE);
  root.adoptedStyleSheets = [sheet];

  const zoomed = html('output', { class: 'zoom', 'aria-label': 'Zoom' });
  const choice = html('select', { class: 'namespace', 'aria-label': 'Namespace' });
  const openAll = button('Open all', { class: 'open-all' }, () => open(services()));
  const closeAll = button('Collapse all', { class: 'close-all' }, () => open([]));
  const listButton = button('Services', { class: 'list-button' }, () => showList(list.hidden === true));
  const legendButton = button('Legend', { class: 'legend-button' }, () => showLegend(legend.hidden === true));
  const bar = html(
    'div',
    { class: 'bar', role: 'group', 'aria-label': 'Picture' },
    html('div', { role: 'group', 'aria-label': 'Services' }, listButton, choice, openAll, closeAll),
    html('span', { class: 'space' }),
    legendButton,
    html(
      'div',
      { role: 'group', 'aria-label': 'Zoom' },
      button('\u2212', { class: 'zoom-out', 'aria-label': 'Zoom out' }, () => view.zoomBy(0.8)),
      zoomed,
      button('+', { class: 'zoom-in', 'aria-label': 'Zoom in' }, () => view.zoomBy(1.25)),
      button('Fit', { class: 'fit' }, () => fitAll()),
    ),
  );

  const words = 'Service, chain or address';
  const field = html('input', { type: 'search', class: 'search', placeholder: words, 'aria-label': words });
  const found = html('p', { class: 'found', role: 'status' });
  const results = html('ul', { class: 'results' });
  const hint = html('p', {}, 'Drag to move, wheel or pinch to zoom; select a chain for its rules.');
  const list = html('nav', { class: 'list', 'aria-label': 'Services' }, field, found, results, hint);

  const drawing = svg('g', {});
  const chains = svg('svg', { role: 'group', 'aria-label': 'Chains' }, arrowHeads(), drawing);
  const legend = html('ul', { class: 'legend', 'aria-label': 'Legend' });
  const canvas = html(
    'div',
    { class: 'canvas', role: 'group', tabindex: 0, 'aria-label': 'Chains and the jumps between them' },
    chains,
  );
  const rules = html('div', { class: 'rules' });
  const panel = html(
    'aside',
    { class: 'panel', 'aria-label': 'Rules' },
    button('\u00d7', { class: 'close-panel', 'aria-label': 'Close' }, () => select(undefined)),
    rules,
  );
  const walkBar = html('div', { class: 'walk', role: 'region', 'aria-label': "The packet's way" });
  const frame = html('div', { class: 'picture' }, bar, list, canvas, panel, walkBar);
  canvas.after(legend);
  panel.hidden = true;
  walkBar.hidden = true;
  root.append(frame);
  element.append(host);

  const view = viewOf(canvas, drawing, (zoom) => {
    zoomed.textContent = `${Math.round(zoom * 100)} %`;
  });
  const observer = new ResizeObserver(() => view.isFitted() && fitAll());
  const ruler = document.createElement('canvas').getContext('2d');
  if (ruler) ruler.font = LETTERS;
  const measure = (text: string) => ruler?.measureText(text).width ?? text.length * LETTER_WIDTH;

  function showList(shown: boolean): void {
    list.hidden = !shown;
    listButton.setAttribute('aria-expanded', String(shown));
  }

  function showLegend(shown: boolean): void {
    legend.replaceChildren(...(shown ? legendEntries() : []));
    legend.hidden = !shown;
    legendButton.setAttribute('aria-expanded', String(shown));
  }

  function redraw(): void {
    const focused = root.activeElement?.getAttribute('data-service');
    arrangement = arrange(data, belongings, { opened, namespace, direction }, measure);
    drawing.replaceChildren(...shapesOf(arrangement, true).map(shapeElement));
    makeButtons(drawing);
    light();
    if (typeof focused === 'string') focus(`[data-service="${CSS.escape(focused)}"]`);
    listHits();
  }

  function focus(selector: string): void {
    const element = drawing.querySelector(selector);
    // Moving there is the view's business, not the browser's.
    if (element instanceof SVGElement) element.focus({ preventScroll: true });
  }

  /** All of the drawing, in the direction in which it is larger to the eye. */
  function fitAll(): void {
    const scales = DIRECTIONS_TO_TRY.map((tried) => {
      const { width, height } = arrange(data, belongings, { opened, namespace, direction: tried }, measure);
      return { tried, scale: Math.min(1, canvas.clientWidth / width, canvas.clientHeight / height) };
    });
    const [right, down] = scales;
    // Arrows to the right are easier to follow.
    const better = right && down && down.scale > 1.1 * right.scale ? down.tried : 'right';
    if (better !== direction) {
      direction = better;
      redraw();
    }
    view.fit({ x: 0, y: 0, width: arrangement.width, height: arrangement.height });
  }

  function showArea(service: string): void {
    const cells = arrangement.collapsed?.cells ?? [];
    const area = [...arrangement.frames, ...cells].find((area) => area.service === service);
    if (area) view.show(area);
  }

  function open(names: readonly string[]): void {
    opened.clear();
    for (const name of names) opened.add(name);
    redraw();
    fitAll();
  }

  /** Shows which box is looked at, and the arrows from it and to it. */
  function light(): void {
    for (const element of drawing.querySelectorAll('.lit')) element.classList.remove('lit');
    for (const element of drawing.querySelectorAll('[aria-pressed="true"]'))
      element.setAttribute('aria-pressed', 'false');
    if (selected === undefined) return;
    drawing.querySelector(`[data-place="${selected}"]`)?.setAttribute('aria-pressed', 'true');
    const of = [`[data-place="${selected}"]`, `[data-from="${selected}"]`, `[data-to="${selected}"]`];
    for (const element of drawing.querySelectorAll(of.join(','))) element.classList.add('lit');
  }

  /** Looks at a chain or a target, wherever it is. */
  function select(place: number | undefined): void {
    const node = place === undefined ? undefined : data.nodes[place];
    const changed = selected !== place;
    selected = place;
    panel.hidden = !node;
    if (place !== undefined && node) rules.replaceChildren(...panelContent(data, place, node, go));
    light();
    if (!changed) return;
    onSelect?.(node && node.kind !== 'target' ? { table: node.table, chain: node.label } : undefined);
  }

  /** Has the Service of a node drawn in full, whatever was asked for. Returns whether it had to be drawn anew. */
  function unfold(services: readonly (string | undefined)[]): boolean {
    const closed = services.flatMap((service) =>
      service === undefined || opened.has(service) ? [] : [service],
    );
    const hidden = services.some(
      (service) =>
        service !== undefined && namespace !== undefined && namespaceOfService(service) !== namespace,
    );
    for (const service of closed) opened.add(service);
    if (hidden) ask(undefined);
    if (closed.length > 0 || hidden) redraw();
    return closed.length > 0 || hidden;
  }

  function go(place: number): void {
    unfold([data.nodes[place]?.service]);
    select(place);
    const box = boxAt(place);
    if (box) view.show(box);
    focus(`[data-place="${place}"]`);
  }

  function boxAt(place: number) {
    return arrangement.frames.flatMap(({ boxes }) => boxes).find(({ id }) => id === place);
  }

  function choose({ service, place }: Hit): void {
    if (isNarrow()) showList(false);
    if (place !== undefined) {
      go(place);
    } else if (service !== undefined) {
      unfold([service]);
      showArea(service);
    }
  }

  function isNarrow(): boolean {
    return host.clientWidth <= 700;
  }

  function listHits(): void {
    const isAll = field.value.trim() === '';
    const all = services().map((service): Hit => ({ service, place: undefined, text: 'Service' }));
    hits = isAll ? all : search(data, services(), field.value);
    found.textContent = count(hits.length, isAll ? 'Service' : 'hit');
    results.replaceChildren(...resultEntries(hits, opened, choose));
  }

  function activate(target: EventTarget | null): void {
    if (!(target instanceof Element)) return;
    const service = target.closest('[data-service]')?.getAttribute('data-service');
    const place = target.closest('[data-place]')?.getAttribute('data-place');
    if (typeof service === 'string') {
      if (!opened.delete(service)) opened.add(service);
      redraw();
      showArea(service);
    } else select(typeof place === 'string' ? Number(place) : undefined);
  }

  function namespaces(): string[] {
    return [...new Set([...belongings.services.keys()].map(namespaceOfService))];
  }

  function listNamespaces(): void {
    const all = namespaces();
    const names = all.map((name) => html('option', { value: name }, name));
    choice.replaceChildren(html('option', { value: '' }, 'All namespaces'), ...names);
    choice.hidden = all.length < 2;
    openAll.hidden = belongings.services.size > MOST_OPENED;
  }

  /** Takes a namespace for the one that is asked for, without drawing it. */
  function ask(wanted: string | undefined): void {
    const changed = namespace !== wanted;
    namespace = wanted;
    choice.value = wanted ?? '';
    if (changed) onFilter?.(wanted);
  }

  function placeOf({ table, chain }: ChainPlace): number {
    return data.nodes.findIndex(
      (node) => node.kind !== 'target' && node.table === table && node.label === chain,
    );
  }

  /** Where a step is drawn: its box, and its row of it. */
  function spotOf(step: WalkStep) {
    const box = boxAt(placeOf(step));
    const { number } = step;
    const row =
      number === undefined
        ? undefined
        : box?.rows.find(({ first, count }) => first <= number && number < first + count);
    return { box, row };
  }

  function clearWay(): void {
    drawing.querySelector('.packet')?.remove();
    drawing.classList.remove('walking');
    for (const element of drawing.querySelectorAll('.met, .here, .walked'))
      element.classList.remove('met', 'here', 'walked');
  }

  function highlight(steps: readonly WalkStep[], upTo: number): void {
    clearWay();
    const met = steps.slice(0, upTo + 1);
    if (met.length === 0) return;
    unfold(steps.map((step) => data.nodes[placeOf(step)]?.service));
    drawing.classList.add('walking');
    for (const [i, step] of met.entries()) {
      const { box, row } = spotOf(step);
      if (!box) continue;
      const kinds = i === upTo ? ['met', 'here'] : ['met'];
      drawing.querySelector(`[data-place="${box.id}"]`)?.classList.add(...kinds);
      if (!row) continue;
      const key = rowKey(box.id, row);
      const matches = step.fits > 0;
      if (i === upTo) drawing.querySelector(`[data-row="${key}"]`)?.classList.add('here');
      if (!matches) continue;
      drawing.querySelector(`[data-row="${key}"]`)?.classList.add('met');
      const arrow = drawing.querySelector(`[data-row-from="${key}"]`);
      arrow?.classList.add('walked');
      const to = arrow?.getAttribute('data-to');
      // A target has no step of its own.
      if (typeof to === 'string') drawing.querySelector(`[data-place="${to}"]`)?.classList.add('met');
    }
  }

  /** A packet goes along the arrow of a step. */
  let animation = 0;
  function travel(step: WalkStep, milliseconds: number): void {
    cancelAnimationFrame(animation);
    const { box, row } = spotOf(step);
    const arrow = box && row && drawing.querySelector(`[data-row-from="${rowKey(box.id, row)}"]`);
    if (!(arrow instanceof SVGPathElement) || step.fits === 0) return;
    const packet = svg('circle', { class: 'packet', r: 7, 'aria-hidden': 'true' });
    const length = arrow.getTotalLength();
    const put = (part: number) => {
      const { x, y } = arrow.getPointAtLength(length * part);
      packet.setAttribute('cx', String(x));
      packet.setAttribute('cy', String(y));
    };
    put(milliseconds === 0 || isStill() ? 1 : 0);
    drawing.append(packet);
    if (milliseconds === 0 || isStill()) return;
    const start = performance.now();
    const move = (now: number) => {
      const part = Math.min(1, Math.max(0, now - start) / milliseconds);
      put(part);
      if (part < 1) animation = requestAnimationFrame(move);
    };
    animation = requestAnimationFrame(move);
  }

  const picture: Picture = {
    update(next) {
      walk?.close();
      const node = selected === undefined ? undefined : data.nodes[selected];
      const before = new Set(belongings.services.keys());
      data = next;
      belongings = belongingsOf(data);
      for (const service of [...opened]) if (!belongings.services.has(service)) opened.delete(service);
      if (!data.collapsed)
        for (const service of belongings.services.keys()) if (!before.has(service)) opened.add(service);
      listNamespaces();
      ask(namespace !== undefined && namespaces().includes(namespace) ? namespace : undefined);
      const wasFitted = view.isFitted();
      // Places are others now.
      selected = undefined;
      const place = node
        ? data.nodes.findIndex(
            ({ kind, table, label }) => kind === node.kind && table === node.table && label === node.label,
          )
        : -1;
      redraw();
      select(place === -1 ? undefined : place);
      if (wasFitted) fitAll();
    },
    show(chain) {
      if (chain === undefined) {
        select(undefined);
        return true;
      }
      const place = placeOf(chain);
      if (place !== -1) go(place);
      return place !== -1;
    },
    showService(service) {
      if (!belongings.services.has(service)) return false;
      unfold([service]);
      showArea(service);
      return true;
    },
    highlight,
    walk(steps, walkOptions = {}) {
      walk?.close();
      select(undefined);
      if (isNarrow()) showList(false);
      const begun = walker(
        walkBar,
        steps,
        (at, milliseconds) => {
          const step = steps[at];
          if (!step) return;
          highlight(steps, at);
          travel(step, milliseconds);
          const { box, row } = spotOf(step);
          if (box) view.follow(areaOf(box, row));
        },
        () => {
          cancelAnimationFrame(animation);
          clearWay();
          walk = undefined;
        },
        walkOptions,
      );
      walk = begun;
      return begun;
    },
    filter(wanted) {
      if (wanted !== undefined && !namespaces().includes(wanted)) return false;
      ask(wanted);
      redraw();
      fitAll();
      return true;
    },
    fit: fitAll,
    focusSearch() {
      showList(true);
      field.focus();
    },
    destroy() {
      walk?.close();
      observer.disconnect();
      view.end();
      host.remove();
    },
  };

  choice.addEventListener('change', () => picture.filter(choice.value === '' ? undefined : choice.value));
  field.addEventListener('input', listHits);
  field.addEventListener('keydown', ({ key }) => {
    const [best] = hits;
    if (key === 'Enter' && best) choose(best);
  });
  canvas.addEventListener('click', ({ target }) => activate(target));
  canvas.addEventListener('keydown', (event) => {
    if (event.target === canvas || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    activate(event.target);
  });
  frame.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') select(undefined);
  });
  // Whoever goes from box to box by Tab wants to see where he is.
  drawing.addEventListener('focusin', ({ target }) => {
    canvas.scrollTo(0, 0);
    if (target instanceof Element) view.reveal(target.getBoundingClientRect());
  });
  listNamespaces();
  showLegend(false);
  showList(options.list ?? !isNarrow());
  open([...opened]);
  observer.observe(canvas);
  return picture;
}

/** The ends of arrows. */
function arrowHeads(): SVGDefsElement {
  const heads = [
    ['head', 8],
    ['head-lit', 10],
    ['head-walked', 11],
  ] as const;
  return svg(
    'defs',
    {},
    ...heads.map(([id, size]) =>
      svg(
        'marker',
        {
          id,
          viewBox: '0 0 8 8',
          refX: 7,
          refY: 4,
          markerWidth: size,
          markerHeight: size,
          markerUnits: 'userSpaceOnUse',
          orient: 'auto',
        },
        svg('path', { class: id, d: 'M0 0L8 4L0 8z' }),
      ),
    ),
  );
}

/** Boxes and Services can be pressed, with a mouse, a finger or the keyboard. The name of a box is all that it says. */
function makeButtons(drawing: SVGGElement): void {
  const make = (
    selector: string,
    state: string,
    value: string,
    label?: (service: string | null) => string,
  ) => {
    for (const element of drawing.querySelectorAll(selector)) {
      element.setAttribute('role', 'button');
      element.setAttribute('tabindex', '0');
      element.setAttribute(state, value);
      if (label) element.setAttribute('aria-label', label(element.getAttribute('data-service')));
    }
  };
  make('.handle', 'aria-expanded', 'true', (service) => `Collapse ${service}`);
  make('.cell', 'aria-expanded', 'false');
  make('.box', 'aria-pressed', 'false');
}

/** A row of a box with its name in view, or the box. */
function areaOf(box: Area, row: { readonly y: number; readonly height: number } | undefined): Area {
  if (!row) return box;
  return { x: box.x, y: box.y + row.y - row.height, width: box.width, height: 2 * row.height };
}
