import { describe, expect, test } from 'vitest';
import type { Family } from '../../net/address.ts';
import { parseBytecode, runProgram } from './bytecode.ts';
import { startOf } from './flow.ts';
import type { Packet } from './packet.ts';

const PACKET: Packet = {
  source: '10.244.1.2',
  destination: '10.96.0.10',
  protocol: 'tcp',
  sourcePort: 40000,
  destinationPort: 80,
};

function run(text: string, changes: Partial<Packet> = {}, family: Family = 'ipv4'): number | undefined {
  const program = parseBytecode(text);
  if (!program) return expect.fail(`not a program: ${text}`);
  return runProgram(program, startOf({ ...PACKET, ...changes }, family).header);
}

/** A program that returns what it has loaded. */
const returning = (...instructions: string[]) =>
  [instructions.length + 1, ...instructions, '22 0 0 0'].join(',');

describe('packets whose source is their destination', () => {
  const IPV4 = '6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0';
  const words = [0, 1, 2, 3].map((i) => {
    const toEnd = 4 * (3 - i);
    return `32 0 0 ${8 + 4 * i},7 0 0 0,32 0 0 ${24 + 4 * i},29 0 ${toEnd + 1} 0`;
  });
  const IPV6 = `18,${words.join(',')},6 0 0 65535,6 0 0 0`;

  test.each<[string, string, number]>([
    ['10.244.1.2', '10.244.1.2', 65535],
    ['10.244.1.2', '10.244.1.3', 0],
    ['255.255.255.255', '255.255.255.255', 65535],
  ])('%s to %s', (source, destination, expected) => {
    expect(run(IPV4, { source, destination })).toBe(expected);
  });

  test.each<[string, string, number]>([
    ['fd00::1', 'fd00::1', 65535],
    ['fd00::1', 'fd00::2', 0],
    ['fd00::1', 'fd01::1', 0],
    ['fd00:0:1::1', 'fd00:0:2::1', 0],
    ['fd00::1:0:1', 'fd00::2:0:1', 0],
  ])('%s to %s', (source, destination, expected) => {
    expect(run(IPV6, { source, destination }, 'ipv6')).toBe(expected);
  });
});

describe('instructions', () => {
  test.each<[string, string, number | undefined]>([
    ['ld [12]', returning('32 0 0 12'), 0x0af40102],
    ['ldh [12]', returning('40 0 0 12'), 0x0af4],
    ['ldb [13]', returning('48 0 0 13'), 0xf4],
    ['the protocol', returning('48 0 0 9'), 6],
    ['the source port', returning('40 0 0 20'), 40000],
    ['the destination port', returning('40 0 0 22'), 80],
    ['the port behind whatever header', returning('177 0 0 0', '72 0 0 2'), 80],
    ['ldx 4*([0]&0xf); txa', returning('177 0 0 0', '135 0 0 0'), 20],
    ['ld #7', returning('0 0 0 7'), 7],
    ['st M[1]; ld M[1]', returning('0 0 0 7', '2 0 0 1', '0 0 0 8', '96 0 0 1'), 7],
    ['ldx #5; stx M[2]; ld M[2]', returning('1 0 0 5', '3 0 0 2', '96 0 0 2'), 5],
    ['a register that nobody has set', returning('6 0 0 3'), 3],
    ['add', returning('0 0 0 7', '4 0 0 8'), 15],
    ['add, beyond the end', returning('0 0 0 4294967295', '4 0 0 2'), 1],
    ['sub, below zero', returning('0 0 0 1', '20 0 0 2'), 4294967295],
    ['mul', returning('0 0 0 3', '36 0 0 4'), 12],
    ['div', returning('0 0 0 7', '52 0 0 2'), 3],
    ['div by zero', returning('0 0 0 7', '52 0 0 0'), undefined],
    ['mod', returning('0 0 0 7', '148 0 0 4'), 3],
    ['or', returning('0 0 0 1', '68 0 0 4'), 5],
    ['and', returning('0 0 0 5', '84 0 0 4'), 4],
    ['xor', returning('0 0 0 5', '164 0 0 1'), 4],
    ['lsh', returning('0 0 0 1', '100 0 0 31'), 0x80000000],
    ['rsh', returning('0 0 0 2147483648', '116 0 0 31'), 1],
    ['neg', returning('0 0 0 1', '132 0 0 0'), 4294967295],
    ['add x', returning('1 0 0 5', '0 0 0 7', '12 0 0 0'), 12],
    ['ja', returning('0 0 0 7', '5 0 0 1', '0 0 0 8'), 7],
    ['jeq, and it is', returning('0 0 0 7', '21 1 0 7', '0 0 0 8'), 7],
    ['jeq, and it is not', returning('0 0 0 7', '21 1 0 6', '0 0 0 8'), 8],
    ['jgt', returning('0 0 0 7', '37 1 0 7', '0 0 0 8'), 8],
    ['jge', returning('0 0 0 7', '53 1 0 7', '0 0 0 8'), 7],
    ['jset', returning('0 0 0 6', '69 1 0 2', '0 0 0 8'), 6],
    // What we do not know.
    ['the identification', returning('40 0 0 4'), undefined],
    ['half known', returning('32 0 0 8'), undefined],
    ['the packet length', returning('128 0 0 0'), undefined],
    ['the mark, by an offset of Linux', returning('32 0 0 4294963220'), undefined],
    ['beyond what we know', returning('32 0 0 100'), undefined],
    ['no end', '1,0 0 0 7', undefined],
    ['a jump behind the end', '2,5 0 0 9,6 0 0 1', undefined],
    ['no such comparison', returning('85 0 0 1'), undefined],
  ])('%s', (_, text, expected) => {
    expect(run(text)).toBe(expected);
  });

  test('a port that is not known', () => {
    expect(run(returning('40 0 0 20'), { sourcePort: undefined })).toBeUndefined();
  });

  test('the next header of IPv6', () => {
    expect(run(returning('48 0 0 6'), { source: 'fd00::1', destination: 'fd00::2' }, 'ipv6')).toBe(6);
  });
});

test.each(['', '1', '2,6 0 0 0', '1,6 0 0', '1,6 0 0 0 0', '1,6 0 0 x', 'x,6 0 0 0', '1,-6 0 0 0'])(
  'not a program: %j',
  (text) => {
    expect(parseBytecode(text)).toBeUndefined();
  },
);

test('a comma at the end, and room between', () => {
  expect(run('1, 6  0 0 9,')).toBe(9);
});
