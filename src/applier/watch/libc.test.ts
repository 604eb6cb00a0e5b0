import { expect, test } from 'vitest';
import { type Libc, NetlinkSocket, openLibc } from './libc.ts';

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
