/** A copy of the checkout, so that whoever uses its `dist` meanwhile is not disturbed. */
import { cp, symlink } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { PROJECT } from './project.ts';

/** Everything but what is made, which would tell what somebody made before. */
const NOT_COPIED = ['.git', 'build', 'coverage', 'dist', 'man', 'node_modules', 'sbom.cdx.json'];

/** Makes a folder with all files of the checkout, as they are now, and a link to its libraries. */
export async function copyCheckout(folder: string): Promise<void> {
  await cp(PROJECT, folder, {
    recursive: true,
    filter: (path) => !NOT_COPIED.includes(relative(PROJECT, path).split(sep)[0] ?? ''),
  });
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
}
