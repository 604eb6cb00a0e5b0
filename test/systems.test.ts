/** The table of iptables' releases in docs/systems.md: it is made by a script, and has all that it promises. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { marksOf } from '../bench/publish.ts';
import {
  CORE,
  CORE_FILES,
  RELEASES,
  RELEASES_MARK,
  releasesTable,
  SYSTEMS_PAGE,
  upstreamVersion,
  VERSION_COLUMNS,
} from '../scripts/iptables-table.ts';
import { PROJECT } from './support/project.ts';

const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');

describe('the page', () => {
  const [begin, end] = marksOf(RELEASES_MARK);
  const text = read(SYSTEMS_PAGE).split(begin)[1]?.split(end)[0] ?? '';
  const [head = [], , ...rows] = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

  test('has the columns that the script writes', () => {
    expect(head).toEqual([...VERSION_COLUMNS, ...CORE.map(([name]) => name)]);
  });

  test('has a row for each release that is tried, and each passes what was run of it', () => {
    expect(rows.map(([release]) => release)).toEqual(RELEASES);
    for (const row of rows) {
      const [, ...versions] = row.slice(0, VERSION_COLUMNS.length);
      for (const version of versions) expect(version).toMatch(/^\d+(\.\d+)+$/);
      for (const cell of row.slice(VERSION_COLUMNS.length)) expect(cell).toMatch(/^[1-9]\d* tests pass$/);
    }
  });

  test("has the release that the agent's image takes its iptables from", () => {
    const [, release] = /^ARG BASE_IMAGE=node:\d+-(\w+)-slim$/m.exec(read('Dockerfile')) ?? [];
    expect(rows.map(([name]) => name)).toContain(release);
  });
});

test.each(CORE_FILES)('%s is there', (file) => {
  expect(read(file)).toContain('kernel');
});

test('a part of the core with failures says how many, one without tests that it was not run', () => {
  const versions = { iptables: '1.8.9', nftables: '1.0.6', conntrack: '1.4.7' };
  const ends = (name: string, ...states: string[]) =>
    states.map((state) => ({ file: `/x/test/${name}.kernel.test.ts`, state }));
  const tests = [...ends('round-trip', 'passed', 'failed', 'skipped'), ...ends('apply', 'passed', 'passed')];
  const row = releasesTable([{ release: 'bookworm', versions, tests }], 'Linux 6.1')
    .split('\n')
    .at(-2);
  expect(row).toMatch(
    /^\| bookworm \| 1\.8\.9 \| 1\.0\.6 \| 1\.4\.7 \| \*\*1 of 2 fail\*\* \| 2 tests pass \| not run \|/,
  );
});

test.each([
  ['1.8.9-2', '1.8.9'],
  ['1:1.4.7-1+b2', '1.4.7'],
  ['1.0.6-2+deb12u2', '1.0.6'],
])('the upstream version of %s', (version, expected) => {
  expect(upstreamVersion(version)).toBe(expected);
});
