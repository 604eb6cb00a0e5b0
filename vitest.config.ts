import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import './test/support/project.ts';
import { DEFAULT_LAYOUT, LAYOUT_NAMES, type LayoutName } from './src/api/layout-names.ts';

/** Programs that tests start, thousands of them, take half of the processor time where their modules are compiled. */
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

/** One place for what the C library allocates, not one for each thread: each that a program forks has fewer pages to copy. */
process.env.MALLOC_ARENA_MAX ??= '1';

const KERNEL = ['{src,test}/**/*.kernel.test.ts'];
/** Tests of the applier, which run once more on each other layout; those of load in the long form only. */
const LOAD = process.env.SVC2IPT_LONG_TESTS === undefined ? '' : ',connections,killed';
const APPLIER = [`test/{apply,foreign,node,restore,round-trip,traffic${LOAD}}.kernel.test.ts`];
/** Tests that start programs: svc2ipt itself, npm, git, shells. They take most of the time, and no root. */
const PROGRAMS = [
  'src/cli/**/*.test.ts',
  'src/manual/{completion/completion,man-pages}.test.ts',
  'src/applier/{command,host}.test.ts',
  'src/sources/kubernetes/{connection,plain-access,read-cluster}.test.ts',
  'test/{api-report,audit,bill-of-materials,chart,deploy,deploy-ci,documentation,image-archive,library-examples,package,release}.test.ts',
  'test/support/documentation/running-page.test.ts',
];
const CONTAINER = ['{src,test}/**/*.container.test.ts'];
const BROWSER = ['{src,test}/**/*.browser.test.ts'];

const TESTED_PROGRAM = 'test/support/tested-program.ts';

function kernelProject(name: string, include: string[], layout: LayoutName) {
  return {
    test: {
      name,
      include,
      globalSetup: TESTED_PROGRAM,
      env: { SVC2IPT_TEST_LAYOUT: layout },
      // No test is a race: a machine may have other things to do.
      testTimeout: 300_000,
      hookTimeout: 300_000,
      // Each file has namespaces of its own, and waits for more than half of its time.
      maxWorkers: 6,
      sequence: { groupOrder: 1 },
    },
  };
}

/**
 * `unit` is fast and needs nothing; `programs` starts programs as users do; `kernel` needs root, iptables and network
 * namespaces, `browser` Chromium, `container` root and the programs of a Docker engine.
 */
export default defineConfig({
  test: {
    // More than there are cores, as much of the time is waiting.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{src,test}/**/*.test.ts'],
          exclude: [...KERNEL, ...CONTAINER, ...BROWSER, ...PROGRAMS],
          // A process for each of 200 files, and the modules in it, took half of the time: no test here leaves anything behind.
          isolate: false,
          // Nor does V8 go through all of them each time that 16 MB are new: of processor time, 7 % go.
          execArgv: ['--max-semi-space-size=32'],
          // No test is a race: a machine may have other things to do.
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'programs',
          include: PROGRAMS,
          globalSetup: TESTED_PROGRAM,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      kernelProject('kernel', KERNEL, DEFAULT_LAYOUT),
      ...LAYOUT_NAMES.filter((layout) => layout !== DEFAULT_LAYOUT).map((layout) =>
        kernelProject(`kernel, ${layout} layout`, APPLIER, layout),
      ),
      {
        test: {
          name: 'browser',
          include: BROWSER,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'container',
          include: CONTAINER,
          globalSetup: 'test/support/container/engine.ts',
          // One after the other: they share an engine.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
