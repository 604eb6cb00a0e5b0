/** The page comes to life: a picture that fills it, and an address that leads to what is looked at. */
import { printPageLink, readPageLink } from '../arrangement/page-link.ts';
import type { PageData } from '../arrangement/page-types.ts';
import { count } from './panel.ts';
import { mountPicture } from './picture.ts';

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

const data: PageData = JSON.parse(byId('data').textContent ?? '');
const services = new Set(data.nodes.flatMap(({ service }) => service ?? []));
const chains = data.nodes.filter(({ kind }) => kind !== 'target');
const ruleCount = chains.reduce((sum, { rules }) => sum + rules.length, 0);
byId('summary').textContent = [
  data.family,
  count(services.size, 'Service'),
  count(chains.length, 'chain'),
  count(ruleCount, 'rule'),
].join(' \u00b7 ');

let link = readPageLink(location.hash);
const picture = mountPicture(byId('picture'), data, {
  onSelect: (chain) => tell({ ...link, chain }),
  onFilter: (namespace) => tell({ ...link, namespace }),
});

/** The address of the page always leads to what it shows. */
function tell(next: typeof link): void {
  link = next;
  history.replaceState(undefined, '', printPageLink(link) || location.pathname + location.search);
}

function follow(): void {
  const { namespace, chain } = readPageLink(location.hash);
  if (!picture.filter(namespace)) picture.filter(undefined);
  picture.show(chain);
}

addEventListener('hashchange', follow);
document.addEventListener('keydown', (event) => {
  const isTyping = event.composedPath()[0] instanceof HTMLInputElement;
  if (event.key !== '/' || isTyping) return;
  event.preventDefault();
  picture.focusSearch();
});
if (location.hash !== '') follow();
