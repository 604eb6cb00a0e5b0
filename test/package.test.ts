/** What is published: packed as `npm publish` would, looked at, and installed by npm into a project that has nothing. */
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { billOfMaterials } from '../scripts/bill-of-materials.ts';
import { LICENCES } from '../scripts/command-line.ts';
import { printBill } from '../scripts/cyclone-dx.ts';
import { productionPackages, readLockFile } from '../scripts/lock-file.ts';
import { copyCheckout } from './support/checkout-copy.ts';
import { PROJECT } from './support/project.ts';

// npm, git and compilers take their time where others work beside them.
vi.setConfig({ testTimeout: 300_000 });

/** What may be in the package. */
const PUBLISHED = [
  /^dist\/.+\.js$/,
  /^dist\/.+\.d\.ts$/,
  /^dist\/cli\/(package\.json|THIRD-PARTY-LICENSES)$/,
  /^docs\/playground\/index\.html$/,
  /^man\/svc2ipt[\w-]*\.1$/,
  /^schema\/ruleset\.schema\.json$/,
  /^(CHANGELOG\.md|LICENSE|README\.md|package\.json|sbom\.cdx\.json)$/,
];

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly man: readonly string[];
  readonly exports: Readonly<Record<string, unknown>>;
}

let folder: string;
let consumer: string;
let packed: Packed;
let manifest: Manifest;

const inConsumer = (...path: string[]) => join(consumer, ...path);
const paths = () => packed.files.map(({ path }) => path);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-package-'));
  consumer = join(folder, 'consumer');
  packed = await pack(join(folder, 'checkout'));
  await install();
  manifest = JSON.parse(await readFile(inConsumer('node_modules/svc2ipt/package.json'), 'utf8'));
}, 400_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Packs a copy of the checkout. */
async function pack(copy: string): Promise<Packed> {
  await copyCheckout(copy);
  const { stdout } = await execa({ cwd: copy })`npm pack --json --pack-destination ${folder}`;
  const [one]: Packed[] = JSON.parse(stdout.slice(stdout.search(/^\[/m)));
  if (one === undefined) throw new Error('npm packed nothing');
  return one;
}

/** npm, without a network, and with nothing that it has fetched before. */
const npm = (...args: readonly string[]) =>
  execa('npm', [...args, '--offline', '--no-audit', '--cache', join(folder, 'cache')], { cwd: consumer });

/** As a registry would give them, the libraries are there already; npm finds that they are what the package wants. */
async function install(): Promise<void> {
  await mkdir(consumer);
  await writeFile(inConsumer('package.json'), JSON.stringify({ private: true, type: 'module' }));
  for (const { path } of productionPackages(readLockFile(PROJECT))) {
    await cp(join(PROJECT, path), inConsumer(path), { recursive: true });
  }
  await npm('rebuild', '--ignore-scripts');
  await npm('install', join(folder, packed.filename));
}

describe('the package', () => {
  test('holds what runs and what is read, and nothing else', () => {
    const { size, unpackedSize, files } = packed;
    console.log(
      `the package has ${files.length} files, ${size >> 10} KiB packed, ${unpackedSize >> 10} KiB unpacked`,
    );
    expect(paths().filter((path) => !PUBLISHED.some((rule) => rule.test(path)))).toEqual([]);
    expect(paths().filter((path) => /\.test\.|(^|\/)(test|fixtures|bench)\//.test(path))).toEqual([]);
    // A quarter of it, and in the end a third, is the playground.
    expect(size).toBeLessThan(1.4e6);
    expect(unpackedSize).toBeLessThan(5.2e6);
  });

  test('has types only where they can be imported', () => {
    const rooms = new Set(
      paths().flatMap((path) => /^dist\/(?:(\w+)\/.*|index)\.d\.ts$/.exec(path)?.[1] ?? []),
    );
    expect([...rooms].sort()).toEqual([
      'api',
      'chains',
      'compiler',
      'effects',
      'errors',
      'explain',
      'graph',
      'iptables',
      'library',
      'lint',
      'names',
      'net',
      'sources',
      'text',
      'trace',
    ]);
  });

  test('has its bill of materials, which names what npm installs with it', async () => {
    const bill = await readFile(inConsumer('node_modules/svc2ipt/sbom.cdx.json'), 'utf8');
    const own = billOfMaterials(readLockFile(PROJECT));
    expect(bill).toBe(printBill(own));
    const { packages } = JSON.parse(await readFile(inConsumer('package-lock.json'), 'utf8'));
    const installed = Object.keys(packages).filter((path) => !['', 'node_modules/svc2ipt'].includes(path));
    expect(installed.length).toBe(own.components.filter(({ properties }) => !properties).length);
  });

  test('has the licences of the libraries that are in its command line, which the bill names too', async () => {
    const text = await readFile(inConsumer('node_modules/svc2ipt/dist/cli', LICENCES), 'utf8');
    const told = text.split(`\n${'-'.repeat(78)}\n\n`).map((one) => {
      const [, name, version, license] = /^(\S+) (\S+) \(([^()\n]+)\)\n\n.{200}/s.exec(one) ?? [];
      return { name, version, license };
    });
    expect(told.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['commander', 'execa', 'yaml', 'zod']),
    );
    const bill = billOfMaterials(readLockFile(PROJECT)).components.map(
      ({ group, name, version, licenses }) => ({
        name: group === undefined ? name : `${group}/${name}`,
        version,
        license: licenses?.map((one) => ('license' in one ? one.license.id : one.expression)).join(),
      }),
    );
    expect(bill).toEqual(expect.arrayContaining(told));
  });

  test('names neither a machine nor a registry', async () => {
    for (const path of paths()) {
      const text = await readFile(inConsumer('node_modules/svc2ipt', path), 'utf8');
      expect(text.includes(PROJECT), path).toBe(false);
      expect(/registry\.npm|sourceMappingURL/.test(text), path).toBe(false);
    }
  });
});

describe('installed', () => {
  const svc2ipt = (...args: readonly string[]) =>
    execa(inConsumer('node_modules/.bin/svc2ipt'), args, { cwd: PROJECT, stripFinalNewline: false });
  const sample = [
    ...['-f', 'fixtures/sample/objects.yaml', '--config', 'fixtures/sample/config.yaml'],
    ...['--host', 'fixtures/sample/host.yaml'],
  ];

  test('svc2ipt tells its version', async () => {
    expect((await svc2ipt('--version')).stdout.trim()).toBe(readLockFile(PROJECT).version);
  });

  test('kubectl finds the plugin, and what completes it', async () => {
    const bin = (name: string) => inConsumer('node_modules/.bin', name);
    expect((await execa(bin('kubectl-svc2ipt'), ['--help'])).stdout).toContain('Usage: kubectl svc2ipt ');
    expect((await execa(bin('kubectl_complete-svc2ipt'), ['rend'])).stdout).toBe('render\n:4');
  });

  test('svc2ipt render writes the golden text', async () => {
    const { stdout } = await svc2ipt('render', ...sample);
    expect(stdout).toBe(readFileSync(join(PROJECT, 'golden/sample/ipv4.rules'), 'utf8'));
  });

  test('svc2ipt graph finds the scripts of its page', async () => {
    const { stdout } = await svc2ipt('graph', ...sample);
    expect(stdout).toMatch(/^<!doctype html>/i);
  });

  test('svc2ipt graph finds the library that draws, which is not in the command line', async () => {
    expect((await svc2ipt('graph', ...sample, '--output', 'svg')).stdout).toContain('<svg ');
  });

  test.each([['--version'], ['render', ...sample]])('svc2ipt %s keeps what is compiled', async (...args) => {
    const caches = join(folder, `caches-${args[0]}`);
    await mkdir(caches);
    const run = () =>
      execa(inConsumer('node_modules/.bin/svc2ipt'), args, {
        cwd: PROJECT,
        env: { XDG_CACHE_HOME: caches, NODE_COMPILE_CACHE: undefined },
      });
    const { stdout } = await run();
    const kept = (await readdir(caches, { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    expect(kept.length).toBeGreaterThan(3);
    expect((await run()).stdout).toBe(stdout);
  });

  test('a process of its own reads credentials, and is found', async () => {
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, 'apiVersion: v1\nkind: Config\n');
    const args = ['render', '--kubeconfig', kubeconfig];
    const { stderr, exitCode } = await execa(inConsumer('node_modules/.bin/svc2ipt'), args, {
      reject: false,
    });
    expect({ stderr, exitCode }).toEqual({
      stderr: expect.stringContaining(`${kubeconfig}: names no cluster`),
      exitCode: 2,
    });
  });

  test('npm links the manual pages where man looks for them', async () => {
    await npm('install', '--global', '--prefix', join(folder, 'prefix'), './node_modules/svc2ipt');
    expect(manifest.man.length).toBeGreaterThan(10);
    expect(manifest.man.map((page) => page.slice(2)).sort()).toEqual(
      paths()
        .filter((path) => path.startsWith('man/'))
        .sort(),
    );
    for (const page of manifest.man) {
      const file = join(folder, 'prefix/share/man/man1', page.replace('./man/', ''));
      expect(await readFile(file, 'utf8')).toContain(`svc2ipt ${manifest.version}`);
    }
  });

  describe('imported', () => {
    const run = async (source: string) => {
      await writeFile(inConsumer('consumer.js'), source);
      return await execa({ cwd: consumer, reject: false, all: true })`node consumer.js`;
    };

    test('it compiles', async () => {
      const { stdout } = await run(`
        import { readFileSync } from 'node:fs';
        import * as svc2ipt from 'svc2ipt';
        const read = (name) => ({ name, text: readFileSync(${JSON.stringify(join(PROJECT, 'fixtures/sample'))} + '/' + name, 'utf8') });
        const { kubeProxy } = svc2ipt.parseConfiguration(read('config.yaml'));
        const options = { serviceRanges: svc2ipt.DEFAULT_SERVICE_RANGES, strict: false };
        const { cluster, nodes } = svc2ipt.loadCluster([read('objects.yaml')], options);
        const { hostnameOverride } = kubeProxy;
        const node = svc2ipt.resolveNode({ flags: {}, host: svc2ipt.parseHost(read('host.yaml')), hostnameOverride, nodes });
        const compiled = svc2ipt.compile(cluster, node, svc2ipt.compileOptions('ipv4', kubeProxy, node));
        process.stdout.write(svc2ipt.printRuleset(compiled));
      `);
      expect(`${stdout}\n`).toBe(readFileSync(join(PROJECT, 'golden/sample/ipv4.rules'), 'utf8'));
    });

    test('everything that it exports is there', async () => {
      for (const name of Object.keys(manifest.exports)) {
        const attributes = name.endsWith('.json') ? " with { type: 'json' }" : '';
        const { all, exitCode } = await run(
          `import * as one from 'svc2ipt${name.slice(1)}'${attributes}; console.log(Object.keys(one).length > 0);`,
        );
        expect({ name, all, exitCode }).toEqual({ name, all: 'true', exitCode: 0 });
      }
    });

    test('it answers in one call, also without options', async () => {
      const { all } = await run(`
        import { loadCluster, printRuleset, render } from 'svc2ipt';
        console.log(loadCluster([{ name: 'a', text: '' }]).cluster.services.size);
        console.log(printRuleset(render({ manifests: '' }).ruleset).split('\\n')[0]);
      `);
      expect(all).toBe('0\n*filter');
    });

    test.each([
      ["import { printRuleset } from 'svc2ipt/iptables'", 5e3],
      ["import { printRuleset } from 'svc2ipt'", 5e3],
      ["import { simulate } from 'svc2ipt/iptables'", 20e3],
    ])('bundled, %s brings no more than it needs', async (statement, most) => {
      const [, name] = /\{ (\w+) \}/.exec(statement) ?? [];
      await writeFile(inConsumer('use.js'), `${statement};\nglobalThis.used = ${name};\n`);
      const bundle = await rolldown({ cwd: consumer, input: './use.js', platform: 'browser' });
      const { output } = await bundle.generate({ minify: true });
      const [{ code, moduleIds }] = output;
      console.log(`${statement}: ${code.length} bytes`);
      expect(moduleIds.filter((id) => /node_modules\/(zod|yaml)\//.test(id))).toEqual([]);
      expect(code.length).toBeLessThan(most);
    });

    test.each(['dist/index.js', 'dist/cli/main.js', 'dist/compiler/compile.js', 'sbom.cdx.json'])(
      'and %s is not for others',
      async (path) =>
        expect((await run(`import 'svc2ipt/${path}';`)).all).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED'),
    );
  });

  describe.each([
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'preserve', moduleResolution: 'bundler' },
  ])('with types, for $moduleResolution', (resolution) => {
    /**
     * Strict, and with every declaration checked. Types of Node.js are not there, though they come with a library: not
     * every installer puts those where TypeScript finds them. zod's declarations need a URL, so there is the web's.
     */
    const compilerOptions = {
      ...resolution,
      ...{ target: 'es2025', lib: ['es2025', 'dom'], types: [], noEmit: true },
      ...{
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
      },
    };

    const use = `
      import { compile, compileOptions, DEFAULT_CONFIGURATION, DEFAULT_SERVICE_RANGES, loadCluster, printRuleset, resolveNode, simulate, type Ruleset } from 'svc2ipt';
      const { cluster, nodes } = loadCluster([{ name: 'a', text: '' }], { serviceRanges: DEFAULT_SERVICE_RANGES, strict: false });
      const node = resolveNode({ flags: { name: 'a' }, host: {}, hostnameOverride: undefined, nodes });
      const compiled: Ruleset = compile(cluster, node, compileOptions('ipv4', DEFAULT_CONFIGURATION, node));
      export const text: string = printRuleset(compiled);
      export { simulate };
    `;

    const WRONG = [
      ['a family that there is not', `compileOptions('ipv5', DEFAULT_CONFIGURATION, node);`, 'TS2345'],
      ['a text taken for a number', 'export const n: number = printRuleset(compiled);', 'TS2322'],
      ['a ruleset that is changed', `compiled.tables = [];`, 'TS2540'],
      ['a field that there is not', 'cluster.pods;', 'TS2339'],
      ['an argument too few', 'compile(cluster, node);', 'TS2554'],
      ['a function that there is not', `import { draw } from 'svc2ipt'; draw();`, 'TS2305'],
      ['a file that is not exported', `import 'svc2ipt/dist/index.js';`, 'TS2882'],
    ] as const;

    let errors: readonly string[];

    beforeAll(async () => {
      await rm(inConsumer('node_modules/@types'), { recursive: true, force: true });
      const sources = [use, ...WRONG.map(([, wrong]) => `${use}\n${wrong}`)];
      const files = sources.map((_, i) => `use${i}.ts`);
      for (const [i, source] of sources.entries()) await writeFile(inConsumer(`use${i}.ts`), source);
      await writeFile(inConsumer('tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      const tsc = join(PROJECT, 'node_modules/.bin/tsc');
      errors = (await execa({ cwd: consumer, reject: false, lines: true })`${tsc}`).stdout;
    }, 300_000);

    test('a right use is right, and nothing is wrong in any declaration', () => {
      expect(errors.filter((line) => !/^use[1-9]/.test(line))).toEqual([]);
    });

    test.each(WRONG.map(([what, , code], i) => [what, `use${i + 1}.ts`, code]))(
      '%s is an error',
      (_, file, code) => {
        const found = errors.filter((line) => line.startsWith(file));
        expect(found).toEqual([expect.stringContaining(`error ${code}`)]);
      },
    );
  });
});
