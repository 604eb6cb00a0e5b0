/**
 * Writes sbom.cdx.json, the bill of materials that is published: `npm run sbom`. It is made of package-lock.json alone.
 * `npm sbom --omit dev` leaves out what is also needed for development (npm 11: 31 of 103 packages), names the project
 * after its folder, and writes another serial number each time.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BillOfMaterials, billOf, type Component, licenses, printBill } from './cyclone-dx.ts';
import {
  dependencyPaths,
  type LockFile,
  lockedPackages,
  type PlacedPackage,
  productionPackages,
  readLockFile,
} from './lock-file.ts';

/** What the page of the playground is made of, by the names that its sources import; what these need is in it as well. */
const IN_PAGE = [
  '@codemirror/autocomplete',
  '@codemirror/commands',
  '@codemirror/lang-yaml',
  '@codemirror/language',
  '@codemirror/lint',
  '@codemirror/state',
  '@codemirror/view',
  '@lezer/highlight',
  'preact',
];

/** CycloneDX's own name for a package that is inside of another one. */
const BUNDLED = { name: 'cdx:npm:package:bundled', value: 'true' } as const;

/** What users install with the project of a lock file, and what its page has in it. */
export function billOfMaterials(lock: LockFile): BillOfMaterials {
  const installed = productionPackages(lock);
  const inPage = pagePackages(lock);
  const placed = [...installed, ...inPage];
  const own = npmPurl(lock.name, lock.version);
  const refs = new Map([
    ['', own],
    ...placed.map((one) => [one.path, npmPurl(one.name, one.version)] as const),
  ]);
  // A package that is in two places is one component.
  const components = new Map([
    ...inPage.map((one) => [refs.get(one.path), { ...npmComponent(one), properties: [BUNDLED] }] as const),
    ...installed.map((one) => [refs.get(one.path), npmComponent(one)] as const),
  ]);
  const needs = new Map(
    [...refs].map(([path, ref]) => [
      ref,
      [...dependencyPaths(lock, path), ...(path === '' ? inPage.map((one) => one.path) : [])]
        .flatMap((needed) => refs.get(needed) ?? [])
        .sort(),
    ]),
  );
  return billOf({
    component: {
      type: 'application',
      'bom-ref': own,
      name: lock.name,
      version: lock.version,
      licenses: licenses(lock.packages['']?.license ?? ''),
      purl: own,
    },
    components: [...components.values()],
    dependencies: [...needs].map(([ref, dependsOn]) => ({ ref, dependsOn })),
  });
}

/** Those that are not installed: users get them in the page. */
function pagePackages(lock: LockFile): PlacedPackage[] {
  const known = new Map(lockedPackages(lock).map((one) => [one.path, one]));
  const paths = new Set(IN_PAGE.map((name) => `node_modules/${name}`).filter((path) => known.has(path)));
  // A set that grows while it is gone through.
  for (const path of paths) for (const needed of dependencyPaths(lock, path)) paths.add(needed);
  return [...paths]
    .sort()
    .flatMap((path) => known.get(path) ?? [])
    .filter(({ dev }) => dev);
}

function npmComponent({ name: fullName, version, license, integrity, optional }: PlacedPackage): Component {
  const [, group, name = fullName] = /^(@[^/]+)\/(.+)$/.exec(fullName) ?? [];
  const purl = npmPurl(fullName, version);
  return {
    type: 'library',
    'bom-ref': purl,
    ...(group !== undefined && { group }),
    name,
    version,
    scope: optional ? 'optional' : 'required',
    ...(integrity !== undefined && { hashes: [sha512(integrity)] }),
    ...(license !== undefined && { licenses: licenses(license) }),
    purl,
  };
}

/** As the package URL specification has it: the `@` of a scope is encoded, the slash after it is not. */
function npmPurl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;
}

function sha512(integrity: string): { alg: 'SHA-512'; content: string } {
  return { alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') };
}

if (import.meta.main) {
  const project = join(import.meta.dirname, '..');
  writeFileSync(join(project, 'sbom.cdx.json'), printBill(billOfMaterials(readLockFile(project))));
}
