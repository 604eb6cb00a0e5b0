/** The page comes to life: what is opened, what is looked at, and who listens to what. */
import { type Arrangement, arrange } from '../arrangement/arrangement.ts';
import { belongingsOf } from '../arrangement/belongings.ts';
import type { PageData } from '../arrangement/page-types.ts';
import { type Hit, search } from '../arrangement/search.ts';
import { draw, light } from './draw.ts';
import { byId, svg } from './elements.ts';
import { count, panelContent } from './panel.ts';
import { resultEntries } from './results.ts';
import { viewOf } from './view.ts';

const data: PageData = JSON.parse(byId('data').textContent ?? '');
const belongings = belongingsOf(data);
const services = [...belongings.services.keys()];
const opened = new Set(data.collapsed ? [] : services);
/** More Services at once are more elements than browsers like. */
const MOST_OPENED = 1000;
let selected: number | undefined;

const canvas = byId('canvas');
const drawing = svg('g', {});
byId('drawing').append(drawing);
const view = viewOf(canvas, drawing, (zoom) => {
  byId('zoom').textContent = `${Math.round(zoom * 100)} %`;
});

const ruler = document.createElement('canvas').getContext('2d');
const letters = getComputedStyle(drawing);
if (ruler) ruler.font = `${letters.fontSize} ${letters.fontFamily}`;
const measure = (text: string) => ruler?.measureText(text).width ?? text.length * 8;

let arrangement: Arrangement;

function redraw(): void {
  const focused = document.activeElement?.getAttribute('data-service');
  arrangement = arrange(data, belongings, opened, measure);
  draw(drawing, arrangement);
  light(drawing, selected);
  if (typeof focused === 'string') focus(`[data-service="${CSS.escape(focused)}"]`);
  list();
}

function focus(selector: string): void {
  const element = drawing.querySelector(selector);
  // Moving there is the view's business, not the browser's.
  if (element instanceof SVGElement) element.focus({ preventScroll: true });
}

function showService(service: string): void {
  const cells = arrangement.collapsed?.cells ?? [];
  const area = [...arrangement.frames, ...cells].find((area) => area.service === service);
  if (area) view.show(area);
}

function toggle(service: string): void {
  if (!opened.delete(service)) opened.add(service);
  redraw();
  showService(service);
}

function open(names: readonly string[]): void {
  opened.clear();
  for (const name of names) opened.add(name);
  redraw();
  showAll();
}

function showAll(least?: number): void {
  view.show({ x: 0, y: 0, width: arrangement.width, height: arrangement.height }, least);
}

/** Looks at a chain or a target, wherever it is. */
function select(place: number | undefined): void {
  selected = place;
  const node = place === undefined ? undefined : data.nodes[place];
  const panel = byId('panel');
  panel.hidden = !node;
  if (place !== undefined && node) byId('rules').replaceChildren(...panelContent(data, place, node, go));
  light(drawing, place);
}

function go(place: number): void {
  const service = data.nodes[place]?.service;
  if (service !== undefined && !opened.has(service)) {
    opened.add(service);
    redraw();
  }
  select(place);
  const box = arrangement.frames.flatMap(({ boxes }) => boxes).find(({ id }) => id === place);
  if (box) view.show(box);
  focus(`[data-place="${place}"]`);
}

function choose({ service, place }: Hit): void {
  if (place !== undefined) {
    go(place);
  } else if (service !== undefined) {
    opened.add(service);
    redraw();
    showService(service);
  }
}

/** What the search has found, or all Services. */
let hits: readonly Hit[] = [];

function list(): void {
  const field = byId('search');
  const query = field instanceof HTMLInputElement ? field.value : '';
  const all = services.map((service): Hit => ({ service, place: undefined, text: 'Service' }));
  hits = query.trim() === '' ? all : search(data, services, query);
  byId('found').textContent = count(hits.length, query.trim() === '' ? 'Service' : 'hit');
  byId('results').replaceChildren(...resultEntries(hits, opened, choose));
}

function activate(target: EventTarget | null): void {
  if (!(target instanceof Element)) return;
  const service = target.closest('[data-service]')?.getAttribute('data-service');
  const place = target.closest('[data-place]')?.getAttribute('data-place');
  if (typeof service === 'string') toggle(service);
  else select(typeof place === 'string' ? Number(place) : undefined);
}

function listenToButtons(): void {
  const actions: Readonly<Record<string, () => void>> = {
    'zoom-in': () => view.zoomBy(1.25),
    'zoom-out': () => view.zoomBy(0.8),
    fit: () => showAll(0),
    'open-all': () => open(services),
    'close-all': () => open([]),
    'close-panel': () => select(undefined),
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener('click', action);
}

function listenToCanvas(): void {
  canvas.addEventListener('click', ({ target }) => activate(target));
  canvas.addEventListener('keydown', (event) => {
    if (event.target === canvas || (event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    activate(event.target);
  });
  // Whoever goes from box to box by Tab wants to see where he is.
  drawing.addEventListener('focusin', ({ target }) => {
    canvas.scrollTo(0, 0);
    if (target instanceof Element) view.reveal(target.getBoundingClientRect());
  });
}

function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target instanceof HTMLInputElement;
    if (event.key === 'Escape') select(undefined);
    if (event.key !== '/' || isTyping) return;
    event.preventDefault();
    byId('search').focus();
  });
}

const chains = data.nodes.filter(({ kind }) => kind === 'chain');
const ruleCount = chains.reduce((sum, { rules }) => sum + rules.length, 0);
byId('summary').textContent = [
  data.family,
  count(services.length, 'Service'),
  count(chains.length, 'chain'),
  count(ruleCount, 'rule'),
].join(' \u00b7 ');
byId('open-all').hidden = services.length > MOST_OPENED;
byId('search').addEventListener('input', list);
byId('search').addEventListener('keydown', ({ key }) => {
  const [first] = hits;
  if (key === 'Enter' && first) choose(first);
});
listenToButtons();
listenToCanvas();
listenToKeys();
open([...opened]);
