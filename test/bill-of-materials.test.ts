/** The bills of materials: valid by CycloneDX's schema, complete, the same each time, and without addresses. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { billOfMaterials } from '../scripts/bill-of-materials.ts';
import { type BillOfMaterials, printBill } from '../scripts/cyclone-dx.ts';
import { imageBillOfMaterials } from '../scripts/image-bill-of-materials.ts';
import { type LockFile, readLockFile } from '../scripts/lock-file.ts';
import { playgroundPackages } from '../scripts/playground-page.ts';
import { problemsOfBill } from './support/bill-of-materials-schema.ts';
import { PROJECT } from './support/project.ts';

const LOCK = readLockFile(PROJECT);
const OWN = `pkg:npm/svc2ipt@${LOCK.version}`;
const BILL = billOfMaterials(LOCK);

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What Node.js can get at from the project, by walking from package to package: paths in the lock file. */
function reachable({ packages }: LockFile): Set<string> {
  const seen = new Set<string>();
  const waiting = [{ from: '', names: Object.keys(packages['']?.dependencies ?? {}) }];
  for (const { from, names } of waiting) {
    for (const name of names) {
      const folders = [...from.matchAll(/(?<=^|\/)node_modules\/(?:@[^/]+\/)?[^/]+/g)].map(
        ({ index, 0: text }) => `${from.slice(0, index)}${text}/`,
      );
      const path = [...folders.reverse(), '']
        .map((at) => `${at}node_modules/${name}`)
        .find((at) => packages[at]);
      if (path === undefined || seen.has(path)) continue;
      seen.add(path);
      const { dependencies, optionalDependencies } = packages[path] ?? {};
      waiting.push({ from: path, names: Object.keys({ ...dependencies, ...optionalDependencies }) });
    }
  }
  return seen;
}

function fullName({ group, name }: { readonly group?: string | undefined; readonly name: string }): string {
  return group === undefined ? name : `${group}/${name}`;
}

describe('of the package', () => {
  test('is valid', async () => expect(await problemsOfBill(printBill(BILL))).toEqual([]));

  test('and what is not valid is found', async () => {
    const [first] = BILL.components;
    const broken = { ...BILL, components: [{ ...first, type: 'thing' }, first] };
    expect(await problemsOfBill(JSON.stringify(broken))).not.toEqual([]);
  });

  test('names every package that users install, with its version, its licence and its hash, and no other', () => {
    // The page's own are told below.
    const wanted = [...reachable(LOCK)].map((path) => {
      const { version, license, integrity = '' } = LOCK.packages[path] ?? {};
      const [algorithm, digest = ''] = integrity.split('-');
      expect(algorithm).toBe('sha512');
      return {
        name: path.split('node_modules/').at(-1),
        version,
        licenses: [{ license: { id: license } }],
        hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
      };
    });
    const installed = BILL.components.filter(({ properties }) => properties === undefined);
    const told = installed.map(({ group, name, version, licenses, hashes }) => ({
      name: fullName({ group, name }),
      version,
      licenses,
      hashes,
    }));
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
      String(a.name) < String(b.name) ? -1 : 1;
    expect(told.sort(byName)).toEqual(wanted.sort(byName));
    expect(told.length).toBeGreaterThan(50);
  });

  test('names every package in the page of the playground as one that is bundled, or as one that is installed', async () => {
    const inPage = await playgroundPackages();
    const bundled = new Map(
      BILL.components.map(({ group, name, version, properties }) => [
        `${fullName({ group, name })} ${version}`,
        properties !== undefined,
      ]),
    );
    const told = inPage.map(({ name, version, dev }) => [
      name,
      dev === true,
      bundled.get(`${name} ${version}`),
    ]);
    expect(told.length).toBeGreaterThan(15);
    expect(told).toEqual(told.map(([name, dev]) => [name, dev, dev]));
  });

  test('is of an application, by its version', () => {
    expect(BILL.metadata.component).toMatchObject({ type: 'application', name: 'svc2ipt', purl: OWN });
  });

  test('tells for each package what it needs', () => {
    const { dependencies = {} } = LOCK.packages[''] ?? {};
    const [own] = BILL.dependencies;
    const inPage = BILL.components.flatMap(({ properties, ...one }) => (properties ? [fullName(one)] : []));
    const version = (name: string) => LOCK.packages[`node_modules/${name}`]?.version;
    expect(own).toEqual({
      ref: OWN,
      dependsOn: [...Object.keys(dependencies), ...inPage]
        .map((name) => `pkg:npm/${name.replace('@', '%40')}@${version(name)}`)
        .sort(),
    });
    const refs = new Set([OWN, ...BILL.components.map((one) => one['bom-ref'])]);
    expect(new Set(BILL.dependencies.map(({ ref }) => ref))).toEqual(refs);
    expect(refs).toEqual(new Set(BILL.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn])));
  });

  test('a package in two places: each user has its own version', () => {
    const entry = { license: 'MIT', integrity: 'sha512-AAAA' };
    const { components, dependencies } = billOfMaterials({
      name: 'x',
      version: '1.0.0',
      packages: {
        '': { version: '1.0.0', license: 'MIT', dependencies: { a: '*', b: '*' } },
        'node_modules/a': { ...entry, version: '1.0.0' },
        'node_modules/b': { ...entry, version: '2.0.0', dependencies: { a: '*', c: '*' } },
        'node_modules/b/node_modules/a': { ...entry, version: '3.0.0', dependencies: { c: '*' } },
        'node_modules/c': { ...entry, version: '4.0.0', license: 'MIT OR ISC', optional: true },
        'node_modules/d': { ...entry, version: '5.0.0', dev: true },
      },
    });
    expect(Object.fromEntries(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))).toEqual({
      'pkg:npm/x@1.0.0': ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
      'pkg:npm/a@1.0.0': [],
      'pkg:npm/b@2.0.0': ['pkg:npm/a@3.0.0', 'pkg:npm/c@4.0.0'],
      'pkg:npm/a@3.0.0': ['pkg:npm/c@4.0.0'],
      'pkg:npm/c@4.0.0': [],
    });
    expect(components.find(({ name }) => name === 'c')).toMatchObject({
      scope: 'optional',
      licenses: [{ expression: 'MIT OR ISC' }],
    });
  });

  test('is the same each time, with a time only where one is told', () => {
    expect(printBill(billOfMaterials(LOCK))).toBe(printBill(BILL));
    expect(BILL.metadata).not.toHaveProperty('timestamp');
    vi.stubEnv('SOURCE_DATE_EPOCH', '86400');
    const timed = billOfMaterials(LOCK);
    expect(timed.metadata.timestamp).toBe('1970-01-02T00:00:00.000Z');
    expect(timed.serialNumber).not.toBe(BILL.serialNumber);
    expect(billOfMaterials({ ...LOCK, version: '99.0.0' }).serialNumber).not.toBe(timed.serialNumber);
  });

  test('has no address in it but that of its schema, so none of a registry', () => {
    expect(printBill(BILL).match(/https?:[^"]*/g)).toEqual([BILL.$schema]);
  });
});

describe('of the image', () => {
  let root: string;
  let bill: BillOfMaterials;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'svc2ipt-image-'));
    const files = {
      'opt/svc2ipt/sbom.cdx.json': printBill(BILL),
      'opt/svc2ipt/node_modules/zod/package.json': '{}',
      'opt/svc2ipt/node_modules/@kubernetes/client-node/package.json': '{}',
      'etc/os-release': 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\n',
      'var/lib/dpkg/status.d/libstdc++6':
        'Package: libstdc++6\nArchitecture: amd64\nSource: gcc-14 (14.2.0-1)\nVersion: 14.2.0-19+b1\n',
      'var/lib/dpkg/status.d/iptables': 'Package: iptables\nArchitecture: amd64\nVersion: 1:1.8.11-2\n',
    };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    bill = imageBillOfMaterials(root, { version: process.versions.node, path: process.execPath });
  });

  afterAll(() => rm(root, { recursive: true, force: true }));

  test('is valid', async () => expect(await problemsOfBill(printBill(bill))).toEqual([]));

  test('names the program with the libraries that are there, Node.js, the distribution and its packages', () => {
    const purl = (name: string) => BILL.components.find((one) => one.name === name)?.purl;
    expect(bill.metadata.component).toMatchObject({ type: 'container', version: LOCK.version });
    expect(bill.components.map((one) => one.purl ?? one['bom-ref'])).toEqual([
      OWN,
      purl('client-node'),
      purl('zod'),
      `pkg:generic/node@${process.versions.node}`,
      'debian-13',
      'pkg:deb/debian/iptables@1%3A1.8.11-2?arch=amd64&distro=debian-13',
      'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19%2Bb1?arch=amd64&distro=debian-13&upstream=gcc-14',
    ]);
  });

  test('tells nothing of what is not there', () => {
    const refs = new Set([bill.metadata.component, ...bill.components].map((one) => one['bom-ref']));
    for (const { ref, dependsOn } of bill.dependencies) {
      for (const each of [ref, ...dependsOn]) expect(refs).toContain(each);
    }
  });
});
