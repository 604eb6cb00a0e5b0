/** The list beside the drawing: all Services, or what a search found. */
import type { Hit } from '../arrangement/search.ts';
import { html } from './elements.ts';

/** So many are listed: the list stays quick, and whoever looks for more types more. */
const MOST_LISTED = 200;

/**
 * The entries of the list.
 * @param opened the Services that are not collapsed
 * @param choose is told which one was chosen
 */
export function resultEntries(
  hits: readonly Hit[],
  opened: ReadonlySet<string>,
  choose: (hit: Hit) => void,
): HTMLElement[] {
  const entries = hits.slice(0, MOST_LISTED).map((hit) => {
    const { service, place, text } = hit;
    const isOpen = service !== undefined && opened.has(service);
    const button = html(
      'button',
      { type: 'button', ...(isOpen ? { class: 'open' } : {}) },
      html('span', {}, service ?? 'node'),
      ...(place === undefined ? [] : [html('small', {}, text)]),
    );
    button.addEventListener('click', () => choose(hit));
    return html('li', {}, button);
  });
  const more = hits.length - entries.length;
  if (more > 0) entries.push(html('li', { class: 'more' }, `... and ${more.toLocaleString('en')} more`));
  return entries;
}
