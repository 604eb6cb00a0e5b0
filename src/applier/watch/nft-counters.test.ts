import { describe, expect, test } from 'vitest';
import { generation, message, number } from '../../../test/support/nft-messages.ts';
import { WatchError } from './libc.ts';
import { NftCounters } from './nft-counters.ts';

/** A nested attribute, or one of bytes. */
function attribute(type: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const value = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

const NESTED = 0x8000;

const expression = (name: string, ...data: readonly Buffer[]) =>
  attribute(1 | NESTED, attribute(1, name), attribute(2 | NESTED, ...data));

const counter = (packets: bigint) =>
  expression('counter', attribute(1, long(packets * 60n)), attribute(2, long(packets)));

/** A rule with some expressions. */
const rule = (...expressions: readonly Buffer[]) =>
  message(6, { flags: 2 }, [
    [1, 'nat'],
    [2, 'KUBE-SERVICES'],
    [3, long(4n)],
    [4 | NESTED, Buffer.concat(expressions)],
  ]);

/** struct nlmsghdr of a type that is nobody's, and an error number. */
function control(type: number, flags = 2, error = 0): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(20, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeInt32LE(error, 16);
  return bytes;
}

const [ERROR, DONE] = [2, 3];

/** Counters of a kernel that answers with some datagrams. */
function answering(datagrams: readonly Buffer[]) {
  const left = [...datagrams];
  const asked: Buffer[] = [];
  const counters = new NftCounters({
    send: (message) => void asked.push(message),
    next: () => left.shift(),
    close: () => {},
  });
  return { counters, asked };
}

describe('packets', () => {
  const matched = expression('cmp', attribute(1, number(0)), attribute(3, Buffer.from('counter\0')));
  test.each<[string, readonly Buffer[], readonly number[] | undefined]>([
    ['of each rule', [rule(counter(3n)), rule(counter(0n)), control(DONE)], [3, 0]],
    [
      'behind what the rule matches',
      [rule(matched, counter(7n), expression('immediate')), control(DONE)],
      [7],
    ],
    ['more than 32 bits', [rule(counter(2n ** 32n + 5n)), control(DONE)], [2 ** 32 + 5]],
    ['in one datagram', [Buffer.concat([rule(counter(1n)), rule(counter(2n)), control(DONE)])], [1, 2]],
    ['a rule without a counter', [rule(matched), control(DONE)], [0]],
    ['a chain without rules', [control(DONE)], []],
    ['no such chain', [control(ERROR, 0, -2)], undefined],
    ['no end', [rule(counter(3n))], undefined],
    ['a change came in between', [rule(counter(3n)), control(DONE, 0x10)], undefined],
    ['cut short', [rule(counter(3n)).subarray(0, 40), control(DONE)], undefined],
  ])('%s', (_, datagrams, expected) => {
    expect(answering(datagrams).counters.packets('ipv4', 'nat', 'KUBE-SERVICES')).toEqual(expected);
  });

  test('are asked for by family, table and chain', () => {
    const { counters, asked } = answering([control(DONE)]);
    counters.packets('ipv6', 'nat', 'KUBE-SVC-X');
    const [request] = asked;
    expect(request?.readUInt16LE(4)).toBe(0x0a07);
    expect(request?.[16]).toBe(10);
    expect(request?.subarray(20).toString('latin1')).toBe('\x08\0\x01\0nat\0\x0f\0\x02\0KUBE-SVC-X\0\0');
  });
});

test('the generation of the tables', () => {
  expect(answering([generation(42, 1)]).counters.generation()).toBe(42);
  expect(answering([]).counters.generation()).toBeUndefined();
});

test('a kernel that does not listen tells nothing', () => {
  const counters = new NftCounters({
    send: () => {
      throw new WatchError('no');
    },
    next: () => undefined,
    close: () => {},
  });
  expect(counters.generation()).toBeUndefined();
  expect(counters.packets('ipv4', 'nat', 'X')).toBeUndefined();
});
