/** Writes what is made for the chart and its documentation: `npm run chart`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chartFiles } from './chart-files.ts';

const project = join(import.meta.dirname, '..');
for (const [path, text] of await chartFiles(project)) await writeFile(join(project, path), text);
