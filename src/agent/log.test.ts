import { describe, expect, test } from 'vitest';
import { jsonLine, Log, textLine } from './log.ts';

const NOW = new Date('2026-11-21T01:02:30.252Z');

test.each<[string, Parameters<typeof textLine>, RegExp]>([
  ['a fact', ['I', 'Rules written', {}, NOW], /^I1121 01:02:30\.252000 +\d+\] "Rules written"$/],
  [
    'its fields',
    ['E', 'failed', { family: 'ipv4', chains: 3, full: true, retry: undefined }, NOW],
    /^E.*\] "failed" family="ipv4" chains=3 full=true$/,
  ],
  ['what moves a cursor', ['W', 'a\u001b[2Jb\nc\u202e', {}, NOW], /^W.*\] "a\\u001b\[2Jb\\nc\\u202e"$/],
])('as text: %s', (_, fact, expected) => {
  expect(textLine(...fact)).toMatch(expected);
});

test.each<[string, Parameters<typeof jsonLine>, object]>([
  ['a fact', ['I', 2, 'Rules written', { chains: 3 }, NOW], { v: 2, msg: 'Rules written', chains: 3 }],
  ['a warning', ['W', 0, 'odd', {}, NOW], { v: 0, severity: 'warning', msg: 'odd' }],
  [
    'an error',
    ['E', 0, 'a\u202eb\n\u{e0041}', {}, NOW],
    { v: 0, severity: 'error', msg: 'a\u202eb\n\u{e0041}' },
  ],
])('as JSON: %s', (_, fact, expected) => {
  const line = jsonLine(...fact);
  expect(JSON.parse(line)).toEqual({ ts: NOW.getTime(), ...expected });
  expect(line).toMatch(/^[ -~]*$/);
});

describe('levels and streams', () => {
  const told = { error: [] as string[], info: [] as string[] };
  const writer = (lines: string[]) => ({ write: (line: string) => lines.push(line.split(' ').at(-1) ?? '') });
  const log = new Log({
    format: 'text',
    verbosity: 1,
    streams: { error: writer(told.error), info: writer(told.info) },
  });

  test('facts up to the level are told; errors have a stream of their own', () => {
    log.detail(1, 'one');
    log.detail(2, 'two');
    log.verbosity = 2;
    log.detail(2, 'three');
    log.error('four');
    log.warning('five');
    expect(told).toEqual({ error: ['"four"\n'], info: ['"one"\n', '"three"\n', '"five"\n'] });
  });
});
