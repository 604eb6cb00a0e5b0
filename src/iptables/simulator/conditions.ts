/** From the matches of rules to what they ask of a packet, and do to it. */

import { keptProbability } from '../saved.ts';
import type { Family, Match } from '../types.ts';
import { foreignCondition } from './foreign-matches.ts';
import {
  addressTest,
  addressTypeTest,
  bytecodeTest,
  interfaceTest,
  markTest,
  portTest,
  protocolTest,
  stateTest,
  type Test,
  unless,
} from './match-tests.ts';
import type { Recent } from './recent.ts';

export type Condition =
  /** Looks at the packet, and at nothing else. */
  | { readonly condition: 'test'; readonly test: Test }
  /** Is left to chance, every time anew. */
  | { readonly condition: 'chance'; readonly probability: number }
  /** Looks an address up in a list, or writes it there. */
  | { readonly condition: 'recent'; readonly recent: Recent };

/**
 * What a match asks of a packet.
 * @returns undefined for what every packet fits
 */
export function conditionOf(match: Match, family: Family): Condition | undefined {
  switch (match.match) {
    case 'comment':
    case 'nfacct':
      return undefined;
    case 'statistic':
      return { condition: 'chance', probability: keptProbability(match.probability) };
    case 'recent':
      return {
        condition: 'recent',
        recent: {
          operation: match.operation,
          list: match.name,
          side: 'source',
          mask: undefined,
          seconds: match.operation === 'rcheck' ? match.seconds : undefined,
          more: false,
          negated: false,
        },
      };
    case 'unknown':
      return foreignCondition(match.words, family);
    default:
      return { condition: 'test', test: unless('negated' in match, testOf(match)) };
  }
}

type Looking = Exclude<Match, { match: 'comment' | 'nfacct' | 'statistic' | 'recent' | 'unknown' }>;

function testOf(match: Looking): Test {
  switch (match.match) {
    case 'source':
    case 'destination':
      return addressTest(match.match, match.address);
    case 'in-interface':
      return interfaceTest('inInterface', match.name);
    case 'protocol':
      return protocolTest(match.protocol);
    case 'destination-port':
      return portTest('destinationPort', [match.port, match.last ?? match.port]);
    case 'mark':
      return markTest(match.value, match.mask);
    case 'conntrack':
      return stateTest(match.states);
    case 'addrtype':
      return addressTypeTest(match.side, [match.type]);
    case 'bpf':
      return bytecodeTest(match.bytecode);
  }
}
