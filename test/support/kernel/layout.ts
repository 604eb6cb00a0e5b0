/** The layout that kernel tests run on: the tests of the applier run on each, as vitest projects of their own. */
import type { LayoutName } from '../../../src/compiler/options.ts';

export const LAYOUT: LayoutName = process.env.SVC2IPT_TEST_LAYOUT === 'fast' ? 'fast' : 'kube-proxy';
