/**
 * Draws the pictures of the documentation, which are in the repository: `npm run docs`, into the folder docs/pictures.
 * One for each kind of Service in docs/examples, as its nat table has it on node-a, and those named below.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { graphAction } from '../src/cli/commands/graph.ts';

export interface Picture {
  /** The name of its file. */
  readonly file: string;
  readonly svg: string;
}

const DOCS = join(import.meta.dirname, '..', 'docs');
const EXAMPLES = join(DOCS, 'examples');

/** What is no Service with chains of its own. */
const NO_PICTURE = ['cluster.yaml', 'config.yaml', 'headless.yaml'];

const NAT = { table: 'nat', service: ['shop/web'] } as const;
const REFUSED = { table: 'filter', service: ['shop/gone'] } as const;

/** All of them, in the order of their files. */
export async function pictures(): Promise<Picture[]> {
  const kinds = (await readdir(EXAMPLES))
    .filter((file) => file.endsWith('.yaml') && !NO_PICTURE.includes(file))
    .sort();
  const drawn: Picture[] = [];
  for (const file of kinds) {
    const name = basename(file, '.yaml');
    drawn.push(await draw(`${name}.svg`, file, name === 'no-endpoints' ? REFUSED : NAT));
  }
  drawn.push(await draw('fast-layout.svg', 'node-port.yaml', { ...NAT, layout: 'fast' }));
  return drawn;
}

async function draw(
  file: string,
  service: string,
  options: Pick<Parameters<typeof graphAction>[0], 'table' | 'service' | 'layout'>,
): Promise<Picture> {
  const { output } = await graphAction({
    filename: [join(EXAMPLES, 'cluster.yaml'), join(EXAMPLES, service)],
    config: join(EXAMPLES, 'config.yaml'),
    nodeName: 'node-a',
    family: 'ipv4',
    output: 'svg',
    theme: 'auto',
    direction: 'down',
    workloads: true,
    ...options,
  });
  return { file, svg: output };
}

if (import.meta.main) {
  const folder = join(DOCS, 'pictures');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  for (const { file, svg } of await pictures()) await writeFile(join(folder, file), svg);
}
