/** From the matches of rules to what they ask of a packet, and do to it. */

import { keptProbability } from '../saved.ts';
import type { Family, Match } from '../types.ts';
import type { Condition } from './condition.ts';
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
    case 'source':
    case 'destination':
    case 'in-interface':
    case 'protocol':
    case 'destination-port':
    case 'mark':
    case 'conntrack':
    case 'addrtype':
    case 'bpf':
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
