/** What rules ask of a packet, one question at a time. */
import { addressBits, addressValue, familyOf, prefixLength } from '../../net/address.ts';
import type { ConntrackState } from '../types.ts';
import { parseBytecode, runProgram } from './bytecode.ts';
import type { Flow } from './flow.ts';
import type { SimulatedNode } from './packet.ts';
import { canonicalProtocol, protocolNumber, WITH_PORTS } from './protocols.ts';

/** Whether a packet fits; undefined where that cannot be told. */
export type Test = (flow: Flow, node: SimulatedNode) => boolean | undefined;

/** Of an extension that we do not know. */
export const UNDECIDED: Test = () => undefined;

/** The answer `no` outweighs not knowing one. */
export function all(tests: readonly Test[]): Test {
  const [only, another] = tests;
  if (only && !another) return only;
  return (flow, node) => {
    let fits: boolean | undefined = true;
    for (const test of tests) {
      const answer = test(flow, node);
      if (answer === false) return false;
      if (answer === undefined) fits = undefined;
    }
    return fits;
  };
}

/** The opposite, with `!` before a question. */
export function unless(negated: boolean, test: Test): Test {
  if (!negated) return test;
  return (flow, node) => {
    const answer = test(flow, node);
    return answer === undefined ? undefined : !answer;
  };
}

/** @param range an address, or a CIDR, in canonical form */
export function addressTest(side: 'source' | 'destination', range: string): Test {
  if (!range.includes('/')) return ({ header }) => header[side].text === range;
  const base = range.slice(0, range.indexOf('/'));
  const shift = BigInt(addressBits(familyOf(base)) - prefixLength(range));
  const network = addressValue(base) >> shift;
  return ({ header }) => header[side].value >> shift === network;
}

/** @param pattern a name, or the beginning of names followed by `+` */
export function interfaceTest(side: 'inInterface' | 'outInterface', pattern: string): Test {
  if (!pattern.endsWith('+')) {
    return (flow) => (flow[side] === undefined ? undefined : flow[side] === pattern);
  }
  const start = pattern.slice(0, -1);
  return (flow) => (start === '' ? true : flow[side]?.startsWith(start));
}

export function protocolTest(text: string): Test {
  const protocol = canonicalProtocol(text);
  if (protocol === 'all' || protocol === '0') return () => true;
  return ({ header }) => {
    if (header.protocol === protocol) return true;
    // Of two names that we do not know, one may be the number of the other.
    return protocolNumber(header.protocol) !== undefined || protocolNumber(protocol) !== undefined
      ? false
      : undefined;
  };
}

/**
 * A test for ports from `first` to `last`.
 * @param protocol the only one that is meant, or undefined for any
 */
export function portTest(
  side: 'sourcePort' | 'destinationPort',
  [first, last]: readonly [number, number],
  protocol?: string,
): Test {
  return ({ header }) => {
    if (protocol === undefined ? !WITH_PORTS.includes(header.protocol) : header.protocol !== protocol)
      return false;
    const port = header[side];
    return port === undefined ? undefined : first <= port && port <= last;
  };
}

export function stateTest(states: readonly string[]): Test {
  return (flow) => flow.states.some((state: ConntrackState) => states.includes(state));
}

export function markTest(value: number, mask: number): Test {
  return (flow) => (flow.mark & mask) >>> 0 === value;
}

/**
 * A test for what kind of address one is to the node's routes. Beyond its own addresses and those of multicast we do
 * not know which are not unicast.
 */
export function addressTypeTest(side: 'source' | 'destination', types: readonly string[]): Test {
  const others = types.some((type) => type !== 'LOCAL' && type !== 'MULTICAST');
  return ({ header }, node) => {
    const { text } = header[side];
    const local = node.isLocal(text);
    if (local) return types.includes('LOCAL');
    if (isMulticast(text)) return types.includes('MULTICAST');
    return others || (local === undefined && types.includes('LOCAL')) ? undefined : false;
  };
}

/** A test by a program of the classic Berkeley Packet Filter. */
export function bytecodeTest(bytecode: string): Test {
  const program = parseBytecode(bytecode);
  if (!program) return UNDECIDED;
  return ({ header }) => {
    const result = runProgram(program, header);
    return result === undefined ? undefined : result !== 0;
  };
}

function isMulticast(address: string): boolean {
  if (familyOf(address) === 'ipv6') return /^ff..:/.test(address);
  const first = Number(address.slice(0, address.indexOf('.')));
  return 224 <= first && first <= 239;
}
