import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Connections, sourceOf } from './connections.ts';

/** As much of a socket as is needed to close it. */
class Closable extends EventEmitter {
  readonly name: string;
  readonly remoteAddress: string;
  closed = false;

  constructor(name: string, remoteAddress: string) {
    super();
    this.name = name;
    this.remoteAddress = remoteAddress;
  }

  destroy(): this {
    this.closed = true;
    this.emit('close');
    return this;
  }
}

type Step =
  | readonly ['comes', string, from?: string]
  | readonly ['is asked' | 'has answered' | 'leaves', string];

/** Two connections of one source, three in all: those that were closed for others, in that order. */
function closedAfter(steps: readonly Step[]): string[] {
  const connections = new Connections<Closable>({ perSource: 2, total: 3 });
  const sockets = new Map<string, Closable>();
  const closed: string[] = [];
  for (const [what, name, from = `10.0.0.${name.charCodeAt(0)}`] of steps) {
    const socket = sockets.get(name) ?? new Closable(name, from);
    sockets.set(name, socket);
    if (what === 'leaves') socket.emit('close');
    else if (what === 'is asked') connections.answering(socket);
    else if (what === 'has answered') connections.answered(socket);
    else connections.admit(socket);
    for (const { closed: isClosed, name } of sockets.values()) {
      if (isClosed && !closed.includes(name)) closed.push(name);
    }
    expect(connections.size).toBeLessThanOrEqual(3);
  }
  return closed;
}

const come = (...names: string[]): Step[] => names.map((name) => ['comes', name]);

describe('who goes', () => {
  test.each<[string, Step[], string[]]>([
    ['nobody while there is room', come('a', 'b', 'c'), []],
    ['the oldest of those that never asked', come('a', 'b', 'c', 'd', 'e'), ['a', 'b']],
    ['not who is being answered', [...come('a'), ['is asked', 'a'], ...come('b', 'c', 'd')], ['b']],
    [
      'who was answered longest ago',
      [...come('a', 'b', 'c'), ['is asked', 'a'], ['has answered', 'a'], ...come('d', 'e', 'f')],
      ['b', 'c', 'a'],
    ],
    [
      'where all are being answered, who has been for longest',
      [
        ...come('a', 'b', 'c'),
        ['is asked', 'c'],
        ['is asked', 'b'],
        ['is asked', 'a'],
        ...come('d'),
        ['is asked', 'd'],
        ...come('e'),
      ],
      ['c', 'b'],
    ],
    ['nobody, where somebody has left', [...come('a', 'b', 'c'), ['leaves', 'b'], ...come('d')], []],
    [
      'of a source that has its share, one of its own',
      [...come('a'), ['comes', 'b', '10.9.9.9'], ['comes', 'c', '10.9.9.9'], ['comes', 'd', '10.9.9.9']],
      ['b'],
    ],
    [
      'the same, though it has many addresses of one network',
      [
        ['comes', 'b', '2001:db8::1'],
        ['comes', 'c', '2001:db8::2:1'],
        ['comes', 'd', '2001:db8::3'],
      ],
      ['b'],
    ],
    [
      'what is closed already does not come back',
      [...come('a', 'b', 'c', 'd'), ['has answered', 'a']],
      ['a'],
    ],
  ])('%s', (_, steps, expected) => {
    expect(closedAfter(steps)).toEqual(expected);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1/32'],
  ['::ffff:192.0.2.1', '192.0.2.1/32'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
  ['', ''],
])('the source of %j is %j', (address, source) => {
  expect(sourceOf(address)).toBe(source);
});
