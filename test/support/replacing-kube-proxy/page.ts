/** The commands of docs/replacing-kube-proxy.md, and which test runs them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks } from '../documentation/markdown.ts';
import { stepsOf } from '../documentation/steps.ts';
import { PROJECT } from '../project.ts';

export interface PageCommand {
  readonly line: number;
  readonly text: string;
  /** The heading that it stands under; empty before the first. */
  readonly section: string;
  /** What its block is for, in the page's words. */
  readonly introduction: string;
}

const page = readFileSync(join(PROJECT, 'docs', 'replacing-kube-proxy.md'), 'utf8');
const lines = page.split('\n');
const blocks = codeBlocks(page);

/** Throws an Error where the page cannot be read. */
export const COMMANDS: readonly PageCommand[] = stepsOf(page).map((step) => {
  if (step.kind !== 'command') throw new Error(`line ${step.line}: there are only commands on this page`);
  const block = blocks.findLast(({ line }) => line <= step.line);
  // Of the lines above the fence, of which there is one before it.
  const above = lines.slice(0, (block?.line ?? 0) - 2);
  const section = above.findLast((line) => line.startsWith('## ')) ?? '';
  return {
    line: step.line,
    text: step.text,
    section: section.replace('## ', ''),
    introduction: above.join('\n').split('\n\n').at(-1)?.trim() ?? '',
  };
});

/** Of the section that needs a Docker engine, and no cluster. */
const ABOUT_IMAGES = 'The image';

/** What both tests begin with: the variables. */
const INTRODUCTION = '';

/** Run by test/replacing-kube-proxy.kernel.test.ts. */
export const CLUSTER_COMMANDS = COMMANDS.filter(({ section }) => section !== ABOUT_IMAGES);

/** Run by test/replacing-kube-proxy.container.test.ts. */
export const IMAGE_COMMANDS = COMMANDS.filter(({ section }) =>
  [ABOUT_IMAGES, INTRODUCTION].includes(section),
);

/** The image as the page has it in its examples, in a registry. */
export const IMAGE = /^IMAGE=(\S+)$/m.exec(page)?.[1] ?? '';

/** All that the page calls the image. */
export const IMAGE_NAMES: readonly string[] = page.match(/[\w./-]*svc2ipt:[\w.]+/g) ?? [];
