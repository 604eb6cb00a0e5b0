/** The script of the page: modules of this room in one text, as a page that is one file needs it. */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

/** Each comes after those that it imports. Their top-level names differ. */
const MODULES = [
  'arrangement/look',
  'arrangement/namespaces',
  'arrangement/page-link',
  'arrangement/layers',
  'arrangement/belongings',
  'arrangement/boxes',
  'arrangement/frames',
  'arrangement/cells',
  'arrangement/arrows',
  'arrangement/arrangement',
  'arrangement/drawing',
  'arrangement/search',
  'page/elements',
  'page/view',
  'page/legend',
  'page/panel',
  'page/results',
  'page/walker',
  'page/picture-style',
  'page/picture',
  'page/page',
];

/** The script, for a browser. Reads the modules of this room, whether they are TypeScript or compiled. */
export async function pageScript(): Promise<string> {
  const isSource = import.meta.filename.endsWith('.ts');
  const texts = await Promise.all(
    MODULES.map((name) => readFile(new URL(`../${name}.${isSource ? 'ts' : 'js'}`, import.meta.url), 'utf8')),
  );
  return texts.map((text) => withoutModule(isSource ? stripTypeScriptTypes(text) : text)).join('');
}

/** A module's text without imports and exports: all it needs is in the same script. */
function withoutModule(text: string): string {
  return text.replace(/^import\b[^;]*;\n/gm, '').replace(/^export /gm, '');
}
