/** The documentation, run: the pages with commands of root, each on a node of its own. */
import { describe } from 'vitest';
import { describePage } from './support/documentation/describe-page.ts';
import { onNode } from './support/documentation/kernel-place.ts';
import { pagesFor } from './support/documentation/pages.ts';
import { MAY_USE_NAMESPACES } from './support/kernel/namespace.ts';

describe.skipIf(!MAY_USE_NAMESPACES)('documentation', () => {
  for (const page of pagesFor('kernel')) describePage(page, onNode);
});
