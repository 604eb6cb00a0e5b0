import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fieldsTable } from '../../scripts/fields-table.ts';
import { everything, fixtureTexts } from '../../test/support/texts.ts';
import { parseDocuments } from '../sources/documents.ts';
import { parseObjects } from './objects.ts';

test('the table is what the models of the client library come to', async () => {
  const text = await readFile(join(import.meta.dirname, 'kubernetes-fields.ts'), 'utf8');
  expect(text).toBe(await fieldsTable());
});

test('it is that of Kubernetes 1.36', async () => {
  expect(await fieldsTable()).toContain('the API of Kubernetes 1.36, ');
});

test('no fixture has a field that it lacks', async () => {
  const texts = [await everything(), ...(await fixtureTexts()).values()];
  const typos = texts.flatMap(({ objects }) =>
    parseDocuments({ name: 'f', text: objects }).documents.flatMap(
      ({ value, at }) => parseObjects(value, at).typos,
    ),
  );
  expect(typos).toEqual([]);
});
