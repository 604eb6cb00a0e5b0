/** What programs can import, as test/api has it. `npm run api` writes it anew; the difference is what a release must say. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { apiReports, ENTRIES, type Entry, type EntryReport, reportFile } from '../scripts/api-report.ts';

let reports: ReadonlyMap<Entry, EntryReport>;

beforeAll(() => {
  reports = apiReports();
});

describe.each(ENTRIES)('%s', (entry) => {
  test('gives what its report says', () => {
    expect(reports.get(entry)?.text).toBe(readFileSync(reportFile(entry), 'utf8'));
  });

  test('every type that a signature names is exported, too', () => {
    expect(reports.get(entry)?.forgotten).toEqual([]);
  });
});

test('a report tells of functions and types, and of no comment', () => {
  const text = reports.get('index')?.text ?? '';
  expect(text).toContain('function render(');
  expect(text).toContain('interface RenderQuestion extends');
  expect(text).not.toContain('/**');
});
