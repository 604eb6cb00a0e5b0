/** A page as tests: one for each of its commands, in their order. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { outputProblem } from './comparison.ts';
import { type Exception, exceptionOf } from './exceptions.ts';
import type { Page } from './pages.ts';
import type { MakePlace } from './place.ts';
import { RunningPage } from './running-page.ts';
import { NOTHING_STANDS_FOR } from './stand-ins.ts';
import type { Step } from './steps.ts';
import { worldOf } from './worlds.ts';

/** More than a command may take, in milliseconds. */
const TIMEOUT = 300_000;

export function describePage({ path, steps, runner }: Page, makePlace: MakePlace): void {
  if (steps.length === 0) return;
  describe(path, { timeout: TIMEOUT }, () => {
    let page: RunningPage;
    beforeAll(async () => {
      page = await RunningPage.start(worldOf(path, runner === 'kernel'), makePlace);
    }, TIMEOUT);
    afterAll(async () => await page?.[Symbol.asyncDispose](), TIMEOUT);

    for (const step of steps) {
      const exception = step.kind === 'command' ? exceptionOf(path, step.text) : undefined;
      const isSkipped = exception !== undefined && 'skip' in exception;
      test.skipIf(isSkipped)(`${path}, line ${step.line}: ${titleOf(step)}`, async () => {
        await runStep(page, step, exception);
      });
    }
    test(`${path}: what it has started ends as it should`, async () => await page.end());
  });
}

function titleOf(step: Step): string {
  if (step.kind === 'command') return step.text.replaceAll(/\s*\\?\n\s*/g, ' ');
  return step.kind === 'file' ? step.name : 'YAML';
}

async function runStep(page: RunningPage, step: Step, exception: Exception | undefined): Promise<void> {
  if (step.kind === 'file') return await page.write(step.name, step.text);
  if (step.kind === 'yaml') {
    const problems = parseAllDocuments(step.text).flatMap(({ errors, warnings }) => [...errors, ...warnings]);
    return expect(problems).toEqual([]);
  }
  const { exitCode, output } = await page.run(step.text);
  // Its exit code is lost in a pipe.
  expect(output).not.toContain(NOTHING_STANDS_FOR);
  const problem = step.output && outputProblem(step.output, output.split('\n'));
  expect.soft(problem, `what it prints:\n${output}`).toBe(undefined);
  // An error that is shown has an exit code of its own.
  if (step.output?.[0]?.startsWith('error:')) return;
  const expected = exception && 'exitCode' in exception ? exception.exitCode : 0;
  expect(exitCode, `exit code, after it printed:\n${output}`).toBe(expected);
}
