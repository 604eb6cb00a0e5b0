/**
 * The script of the page of a graph as a text: `node scripts/page-as-text.ts` puts it into dist, in the place of what reads
 * it from files, so that the library makes pages in a browser, too. In bundles, the plugin does the same.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'rolldown';
import { pageScript } from '../src/graph/formats/page-script.ts';

const PROJECT = join(import.meta.dirname, '..');

const moduleText = async () =>
  `export const pageScript = async () => ${JSON.stringify(await pageScript())};\n`;

/** For what is bundled of the sources. */
export const pageScriptInside: Plugin = {
  name: 'page-script',
  async load(id) {
    return id === join(PROJECT, 'src/graph/formats/page-script.ts') ? await moduleText() : undefined;
  },
};

if (import.meta.main) {
  writeFileSync(join(PROJECT, 'dist/graph/formats/page-script.js'), await moduleText());
}
