/**
 * package-lock.json, as far as it is read here: which packages npm installs, and where. Run by itself, it prints where
 * those are that users install.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'node_modules/';

export interface LockedPackage {
  readonly version: string;
  /** An SPDX expression. */
  readonly license?: string;
  /** Of what the registry gives: `sha512-` and base64. */
  readonly integrity?: string;
  readonly resolved?: string;
  readonly deprecated?: string;
  readonly hasInstallScript?: boolean;
  /** Only what is for development needs it. */
  readonly dev?: boolean;
  /** Whoever it is not made for goes without. */
  readonly optional?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface LockFile {
  readonly name: string;
  readonly version: string;
  /** By where they are in the project; the project itself by nothing. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** A package of a lock file, and where npm puts it: `node_modules/a/node_modules/b`. */
export interface PlacedPackage extends LockedPackage {
  readonly path: string;
  readonly name: string;
}

/** The lock file of the project in a folder. Throws where there is none. */
export function readLockFile(folder: string): LockFile {
  const lock: LockFile = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return lock;
}

/** All packages but the project itself. */
export function lockedPackages({ packages }: LockFile): PlacedPackage[] {
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, locked]) => ({
      ...locked,
      path,
      name: path.slice(path.lastIndexOf(FOLDER) + FOLDER.length),
    }));
}

/** Those that users install. */
export function productionPackages(lock: LockFile): PlacedPackage[] {
  return lockedPackages(lock).filter(({ dev }) => !dev);
}

/** Where what a package needs is found from its place, as Node.js looks for it; the project's own place is ''. */
export function dependencyPaths({ packages }: LockFile, path: string): string[] {
  const { dependencies, optionalDependencies, peerDependencies } = packages[path] ?? {};
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  return names.flatMap((name) => {
    for (let from = path; ; from = from.slice(0, Math.max(from.lastIndexOf(`/${FOLDER}`), 0))) {
      const candidate = `${from === '' ? '' : `${from}/`}${FOLDER}${name}`;
      if (candidate in packages) return [candidate];
      if (from === '') return [];
    }
  });
}

if (import.meta.main) {
  for (const { path } of productionPackages(readLockFile(process.cwd()))) console.log(path);
}
