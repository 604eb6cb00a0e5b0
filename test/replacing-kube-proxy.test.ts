/** docs/replacing-kube-proxy.md is run by two other tests: nothing of it may get lost between them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checksOfNothing, promiseOf } from './support/replacing-kube-proxy/checks.ts';
import {
  CLUSTER_COMMANDS,
  COMMANDS,
  IMAGE_COMMANDS,
  IMAGE_NAMES,
} from './support/replacing-kube-proxy/page.ts';

test('each command is run by one of the tests', () => {
  const run = new Set([...CLUSTER_COMMANDS, ...IMAGE_COMMANDS]);
  expect(COMMANDS.filter((command) => !run.has(command))).toEqual([]);
});

test('commands about images are in their own section', () => {
  const misplaced = CLUSTER_COMMANDS.filter(({ text }) => /^\s*(?:docker|ssh|ctr)\b/m.test(text));
  expect(misplaced).toEqual([]);
  expect(IMAGE_COMMANDS.filter(({ text }) => /^\s*kubectl\b/m.test(text))).toEqual([]);
});

test('what follows the word "Check" is checked, and nothing that the page does not have', () => {
  const blocks = Map.groupBy(
    CLUSTER_COMMANDS.filter(({ introduction }) => introduction.startsWith('Check')),
    ({ introduction }) => introduction,
  );
  expect(blocks.size).toBeGreaterThan(5);
  const unchecked = [...blocks].filter(([, commands]) => !commands.some((one) => promiseOf(one)));
  expect(unchecked.map(([introduction]) => introduction)).toEqual([]);
  expect(checksOfNothing()).toEqual([]);
});

test('the images are of this version', () => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(text));
  expect(IMAGE_NAMES.length).toBeGreaterThan(1);
  expect(IMAGE_NAMES.filter((name) => !name.endsWith(`svc2ipt:${version}`))).toEqual([]);
});
