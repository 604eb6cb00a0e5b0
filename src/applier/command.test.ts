/** Programs that fail, each in its way: real ones, made for it. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandError } from '../errors/command-error.ts';
import { OperationalError } from '../errors/operational-error.ts';
import { startByNode } from './child.ts';
import { type CommandLimits, limitCommands, run, runStreaming } from './command.ts';
import { openPosixSpawn } from './posix-spawn.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'svc2ipt-command-'));
  await writeFile(join(folder, 'not-executable'), '#!/bin/sh\n');
  await writeFile(join(folder, 'no-program'), '\x7fELF of another machine');
  await chmod(join(folder, 'no-program'), 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

const sh = (script: string) => ['/bin/sh', '-c', script];

const BY_HAND = 'run it by hand as the same user to find out why';

const byLibrary = await openPosixSpawn();
if (!byLibrary) throw new Error('this Node.js has no node:ffi');

describe.each([
  ['Node.js', startByNode],
  ['the C library', byLibrary],
])('started by %s', (_, start) => {
  const limit = (other: Partial<CommandLimits>) =>
    limitCommands({ patience: 600, ownGroups: false, start, ...other });
  beforeAll(() => limit({}));
  afterAll(() => limitCommands({ patience: 600, ownGroups: false }));

  describe('a program that fails', () => {
    test.each<[string, readonly string[], Partial<CommandError>, string]>([
      [
        'with unknown words',
        sh('echo Invalid argument >&2; exit 4'),
        { exitCode: 4, stderr: 'Invalid argument', interrupted: false },
        `ended with exit code 4: Invalid argument\n${BY_HAND}`,
      ],
      [
        'without a word',
        sh('exit 77'),
        { exitCode: 77 },
        `ended with exit code 77 and said nothing\n${BY_HAND}`,
      ],
      [
        'with words where they do not belong',
        sh('echo out of cheese; exit 1'),
        { exitCode: 1, stderr: '' },
        `ended with exit code 1: out of cheese\n${BY_HAND}`,
      ],
      [
        'with control characters',
        sh(String.raw`printf '\033[2Jgone\a\0\377' >&2; exit 1`),
        { exitCode: 1 },
        `ended with exit code 1: \\u001b[2Jgone\\u0007\\u0000\ufffd\n${BY_HAND}`,
      ],
      [
        'with megabytes of words',
        sh('head -c 3000000 /dev/zero | tr "\\0" x >&2; exit 3'),
        { exitCode: 3, interrupted: false },
        `ended with exit code 3: ${'x'.repeat(700)} ... (3000000 characters)\n${BY_HAND}`,
      ],
      [
        'without an end of words',
        sh('exec yes >&2'),
        { exitCode: undefined, interrupted: true },
        `printed without end, and was stopped: ${'y\n'.repeat(8).trim()} ... (10000000 characters)\n${BY_HAND}`,
      ],
      [
        'killed',
        sh('kill -KILL $$'),
        { exitCode: undefined, interrupted: true },
        'was killed by SIGKILL\nif nobody killed it, memory may have run out (see dmesg): try again',
      ],
      [
        'by a crash, with words',
        sh('echo assertion >&2; kill -SEGV $$'),
        { exitCode: undefined, interrupted: true },
        'was killed by SIGSEGV: assertion\nit crashed: check whether it is damaged, or install another version',
      ],
      [
        'as it is not there',
        ['svc2ipt-no-such-program'],
        { exitCode: undefined, code: 'ENOENT', interrupted: false },
        'cannot be run: no such program (ENOENT)\ninstall it, or add its folder to PATH',
      ],
      [
        'as it may not be run',
        ['FOLDER/not-executable'],
        { code: 'EACCES', interrupted: false },
        'cannot be run: permission denied (EACCES)\nrun as root, or make the file executable (chmod +x, mount without noexec)',
      ],
      [
        'as it is told too much',
        ['/bin/sh', 'x'.repeat(3_000_000)],
        { code: 'E2BIG' },
        'cannot be run: its arguments and environment are too long for the system (E2BIG)\nrun svc2ipt with fewer or shorter environment variables',
      ],
      [
        'as its name is none',
        ['a\u0000b'],
        { code: 'ERR_INVALID_ARG_VALUE' },
        `cannot be run: the system refused (ERR_INVALID_ARG_VALUE)\n${BY_HAND}`,
      ],
    ])('%s', async (_, given, known, ending) => {
      const command = given.map((word) => word.replace('FOLDER', folder));
      const error: unknown = await run(command).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(CommandError);
      expect(error).toBeInstanceOf(OperationalError);
      expect(error).toMatchObject({ name: 'CommandError', command, ...known });
      const { message } = error as CommandError;
      expect(message.slice(message.lastIndexOf(ending))).toBe(ending);
      expect(message.length).toBeLessThan(2000);
      expect(message).not.toMatch(/[^\P{C}\n]/u);
    });

    test('tells no less where its output is read while it comes', async () => {
      const chunks: string[] = [];
      const failing = sh('echo one; echo Invalid argument >&2; exit 4');
      await expect(runStreaming(failing, (text) => chunks.push(text))).rejects.toMatchObject({
        name: 'CommandError',
        exitCode: 4,
        stderr: 'Invalid argument',
        message: expect.stringMatching(/ ended with exit code 4: Invalid argument\nrun it by hand/),
      });
      expect(chunks.join('')).toBe('one\n');
    });

    test('that waits for ever', async () => {
      await expect(run(sh('exec sleep 60'), { patience: 0.1 })).rejects.toMatchObject({
        exitCode: undefined,
        interrupted: true,
        message:
          '/bin/sh -c exec sleep 60 did not end within 0.1 s, and was stopped\n' +
          'find out what delays it (run it by hand; dmesg, top), then try again',
      });
    });

    test('before it has read what it was given', async () => {
      const input = Array<string>(50).fill('x'.repeat(100_000));
      await expect(run(sh('echo no >&2; exit 2'), { input })).rejects.toMatchObject({
        exitCode: 2,
        stderr: 'no',
      });
    });
  });

  describe('where each has a group of its own', () => {
    beforeAll(() => limit({ patience: 0.5, ownGroups: true }));
    afterAll(() => limit({}));

    test.each([
      ['run', (command: readonly string[]) => run(command)],
      ['runStreaming', (command: readonly string[]) => runStreaming(command, () => {})],
    ])('%s ends a program that takes too long, and all that it has started', async (_, start) => {
      const started = join(folder, 'started');
      // The child has the output open, too: whoever killed the parent alone would wait for it.
      const script = sh(`trap '' TERM; sleep 60 & echo $! >'${started}'; wait`);
      await expect(start(script)).rejects.toThrow(/ did not end within 0\.5 s, and was stopped\n/);
      const pid = Number(await readFile(started, 'utf8'));
      // A zombie until whoever has inherited it asks for it.
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => `${pid} (sleep) X`);
      expect(state).toMatch(/\(sleep\) [ZX]/);
    });
  });

  describe('where programs are to end', () => {
    const stop = new AbortController();
    beforeAll(() => limit({ ownGroups: true, ended: stop.signal }));
    afterAll(() => limit({}));

    test('those that run are stopped with all that they have started, and no other begins', async () => {
      const started = join(folder, 'to-end');
      const hanging = run(sh(`trap '' TERM; sleep 60 & echo $! >'${started}'; wait`));
      const streaming = runStreaming(
        sh(`until [ -s '${started}' ]; do sleep 0.01; done; echo on; sleep 60`),
        () => stop.abort(),
      );
      const telling = /still ran when svc2ipt ended, and was stopped(: on)?\nstart svc2ipt again/;
      // Which of them ends first is chance.
      await Promise.all([
        expect(streaming).rejects.toMatchObject({
          interrupted: true,
          message: expect.stringMatching(telling),
        }),
        expect(hanging).rejects.toThrow(telling),
      ]);
      const unbegun = join(folder, 'unbegun');
      await expect(run(sh(`echo >'${unbegun}'; sleep 60`))).rejects.toThrow(telling);
      await expect(readFile(unbegun)).rejects.toThrow('ENOENT');
      const pid = Number(await readFile(started, 'utf8'));
      const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '(sleep) X');
      expect(state).toMatch(/\(sleep\) [ZX]/);
    });
  });

  test('a program begins with no signal ignored or blocked, in a folder that is there, in English', async () => {
    const { stdout } = await run(sh('grep -E "Sig(Ign|Blk)" /proc/self/status; pwd; echo $LC_ALL'));
    const none = '0000000000000000';
    expect(stdout).toBe(`SigBlk:\t${none}\nSigIgn:\t${none}\n/\nC\n`);
  });

  test('it has no file open that we talk to another by', async () => {
    const listed = async () => (await run(['ls', '/proc/self/fd'])).stdout;
    const alone = await listed();
    const listing = Promise.withResolvers<void>();
    let beside = '';
    const other = function* () {
      yield 'one';
      void listed().then((files) => {
        beside = files;
        listing.resolve();
      });
    };
    await run(sh('cat; sleep 0.2'), { input: other() });
    await listing.promise;
    expect(beside).toBe(alone);
  });

  test.each([
    [false, 'ours'],
    [true, 'its own'],
  ])('its process group, where each has its own: %s', async (ownGroups, expected) => {
    limit({ ownGroups });
    let pid: number | undefined;
    // proc_pid_stat(5): the process, its name, state, parent, and group.
    const { stdout } = await run(['cat', '/proc/self/stat'], { started: (started) => (pid = started) });
    const [own, , , , group] = stdout.split(' ').map(Number);
    expect(own).toBe(pid);
    expect(group === pid ? 'its own' : 'ours').toBe(expected);
    limit({});
  });

  test('it may go on when it has closed its output', async () => {
    const command = sh('exec >&- 2>&-; sleep 0.2; exit 3');
    await expect(run(command)).rejects.toMatchObject({ exitCode: 3, interrupted: false });
  });

  test('it reads all that it is given, and all that it prints is read', async () => {
    const input = Array<string>(3000).fill(`${'ä'.repeat(499)}\n`);
    const { stdout } = await run(['cat'], { input });
    expect(stdout === input.join('')).toBe(true);
  });

  test('it is stopped where that is asked for while it begins', async () => {
    const stop = new AbortController();
    const streaming = runStreaming(sh('exec sleep 60'), () => {}, stop.signal);
    stop.abort();
    await expect(streaming).rejects.toThrow(/still ran when svc2ipt ended, and was stopped/);
  });

  test('a fault of whoever reads its output stays what it is, and ends it', async () => {
    const command = sh('echo on; exec sleep 60');
    const reader = () => {
      throw new RangeError('a fault');
    };
    await expect(runStreaming(command, reader)).rejects.toThrow(new RangeError('a fault'));
  });

  test('a program that ends well when it is stopped has been given up all the same', async () => {
    const stop = new AbortController();
    // A signal may come before `sleep` has begun, and be lost: then it must not hold the output for a minute.
    const command = sh("trap 'kill $!; exit 0' TERM; sleep 60 >/dev/null 2>&1 & echo on; wait");
    await expect(runStreaming(command, () => stop.abort(), stop.signal)).rejects.toThrow(
      /still ran when svc2ipt ended, and was stopped/,
    );
  });

  test('a fault of whoever asked stays what it is', async () => {
    const input = {
      *[Symbol.iterator]() {
        yield 'one';
        throw new RangeError('a fault');
      },
    };
    await expect(run(sh('cat'), { input })).rejects.toThrow('a fault');
  });
});

/** Does something with the functions of this module in a process that is started in an own way. */
async function elsewhere(flags: readonly string[], before: string, main: string): Promise<string> {
  const imports = `import { run, limitCommands } from '${import.meta.dirname}/command.ts';
    import { openPosixSpawn } from '${import.meta.dirname}/posix-spawn.ts';`;
  const node = [
    process.execPath,
    ...flags,
    '--input-type=module-typescript',
    '--eval',
    `${imports}\n${main}`,
  ];
  return (await run(['/bin/sh', '-c', `${before}; exec "$@"`, 'sh', ...node])).stdout;
}

test('how a program ended is known where this process is to ignore the end of others', async () => {
  const main = `limitCommands({ patience: 60, ownGroups: true, start: await openPosixSpawn() });
    console.log(await run(['false']).catch(({ exitCode }) => exitCode));`;
  expect(await elsewhere([], "trap '' CHLD", main)).toBe('1\n');
});

test('there is no posix_spawn where Node.js may not call functions of the C library', async () => {
  const main = 'console.log(await openPosixSpawn());';
  expect(await elsewhere(['--permission', '--allow-fs-read=*'], ':', main)).toBe('undefined\n');
});

test('the folder that a user is in may be gone', async () => {
  const gone = await mkdtemp(join(folder, 'gone-'));
  const main = `process.chdir('${gone}');
    (await import('node:fs')).rmdirSync('${gone}');
    process.stdout.write((await run(['/bin/sh', '-c', 'echo here'])).stdout);`;
  expect(await elsewhere([], ':', main)).toBe('here\n');
});
