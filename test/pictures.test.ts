/** The pictures of the documentation are what the program draws now. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pictures } from '../scripts/pictures.ts';
import { PROJECT } from './support/project.ts';

const DOCS = join(PROJECT, 'docs');

const drawn = await pictures();

test.each(drawn)('docs/pictures/$file is current (npm run docs draws it again)', async ({ file, svg }) => {
  expect(await readFile(join(DOCS, 'pictures', file), 'utf8')).toBe(svg);
});

test('there are no others, and each is shown on a page', async () => {
  expect((await readdir(join(DOCS, 'pictures'))).sort()).toEqual(drawn.map(({ file }) => file).sort());
  const pages = (await readdir(DOCS)).filter((name) => name.endsWith('.md'));
  const texts = await Promise.all(pages.map((page) => readFile(join(DOCS, page), 'utf8')));
  for (const { file } of drawn) {
    expect(
      texts.some((text) => text.includes(`](pictures/${file})`)),
      `${file} is on no page`,
    ).toBe(true);
  }
});
