import { defineConfig } from 'vitest/config';

const KERNEL = ['{src,test}/**/*.kernel.test.ts'];
const BROWSER = ['{src,test}/**/*.browser.test.ts'];

/** `unit` is fast and needs nothing; `kernel` needs root, iptables and network namespaces, `browser` Chromium. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['{src,test}/**/*.test.ts'], exclude: [...KERNEL, ...BROWSER] } },
      {
        test: {
          name: 'kernel',
          include: KERNEL,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each file has namespaces of its own, but timing under load is the kernel's business, not ours.
          fileParallelism: false,
        },
      },
      { test: { name: 'browser', include: BROWSER, testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
});
