import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { isInstalled } from '../../test/support/terminal.ts';
import { program } from '../cli/program.ts';
import { manPages } from './man-pages.ts';
import { commandTree, flatten } from './tree.ts';

const TREE = commandTree(await program());
const PAGES = manPages(TREE, { version: '1.2.3', date: '2026-01-31' });
const hasGroff = await isInstalled('groff');
const hasMandoc = await isInstalled('mandoc');

/** What is read on the page, without the layout. */
async function read(page: string): Promise<string> {
  const input = PAGES.find(({ file }) => file === page)?.text ?? '';
  const { stdout } = await execa('groff', ['-man', '-Tascii', '-P-cbou', '-rLL=1000n'], { input });
  return stdout;
}

test('the package names a page for each command', () => {
  expect(manifest.man.toSorted()).toEqual(PAGES.map(({ file }) => `./man/${file}`).sort());
});

test('every command has examples', () => {
  const without = flatten(TREE).filter(({ words, notes }) => words.at(-1) !== 'help' && !notes);
  expect(without).toEqual([]);
});

describe.runIf(hasGroff)('groff (skipped where there is none)', () => {
  test.each(PAGES)('takes $file', async ({ text }) => {
    const { stderr } = await execa('groff', ['-man', '-ww', '-z', '-Tutf8'], { input: text });
    expect(stderr).toBe('');
  });

  test('what the help of a command says is on its page', async () => {
    const page = await read('svc2ipt-golden-check.1');
    expect(page).toMatch(/SYNOPSIS\n *svc2ipt golden check \[options\] <fixtures-folder> <golden-folder>\n/);
    expect(page).toMatch(
      /\n {7}svc2ipt golden check clusters\/ golden\/|\n {11}svc2ipt golden check clusters/,
    );
  });

  test('what roff would take for its own is printed as it is', async () => {
    const page = await read('svc2ipt-explain.1');
    expect(page).toContain(
      `svc2ipt explain '-A KUBE-SEP-EJERYEAV7XNEU6DK -s 172.17.0.3/32 -m comment --comment "default/simpleservice" -j KUBE-MARK-MASQ'`,
    );
    expect(page).toContain('-o, --output format');
  });
});

describe.runIf(hasMandoc)('mandoc (skipped where there is none)', () => {
  test.each(PAGES)('takes $file', async ({ text }) => {
    const { stdout, exitCode } = await execa('mandoc', ['-T', 'lint', '-W', 'warning'], {
      input: text,
      reject: false,
    });
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 0 });
  });
});
