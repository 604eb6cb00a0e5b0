/** The layout that kernel tests run on: the tests of the applier run on each, as vitest projects of their own. */
import { layoutNameSchema } from '../../../src/api/fields.ts';
import { DEFAULT_LAYOUT, type LayoutName } from '../../../src/api/layout-names.ts';

import { IS_LONG } from '../long-form.ts';
import { BACKENDS, type Backend } from './namespace.ts';

export const LAYOUT: LayoutName = layoutNameSchema.parse(process.env.SVC2IPT_TEST_LAYOUT ?? DEFAULT_LAYOUT);

/** Those that the tests of this layout run on: in the short form, layouts beside the usual one are on iptables-nft alone. */
export const LAYOUT_BACKENDS: readonly Backend[] =
  LAYOUT === DEFAULT_LAYOUT || IS_LONG ? BACKENDS : BACKENDS.slice(0, 1);
