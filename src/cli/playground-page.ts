import { readFile } from 'node:fs/promises';

/** The page of the playground, one file of HTML, which is published with the program. */
export async function readPlaygroundPage(): Promise<string> {
  return await readFile(new URL('../../docs/playground/index.html', import.meta.url), 'utf8');
}
