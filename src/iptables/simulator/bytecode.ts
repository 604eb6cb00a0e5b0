/**
 * Programs of the classic Berkeley Packet Filter, as `-m bpf --bytecode` takes them: they see a packet from its IP
 * header on. Instructions and their codes are those of linux/bpf_common.h.
 */
import { type Bytes, bytesOf } from './header-bytes.ts';
import type { Header } from './packet.ts';

interface Instruction {
  readonly code: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly k: number;
}

export type Program = readonly Instruction[];

/** Parses `COUNT,CODE JT JF K,...`; undefined where it is not of that form. */
export function parseBytecode(text: string): Program | undefined {
  const [count, ...instructions] = text.replace(/,\s*$/, '').split(',');
  const program = instructions.map(parseInstruction).filter((instruction) => instruction !== undefined);
  const whole = program.length === instructions.length && program.length === Number(count);
  return whole && program.length > 0 ? program : undefined;
}

function parseInstruction(text: string): Instruction | undefined {
  const [, code, whenTrue, whenFalse, k] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(text) ?? [];
  if (k === undefined) return undefined;
  return { code: Number(code), whenTrue: Number(whenTrue), whenFalse: Number(whenFalse), k: Number(k) };
}

/**
 * What a program returns for a packet, 0 for one that does not fit. Undefined where that depends on something that we
 * do not know of the packet, such as its length, or where we do not know an instruction.
 */
export function runProgram(program: Program, header: Header): number | undefined {
  const bytes = bytesOf(header);
  const memory = new Map<number, number>();
  let [a, x] = [0, 0];
  for (let at = 0; at < program.length; at++) {
    const { code, whenTrue, whenFalse, k } = program[at] ?? NOTHING;
    const operand = (code & SOURCE_X) !== 0 ? x : k;
    let value: number | undefined;
    switch (code & CLASS) {
      case LD:
      case LDX:
        value = load(code, { bytes, memory, k, x });
        if (value === undefined) return undefined;
        if ((code & CLASS) === LD) a = value;
        else x = value;
        break;
      case ST:
        memory.set(k, a);
        break;
      case STX:
        memory.set(k, x);
        break;
      case ALU:
        value = calculate(code & OPERATION, a, operand);
        if (value === undefined) return undefined;
        a = value >>> 0;
        break;
      case JMP:
        if ((code & OPERATION) === JA) {
          at += k;
          break;
        }
        value = compare(code & OPERATION, a, operand);
        if (value === undefined) return undefined;
        at += value === 1 ? whenTrue : whenFalse;
        break;
      case RET:
        return (code & RETURN_A) !== 0 ? a : k;
      default:
        if ((code & TXA) !== 0) a = x;
        else x = a;
    }
  }
  return undefined;
}

const NOTHING: Instruction = { code: 6, whenTrue: 0, whenFalse: 0, k: 0 };

const CLASS = 0x07;
const [LD, LDX, ST, STX, ALU, JMP, RET] = [0, 1, 2, 3, 4, 5, 6] as const;
const OPERATION = 0xf0;
const SOURCE_X = 0x08;
const RETURN_A = 0x10;
const TXA = 0x80;
const JA = 0x00;

interface Memory {
  readonly bytes: Bytes;
  readonly memory: ReadonlyMap<number, number>;
  readonly k: number;
  readonly x: number;
}

function load(code: number, { bytes, memory, k, x }: Memory): number | undefined {
  const size = { 0: 4, 8: 2, 16: 1 }[code & 0x18];
  switch (code & 0xe0) {
    case 0x00:
      return k;
    case 0x20:
      return size && read(bytes, k, size);
    case 0x40:
      return size && read(bytes, x + k, size);
    case 0x60:
      return memory.get(k) ?? 0;
    case 0xa0: {
      const byte = read(bytes, k, 1);
      return byte === undefined ? undefined : 4 * (byte & 15);
    }
    default:
      return undefined;
  }
}

/** Bytes are read as one number, the first one counting most. */
function read(bytes: Bytes, at: number, size: number): number | undefined {
  let value = 0;
  for (let i = at; i < at + size; i++) {
    const byte = bytes[i];
    if (byte === undefined) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

function calculate(operation: number, a: number, operand: number): number | undefined {
  switch (operation) {
    case 0x00:
      return a + operand;
    case 0x10:
      return a - operand;
    case 0x20:
      return Math.imul(a, operand);
    case 0x40:
      return a | operand;
    case 0x50:
      return a & operand;
    case 0x60:
      return a << operand;
    case 0x70:
      return a >>> operand;
    case 0x80:
      return -a;
    case 0xa0:
      return a ^ operand;
    // A division by zero ends a program.
    case 0x30:
      return operand === 0 ? undefined : Math.floor(a / operand);
    case 0x90:
      return operand === 0 ? undefined : a % operand;
    default:
      return undefined;
  }
}

function compare(operation: number, a: number, operand: number): 0 | 1 | undefined {
  const holds = {
    16: a === operand,
    32: a > operand,
    48: a >= operand,
    64: (a & operand) !== 0,
  }[operation];
  return holds === undefined ? undefined : holds ? 1 : 0;
}
