/** The packages of this project by `npm run audit`, and that it finds what it is there for. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { auditInput } from '../scripts/audit.ts';
import { type AuditInput, CHECKS } from '../scripts/audit-checks.ts';
import type { LockedPackage } from '../scripts/lock-file.ts';
import { PROJECT } from './support/project.ts';

// npm, git and compilers take their time where others work beside them.
vi.setConfig({ testTimeout: 300_000 });

const audit = (args: readonly string[], registry = 'http://127.0.0.1:9/') =>
  execa('node', [join(PROJECT, 'scripts/audit.ts'), ...args], {
    cwd: PROJECT,
    reject: false,
    env: { npm_config_registry: registry },
  });

describe('this project', () => {
  test('has nothing to do, and what was not looked at is said', async () => {
    const { stdout, exitCode } = await audit(['--offline']);
    expect(stdout).toMatch(/no fault is known +SKIPPED: asked for no registry/);
    expect(stdout).not.toContain('->');
    expect(exitCode).toBe(0);
  });

  test('where no registry answers, that is said, and nothing is found', async () => {
    const { stdout, exitCode } = await audit([]);
    expect(stdout).toMatch(/no fault is known +SKIPPED: no answer from a registry: .*ECONNREFUSED/);
    expect(exitCode).toBe(0);
  });

  test('a registry that knows of a fault is believed', async () => {
    const fault = { id: 1, title: 'does it wrong', url: 'https://example.com/1', severity: 'high' };
    const server = createServer((request, answer) => {
      answer.statusCode = request.method === 'POST' ? 200 : 404;
      answer.end(
        JSON.stringify(request.method === 'POST' ? { zod: [{ ...fault, vulnerable_versions: '>=0' }] } : {}),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      // It listens on TCP, so there is a port.
      const { port } = server.address() as AddressInfo;
      const { stdout, exitCode } = await audit([], `http://127.0.0.1:${port}/`);
      expect(stdout).toMatch(/no fault is known +NO: 1/);
      expect(stdout).toMatch(/zod +high: does it wrong, https:\/\/example.com\/1 +-> /);
      expect(exitCode).toBe(1);
    } finally {
      server.close();
    }
  });
});

describe('finds', () => {
  let input: AuditInput;

  beforeAll(async () => {
    input = await auditInput(PROJECT);
  });

  /** What all checks find, once a package of the lock file is otherwise. */
  function findings(path: string, change: Partial<LockedPackage>, rest: Partial<AuditInput> = {}): string[] {
    const { packages } = input.lock;
    const changed = { version: '1.0.0', ...packages[path], ...change };
    const lock = { ...input.lock, packages: { ...packages, [path]: changed } };
    return CHECKS.flatMap((check) => check.find({ ...input, lock, ...rest })).map(
      (one) => `${one.package} ${one.problem} -> ${one.remedy}`,
    );
  }

  const yaml = 'node_modules/yaml';
  const yamlIs = (text: RegExp) => [expect.stringMatching(new RegExp(`^yaml@[\\d.]+ ${text.source} -> .`))];

  test('nothing where nothing is changed', () => expect(findings(yaml, {})).toEqual([]));

  test.each<[string, Partial<LockedPackage>, RegExp]>([
    ['an older kind of hash', { integrity: 'sha1-AAAA' }, /has no sha512/],
    ['an address', { resolved: 'https://registry.example/' }, /names where it was fetched/],
    ['a licence', { license: 'AGPL-3.0' }, /has AGPL-3.0/],
    ['a licence that is for tools', { license: 'MPL-2.0' }, /has MPL-2.0/],
    ['a script', { hasInstallScript: true }, /runs a script when users install it/],
    ['that it is deprecated', { deprecated: 'use another' }, /is deprecated: use another/],
    ['an engine', { engines: { node: '>=25' } }, /wants Node.js >=25, not all from 24.5/],
    ['an engine with an end', { engines: { node: '^22 || ^24' } }, /wants Node.js .*/],
  ])('in a library %s', (_, change, problem) => expect(findings(yaml, change)).toEqual(yamlIs(problem)));

  test.each(['*', '>=24.5', '>= 0.4', '^16 || ^18 || >=20', '>=24'])('nothing in the engine %s', (node) =>
    expect(findings(yaml, { engines: { node } })).toEqual([]),
  );

  test('no licence at all, and not that a tool has it', () => {
    const { license: _, ...without } = input.lock.packages[yaml] ?? { version: '' };
    const lock = { ...input.lock, packages: { ...input.lock.packages, [yaml]: without } };
    expect(findings('node_modules/vitest', {}, { lock })).toEqual([
      expect.stringContaining('has no licence'),
    ]);
    expect(findings('node_modules/vitest', { license: 'MPL-2.0' })).toEqual([]);
  });

  test('a tool with a script that nobody decided, and a decision on nothing', () => {
    expect(findings('node_modules/vitest', { hasInstallScript: true })).toEqual([
      expect.stringMatching(/^vitest@\S+ runs a script .* -> decide it in allowScripts/),
    ]);
    expect(findings(yaml, {}, { allowScripts: { ...input.allowScripts, vitest: true } })).toEqual([
      'vitest has no script to be run -> remove it from allowScripts of package.json',
    ]);
  });

  test('a library in two versions', () => {
    const path = 'node_modules/execa/node_modules/yaml';
    expect(findings(path, { ...input.lock.packages[yaml], version: '1.0.0', optional: true })).toEqual([
      expect.stringMatching(/^yaml is there as 2\S+ and 1.0.0 -> npm dedupe/),
    ]);
  });

  test('what is not installed, or otherwise, or too much', () => {
    expect(findings(yaml, { version: '99.0.0' })).toEqual([
      expect.stringMatching(/^yaml@99.0.0 is there as 2\S+ -> npm ci/),
    ]);
    expect(
      findings(yaml, {}, { complaints: ['extraneous: left-pad@1.3.0 /x/node_modules/left-pad'] }),
    ).toEqual(['left-pad@1.3.0 is extraneous -> npm ci']);
    const absent = { ...input.lock.packages[yaml] };
    expect(findings('node_modules/absent', absent)).toEqual([
      expect.stringMatching(/^absent@\S+ is there as nothing -> npm ci/),
    ]);
    expect(findings('node_modules/absent', { ...absent, optional: true })).toEqual([]);
  });
});
