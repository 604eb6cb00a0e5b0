/** Whose folder compiled code is kept in: never one that somebody else may fill. */
import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cacheFolder } from './compile-cache.ts';

const USER = process.geteuid?.() ?? 0;
const NO_ENVIRONMENT = { XDG_CACHE_HOME: undefined };

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'svc2ipt-home-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

describe('compiled code is kept', () => {
  test("in the user's cache folder, which is made for nobody else", async () => {
    const folder = cacheFolder(NO_ENVIRONMENT, home, USER);
    expect(folder).toBe(join(home, '.cache/svc2ipt'));
    expect((await stat(folder ?? '')).mode & 0o777).toBe(0o700);
    expect(cacheFolder(NO_ENVIRONMENT, home, USER)).toBe(folder);
  });

  test('in $XDG_CACHE_HOME where that is a path', async () => {
    const caches = join(home, 'caches');
    await mkdir(caches);
    expect(cacheFolder({ XDG_CACHE_HOME: caches }, '/nowhere', USER)).toBe(join(caches, 'svc2ipt'));
    expect(cacheFolder({ XDG_CACHE_HOME: 'caches' }, home, USER)).toBe(join(home, '.cache/svc2ipt'));
  });
});

describe('and nowhere', () => {
  const nowhere = () => expect(cacheFolder(NO_ENVIRONMENT, home, USER)).toBeUndefined();

  test("where the home folder is another user's, as with sudo; nothing is made there", async () => {
    expect(cacheFolder(NO_ENVIRONMENT, home, USER + 1)).toBeUndefined();
    await expect(stat(join(home, '.cache'))).rejects.toThrow('ENOENT');
  });

  test('where there is no home folder, or one that is a file', () => {
    expect(cacheFolder(NO_ENVIRONMENT, join(home, 'none'), USER)).toBeUndefined();
    expect(cacheFolder(NO_ENVIRONMENT, process.execPath, USER)).toBeUndefined();
  });

  test.each([0o770, 0o707])('where others may write: %o', async (mode) => {
    await mkdir(join(home, '.cache/svc2ipt'), { recursive: true });
    await chmod(join(home, '.cache/svc2ipt'), mode);
    nowhere();
  });

  test('where the folder is a link', async () => {
    await mkdir(join(home, '.cache'));
    await symlink(tmpdir(), join(home, '.cache/svc2ipt'));
    nowhere();
  });

  test.skipIf(USER !== 0)("where the folder is another user's", async () => {
    await mkdir(join(home, '.cache/svc2ipt'), { recursive: true });
    await chown(join(home, '.cache/svc2ipt'), 65534, 65534);
    nowhere();
  });
});

test('what waits for what never comes has failed', async () => {
  const run = (script: string) =>
    execa(process.execPath, ['--input-type=module', '--eval', script], { reject: false });
  const expectEnd = `import { expectEnd } from '${import.meta.dirname}/run.ts'; const ended = expectEnd();`;
  expect(await run(`${expectEnd} new Promise(() => {}).then(ended);`)).toMatchObject({ exitCode: 2 });
  expect(await run(`${expectEnd} Promise.resolve().then(ended);`)).toMatchObject({ exitCode: 0 });
});
