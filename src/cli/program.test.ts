/** Which commands there are, and what is loaded before one of them runs. */
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { program, programFor } from './program.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

/** A busy machine starts processes slowly. */
const PROCESSES = { concurrent: true, timeout: 300_000 } as const;

const namesOf = ({ commands }: Awaited<ReturnType<typeof program>>) => commands.map((one) => one.name());
const ALL = namesOf(await program());

test.each(ALL)('%s is what its name calls, and all that it loads', async (name) => {
  expect(namesOf(await programFor([name, '--help']))).toEqual([name]);
});

test.each<[string, ...string[]]>([
  ['nothing'],
  ['help for all', '--help'],
  ['help for one', 'help', 'trace'],
  ['no command', 'constructor'],
  ['an unknown option', '--from', 'trace'],
])('%s: every command', async (_, ...words) => {
  expect(namesOf(await programFor(words))).toEqual(ALL);
});

describe('what is loaded', PROCESSES, () => {
  /** Writes the address of each module to standard error, as it is loaded. */
  const TELLS = `
    import { registerHooks } from 'node:module';
    import { writeSync } from 'node:fs';
    registerHooks({ load(url, context, next) { writeSync(2, url + '\\n'); return next(url, context); } });`;

  async function loaded(...words: readonly string[]): Promise<string[]> {
    const hook = `data:text/javascript,${encodeURIComponent(TELLS)}`;
    const { stderr } = await execa(process.execPath, ['--import', hook, MAIN, ...words]);
    return stderr.split('\n').filter((url) => url.startsWith('file:'));
  }

  const packagesOf = (urls: readonly string[]) => [
    ...new Set(urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])),
  ];

  test.each([['--version'], ['--help']])(
    '%s: no library but commander, and nothing of what commands do',
    async (option) => {
      const urls = await loaded(option);
      expect(packagesOf(urls)).toEqual(['commander']);
      expect(
        urls.filter((url) => /\/src\/(compiler|sources|applier|trace|explain|lint|graph)\//.test(url)),
      ).toEqual([]);
    },
  );

  test('for the version, no command at all', async () => {
    expect((await loaded('--version')).filter((url) => url.includes('/commands/'))).toEqual([]);
  });

  test('a command that runs loads its own libraries', async () => {
    expect(
      packagesOf(
        await loaded('lint', '--filename', join(import.meta.dirname, '../../fixtures/sample/objects.yaml')),
      ),
    ).toContain('zod');
  });
});
