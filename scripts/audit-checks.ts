/** What is looked at in the packages that are installed, by what the lock file tells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { subset } from 'semver';
import { type LockFile, lockedPackages, type PlacedPackage, productionPackages } from './lock-file.ts';

export interface AuditInput {
  readonly lock: LockFile;
  /** Of package.json: by npm's own rule, whether a package may run scripts when it is installed. */
  readonly allowScripts: Readonly<Record<string, boolean>>;
  /** The oldest Node.js that package.json promises to run on: `24.5`. */
  readonly oldestNode: string;
  /** Where node_modules is. */
  readonly folder: string;
  /** What `npm ls --all` complains of: `extraneous: zod@4.6.7 /somewhere`. */
  readonly complaints: readonly string[];
}

export interface Finding {
  readonly package: string;
  readonly problem: string;
  /** What to do. */
  readonly remedy: string;
}

export interface Check {
  readonly name: string;
  find(input: AuditInput): Finding[];
}

/** Licences of anything that users install: none asks for more than to be named. */
const LICENCES = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'];

/** Further ones, and why each will do. */
const FURTHER_LICENCES: Readonly<Record<string, string>> = {
  'PSF-2.0': "Python's own, which asks for no more than those: argparse is a port of Python's",
  Unlicense: 'as good as none: whoever wrote it gave it to all',
};

/** Those of tools, which nobody but developers gets; and the packages that do not tell npm theirs, by name. */
const TOOL_LICENCES: Readonly<Record<string, string>> = {
  'MIT OR Apache-2.0': 'either is on the list above',
  'MPL-2.0': 'asks for the source of changes to it, and it is used as it is',
  'CC0-1.0': 'as good as none',
  buildcheck: 'MIT, by its file LICENSE',
  'cpu-features': 'MIT, by its file LICENSE',
  ssh2: 'MIT, by its file LICENSE',
};

/** Libraries that users get in two versions, and why that cannot be helped. */
const TWICE: Readonly<Record<string, string>> = {};

/** What the install script of `node` fetches: the program for this platform, which no lock file can name. */
const NODE_PROGRAM = /^node-(bin-setup|(aix|darwin|linux|win)-\w+)@/;

export const CHECKS: readonly Check[] = [
  {
    name: 'every package has a sha512, and none an address',
    find: ({ lock }) =>
      lockedPackages(lock).flatMap((one) => [
        ...when(!one.integrity?.startsWith('sha512-'), one, 'has no sha512', 'npm install it anew'),
        ...when(
          one.resolved !== undefined,
          one,
          'names where it was fetched',
          'npm install with omit-lockfile-registry-resolved, as .npmrc has it',
        ),
      ]),
  },
  {
    name: 'licences are on the list',
    find: ({ lock }) => [
      ...lockedPackages(lock).flatMap((one) => {
        const { license = 'no licence', name, dev } = one;
        const known = [
          ...LICENCES,
          ...Object.keys(FURTHER_LICENCES),
          ...(dev ? Object.keys(TOOL_LICENCES) : []),
        ];
        return when(
          !(known.includes(license) || (dev && one.license === undefined && known.includes(name))),
          one,
          `has ${license}`,
          'read it, and list it in scripts/audit-checks.ts with a reason, or do without the package',
        );
      }),
      ...Object.keys({ ...FURTHER_LICENCES, ...TOOL_LICENCES })
        .filter(
          (listed) => !lockedPackages(lock).some(({ name, license }) => [name, license].includes(listed)),
        )
        .map((listed) => ({
          package: listed,
          problem: 'is listed, and nothing has it',
          remedy: 'remove it from scripts/audit-checks.ts',
        })),
    ],
  },
  {
    name: 'nothing that users install runs a script for it, and of tools only what package.json decides',
    find: ({ lock, allowScripts }) => [
      ...lockedPackages(lock)
        .filter(({ hasInstallScript }) => hasInstallScript)
        .flatMap((one) => [
          ...when(!one.dev, one, 'runs a script when users install it', 'do without it'),
          ...when(
            !!one.dev && !(one.name in allowScripts),
            one,
            'runs a script when it is installed',
            'decide it in allowScripts of package.json',
          ),
        ]),
      ...Object.keys(allowScripts)
        .filter((name) => !lockedPackages(lock).some((one) => one.name === name && one.hasInstallScript))
        .map((name) => ({
          package: name,
          problem: 'has no script to be run',
          remedy: 'remove it from allowScripts of package.json',
        })),
    ],
  },
  {
    name: 'nothing is deprecated',
    find: ({ lock }) =>
      lockedPackages(lock).flatMap((one) =>
        when(
          one.deprecated !== undefined,
          one,
          `is deprecated: ${one.deprecated}`,
          `npm explain ${one.name}, and update or replace what needs it`,
        ),
      ),
  },
  {
    name: 'users get each library once',
    find: ({ lock }) =>
      [...Map.groupBy(productionPackages(lock), ({ name }) => name)].flatMap(([name, places]) => {
        const versions = [...new Set(places.map(({ version }) => version))];
        return versions.length === 1 || name in TWICE
          ? []
          : [
              {
                package: name,
                problem: `is there as ${versions.join(' and ')}`,
                remedy: `npm dedupe, or list it in scripts/audit-checks.ts with a reason`,
              },
            ];
      }),
  },
  {
    name: 'libraries run on every Node.js that package.json promises',
    find: ({ lock, oldestNode }) =>
      productionPackages(lock).flatMap((one) =>
        when(
          !subset(`>=${oldestNode}`, one.engines?.node ?? '*'),
          one,
          `wants Node.js ${one.engines?.node}, not all from ${oldestNode}`,
          'raise engines.node in package.json, or keep an older version',
        ),
      ),
  },
  {
    name: 'what is installed is what the lock file names',
    find: ({ lock, folder, complaints }) => [
      ...lockedPackages(lock).flatMap((one) => {
        const found = versionAt(join(folder, one.path));
        // Which optional ones are there is the platform's business.
        if (found === one.version || (found === undefined && one.optional)) return [];
        return [{ package: labelOf(one), problem: `is there as ${found ?? 'nothing'}`, remedy: 'npm ci' }];
      }),
      ...complaints.flatMap((complaint) => {
        const [kind = '', what = ''] = complaint.split(/:? /);
        return NODE_PROGRAM.test(what) ? [] : [{ package: what, problem: `is ${kind}`, remedy: 'npm ci' }];
      }),
    ],
  },
];

function when(found: boolean, one: PlacedPackage, problem: string, remedy: string): Finding[] {
  return found ? [{ package: labelOf(one), problem, remedy }] : [];
}

const labelOf = ({ name, version }: PlacedPackage) => `${name}@${version}`;

function versionAt(folder: string): string | undefined {
  try {
    const manifest: { version: string } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return manifest.version;
  } catch {
    return undefined;
  }
}
