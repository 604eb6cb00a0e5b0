/** Links between pages lead to pages, files and headings that are there. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { withoutCodeBlocks } from './support/documentation/markdown.ts';
import { PROJECT } from './support/project.ts';

const PAGES = globSync('{*.md,{docs,bench}/**/*.md}', { cwd: PROJECT }).sort();

const read = (page: string) => readFileSync(join(PROJECT, page), 'utf8');

/** Code is no text: what stands in it is neither a link nor a heading. */
const withoutCode = (text: string) => withoutCodeBlocks(text).replaceAll(/`[^`\n]*`/g, 'code');

const linksOf = (page: string) =>
  [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);

/** As GitHub names them: in small letters, without punctuation, with dashes for blanks. */
function anchorsOf(page: string): string[] {
  return [...withoutCodeBlocks(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const LINKS = PAGES.flatMap((page) => linksOf(page).map((link): [string, string] => [page, link]));

test('there are pages with links', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/README.md', 'docs/rules.md']));
  expect(LINKS.length).toBeGreaterThan(50);
});

test.each(LINKS.filter(([, link]) => !/^https?:/.test(link)))('%s leads to %s', (page, link) => {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  expect(existsSync(join(PROJECT, target)), `there is no ${target}`).toBe(true);
  if (anchor !== undefined) expect(anchorsOf(target)).toContain(anchor);
});

test('every page of the documentation is in its index', () => {
  const index = linksOf('docs/README.md').map((link) => join('docs', link));
  expect(index).toEqual(
    expect.arrayContaining(
      PAGES.filter((page) => /^docs\/[^/]+\.md$/.test(page) && page !== 'docs/README.md'),
    ),
  );
});
