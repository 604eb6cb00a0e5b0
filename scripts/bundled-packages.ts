/** The packages in what rolldown has put together, and the licences that they ask for. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlacedPackage } from './lock-file.ts';

/** A package in a bundle, and the folder that it was taken from, which may be of a project around this one. */
export interface BundledPackage extends PlacedPackage {
  readonly folder: string;
}

/**
 * The packages that modules are of, by name.
 * @param modules their paths
 * @param known the packages that may be in the bundle
 * @throws Error where there is another one: the bill of materials, which goes by the lock file, would not name it
 */
export function packagesOf(modules: readonly string[], known: readonly PlacedPackage[]): BundledPackage[] {
  const locked = new Map(known.map((one) => [one.path, one]));
  const folders = modules.flatMap(
    (id) => /^.*?\/node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? [],
  );
  return [...new Set(folders)]
    .map((folder) => {
      const path = folder.slice(folder.indexOf('node_modules/'));
      const found = locked.get(path);
      if (found === undefined) throw new Error(`${path} is in a bundle, and no package that it may hold`);
      return { ...found, folder };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What their licences ask for: their texts, each under the name of the package. */
export function licencesOf(packages: readonly BundledPackage[]): string {
  const texts = packages.map(({ folder, path, name, version, license }) => {
    const [file] = globSync('{LICENSE,LICENCE,license,licence}*', { cwd: folder });
    if (file === undefined) throw new Error(`${path} has no text of its licence`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(78)}\n\n`);
}
