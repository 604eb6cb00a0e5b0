/** The layout that kernel tests run on: the tests of the applier run on each, as vitest projects of their own. */
import { layoutNameSchema } from '../../../src/api/fields.ts';
import { DEFAULT_LAYOUT, type LayoutName } from '../../../src/api/layout-names.ts';

export const LAYOUT: LayoutName = layoutNameSchema.parse(process.env.SVC2IPT_TEST_LAYOUT ?? DEFAULT_LAYOUT);
