/** The documentation, run: every command of every page that needs no root. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describePage } from './support/documentation/describe-page.ts';
import { EXCEPTIONS } from './support/documentation/exceptions.ts';
import { PAGES, pagesFor, RUNNERS } from './support/documentation/pages.ts';
import { here } from './support/documentation/place.ts';
import { PROJECT } from './support/project.ts';

for (const page of pagesFor('unit')) describePage(page, here);

describe('every page is run', () => {
  test.each(PAGES)('$path: $runner', ({ path, runner }) => {
    const test = readFileSync(join(PROJECT, RUNNERS[runner]), 'utf8');
    expect(test).toMatch(runner === 'replacing' || runner === 'helm' ? path : `pagesFor('${runner}')`);
  });
});

describe('each exception is one of a command that is still there', () => {
  test.each(EXCEPTIONS)('$page: $command', ({ page, command }) => {
    const { steps = [] } = PAGES.find(({ path }) => path === page) ?? {};
    const commands = steps.flatMap((step) => (step.kind === 'command' ? [step.text] : []));
    expect(commands).toContain(command);
  });
});
