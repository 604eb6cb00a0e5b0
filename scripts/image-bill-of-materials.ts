/**
 * Writes the bill of materials of an image: `node scripts/image-bill-of-materials.ts ROOT`, on the Node.js that the
 * image has, when all else is in ROOT. It is that of the program, with what else the image holds: the packages of its
 * distribution, and Node.js. Only what comes with Node.js is used here, as nothing else is there in `docker build`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { type BillOfMaterials, billOf, type Component, licenses, printBill } from './cyclone-dx.ts';

/** Where it is in the image. */
export const IMAGE_BILL = 'usr/share/sbom/svc2ipt.cdx.json';

/**
 * What is in an image.
 * @param root the folder that becomes its root
 * @param node the Node.js in it: its version, and where its program is
 */
export function imageBillOfMaterials(
  root: string,
  node: { readonly version: string; readonly path: string },
): BillOfMaterials {
  const program: BillOfMaterials = JSON.parse(readFileSync(join(root, 'opt/svc2ipt/sbom.cdx.json'), 'utf8'));
  // What only compilers read is published, and not in the image.
  const libraries = program.components.filter(({ group, name }) =>
    existsSync(join(root, 'opt/svc2ipt/node_modules', group ?? '', name)),
  );
  const ours = program.metadata.component;
  const refs = new Set([ours, ...libraries].map((one) => one['bom-ref']));
  const system = systemComponents(root);
  const nodejs = nodeComponent(node);
  const { purl: _, ...named } = ours;
  const ref = `${ours['bom-ref']}#image`;
  const needed = [ours, nodejs, ...system].map((one) => one['bom-ref']);
  return billOf({
    component: { ...named, type: 'container', 'bom-ref': ref },
    components: [ours, ...libraries, nodejs, ...system],
    dependencies: [
      { ref, dependsOn: needed },
      ...program.dependencies
        .filter((one) => refs.has(one.ref))
        .map((one) => ({ ref: one.ref, dependsOn: one.dependsOn.filter((each) => refs.has(each)) })),
    ],
  });
}

/** The Node.js whose program is in a file. */
export function nodeComponent({ version, path }: { version: string; path: string }): Component {
  const purl = `pkg:generic/node@${version}`;
  return {
    type: 'application',
    'bom-ref': purl,
    name: 'node',
    version,
    hashes: [{ alg: 'SHA-512', content: createHash('sha512').update(readFileSync(path)).digest('hex') }],
    licenses: licenses('MIT'),
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl,
  };
}

/** The distribution, and its packages as docker/collect tells them. Their licences stand in /usr/share/doc. */
function systemComponents(root: string): Component[] {
  const {
    ID = 'linux',
    VERSION_ID = '',
    NAME = ID,
  } = parseEnv(readFileSync(join(root, 'etc/os-release'), 'utf8'));
  const distribution: Component = {
    type: 'operating-system',
    'bom-ref': `${ID}-${VERSION_ID}`,
    name: NAME,
    version: VERSION_ID,
  };
  const folder = join(root, 'var/lib/dpkg/status.d');
  const packages = readdirSync(folder)
    .sort()
    .map((file): Component => {
      const field = fieldsOf(readFileSync(join(folder, file), 'utf8'));
      const version = field('Version');
      // Distributions tell of known faults by the source, where that has another name.
      const [, source = field('Package')] = /^(\S+)/.exec(field('Source')) ?? [];
      const qualifiers = new URLSearchParams({ arch: field('Architecture'), distro: `${ID}-${VERSION_ID}` });
      if (source !== field('Package')) qualifiers.set('upstream', source);
      const purl = `pkg:deb/${ID}/${encodeURIComponent(field('Package'))}@${encodeURIComponent(version)}?${qualifiers}`;
      return { type: 'library', 'bom-ref': purl, name: field('Package'), version, purl };
    });
  return [distribution, ...packages];
}

/** The fields of a paragraph as dpkg writes it, by their names; none is ''. */
function fieldsOf(paragraph: string): (name: string) => string {
  return (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
}

if (import.meta.main) {
  const [root] = process.argv.slice(2);
  if (root === undefined) throw new Error('usage: node scripts/image-bill-of-materials.ts ROOT');
  const path = join(root, realpathSync(process.execPath));
  const bill = imageBillOfMaterials(root, { version: process.versions.node, path });
  const file = join(root, IMAGE_BILL);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, printBill(bill));
}
