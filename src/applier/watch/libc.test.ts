import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Libc, NetlinkSocket, openLibc, releaseFilePages, unwrittenMappings } from './libc.ts';

/** A function of the C library as it fails from now on. */
async function failing(name: 'poll' | 'recv', heard: number): Promise<{ libc: Libc; asked: () => number }> {
  const real = await openLibc();
  if (!real) throw new Error('this Node.js has no node:ffi');
  let asked = 0;
  const answers = (fds: unknown): number => {
    asked++;
    if (name === 'poll') return -1;
    if (!Buffer.isBuffer(fds)) throw new Error('not a structure');
    // Something has come.
    fds.writeInt16LE(1, 6);
    return 1;
  };
  let left = heard;
  const poll = Object.assign(answers, { pointer: real.poll.pointer });
  const recv = Object.assign(() => (left-- > 0 ? 8n : -1n), { pointer: real.recv.pointer });
  return { libc: { ...real, poll, recv }, asked: () => asked };
}

test.each([
  ['cannot be asked for', 'poll', 0, 1],
  ['is there and cannot be read', 'recv', 0, 1],
  ['stops in the middle', 'recv', 3, 4],
] as const)(
  'what the kernel tells %s: it is not all, and nobody asks again and again',
  async (_, name, heard, times) => {
    const { libc, asked } = await failing(name, heard);
    const socket = new NetlinkSocket(libc);
    let told = 0;
    expect(socket.receive(() => told++)).toBe(false);
    expect([told, asked()]).toEqual([heard, times]);
    socket.close();
  },
);

describe('memory of files', () => {
  const mapping = (range: string, rights: string, path: string, own: number) =>
    [
      `${range} ${rights} 00000000 fe:00 5358285                            ${path}`,
      'Size:               4280 kB',
      'Rss:                4280 kB',
      'Shared_Clean:       4280 kB',
      `Anonymous:      ${String(own).padStart(8)} kB`,
      'THPeligible:           0',
      'VmFlags: rd mr mw me sd ',
      '',
    ].join('\n');

  const FILE = '/usr/lib/my node';

  test.each<[string, string, number]>([
    ['what a program knows', mapping('00400000-0082e000', 'r--p', FILE, 0), 0x42e000],
    ['what it runs', mapping('7f00-8f00', 'r-xp', FILE, 0), 0x1000],
    ['what may be written', mapping('00400000-0082e000', 'rw-p', FILE, 0), 0],
    ['what was written before', mapping('00400000-0082e000', 'r--p', FILE, 4), 0],
    ['another file', mapping('00400000-0082e000', 'r--p', '/usr/lib/libc.so.6', 0), 0],
    ['no file', mapping('00400000-0082e000', 'r--p', '[heap]', 0), 0],
    ['a file that was replaced', mapping('00400000-0082e000', 'r--p', `${FILE} (deleted)`, 0), 0],
    ['nothing', '', 0],
  ])('%s', (_, smaps, length) => {
    const found = unwrittenMappings(smaps, FILE).map((mapping) => Number(mapping.length));
    expect(found).toEqual(length === 0 ? [] : [length]);
  });

  test('is given back, and comes again', async () => {
    const resident = () => Number(/RssFile:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    const before = resident();
    await releaseFilePages();
    expect(resident()).toBeLessThan(before);
    expect(
      unwrittenMappings(readFileSync('/proc/self/smaps', 'utf8'), process.execPath).length,
    ).toBeGreaterThan(1);
  });
});
