/** Writes the reference of the commands, which is in the repository: `npm run docs`, into the folder docs/commands. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { program } from '../src/cli/program.ts';
import { commandPages } from '../src/manual/markdown.ts';
import { commandTree } from '../src/manual/tree.ts';

const folder = join(import.meta.dirname, '..', 'docs', 'commands');
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const { file, text } of commandPages(commandTree(await program()))) {
  await writeFile(join(folder, file), text);
}
