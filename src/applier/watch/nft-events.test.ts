import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { message, number } from '../../../test/support/nft-messages.ts';
import { readNftEvents } from './nft-events.ts';

const HANDLE: [number, Buffer] = [2, Buffer.concat([number(0), number(7)])];
const BASE = {
  kind: 'change',
  what: 'chain',
  family: 'ipv4',
  handle: undefined,
  altered: false,
  deleted: false,
  port: 4711,
} as const;

describe('readNftEvents', () => {
  test.each([
    [
      'a new chain',
      message(3, { flags: 0x400 }, [[1, 'nat'], [3, 'FOO'], HANDLE]),
      { ...BASE, table: 'nat', chain: 'FOO', handle: 7n },
    ],
    [
      'a chain renamed',
      message(3, {}, [[1, 'nat'], [3, 'FOO'], HANDLE]),
      { ...BASE, table: 'nat', chain: 'FOO', handle: 7n, altered: true },
    ],
    [
      'a chain gone',
      message(5, {}, [
        [1, 'nat'],
        [3, 'FOO'],
      ]),
      { ...BASE, table: 'nat', chain: 'FOO', deleted: true },
    ],
    [
      'a new rule',
      message(6, { family: 10 }, [
        [1, 'filter'],
        [2, 'INPUT'],
        [3, Buffer.alloc(8)],
        [4, Buffer.alloc(60)],
      ]),
      { ...BASE, what: 'rule', handle: 0n, family: 'ipv6', table: 'filter', chain: 'INPUT' },
    ],
    [
      'a rule gone',
      message(8, { port: 12 }, [
        [1, 'nat'],
        [2, 'FOO'],
      ]),
      { ...BASE, what: 'rule', table: 'nat', chain: 'FOO', deleted: true, port: 12 },
    ],
    [
      'a table of both families',
      message(0, { family: 1 }, [[1, 'mine']]),
      { ...BASE, what: 'table', family: undefined, table: 'mine', chain: undefined },
    ],
    [
      'a table gone',
      message(2, {}, [[1, 'nat']]),
      { ...BASE, what: 'table', table: 'nat', chain: undefined, deleted: true },
    ],
    [
      'the end of a transaction',
      message(15, { family: 0 }, [
        [1, number(18)],
        [2, number(99)],
        [3, 'iptables-nft'],
      ]),
      { kind: 'generation', generation: 18, pid: 99, program: 'iptables-nft', port: 4711 },
    ],
  ])('%s', (_, bytes, event) => {
    expect(readNftEvents(bytes)).toEqual([event]);
  });

  test('several in one datagram, and what is none of them between', () => {
    const set = message(9, {}, [[1, 'nat']]);
    const [made, end] = [
      message(3, { flags: 0x400 }, [
        [1, 'nat'],
        [3, 'A'],
      ]),
      message(15, {}, [[1, number(2)]]),
    ];
    expect(readNftEvents(Buffer.concat([set, made, set, end])).map(({ kind }) => kind)).toEqual([
      'change',
      'generation',
    ]);
  });

  test('whatever bytes come: reads to an end, and throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readNftEvents(Buffer.from(bytes));
      }),
    );
  });

  test('a message that is cut off ends the reading', () => {
    const whole = message(6, {}, [
      [1, 'nat'],
      [2, 'A'],
      [4, Buffer.alloc(40)],
    ]);
    for (let length = 0; length < whole.length; length++) {
      expect(readNftEvents(whole.subarray(0, length))).toEqual([]);
    }
  });
});
