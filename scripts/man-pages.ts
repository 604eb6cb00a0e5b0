/** Writes the manual pages that are published: `npm run man`, into the folder man. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { program } from '../src/cli/program.ts';
import { version } from '../src/cli/version.ts';
import { manPages } from '../src/manual/man-pages.ts';
import { commandTree } from '../src/manual/tree.ts';

// Whoever builds the same package twice wants the same pages.
const { SOURCE_DATE_EPOCH } = process.env;
const built = SOURCE_DATE_EPOCH ? new Date(Number(SOURCE_DATE_EPOCH) * 1000) : new Date();
const date = built.toISOString().slice(0, 10);

const folder = join(import.meta.dirname, '..', 'man');
await rm(folder, { recursive: true, force: true });
await mkdir(folder);
for (const { file, text } of manPages(commandTree(await program()), { version: version(), date })) {
  await writeFile(join(folder, file), text);
}
