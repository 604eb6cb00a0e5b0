/** Which endpoint gets how much of a service port's connections. */
import { chainKind, leadsToEndpoints } from '../chains/names.ts';
import type { Chain, Match, Target } from '../iptables/types.ts';
import { type Fraction, fractionOf, multiply, ONE, subtract } from './fraction.ts';

/**
 * The share of each rule that leads to an endpoint, or to a group of them, by nothing but chance, in the order of the
 * chain's rules; undefined for all others. The shares in a chain that finds an endpoint for everything add up to 1.
 */
export function sharesOf(chain: Chain): (Fraction | undefined)[] {
  // In the chain of one endpoint there is nothing left to choose.
  if (chainKind(chain.name) === 'endpoint') return chain.rules.map(() => undefined);
  let left = ONE;
  return chain.rules.map(({ matches, target }) => {
    if (!leadsToEndpoint(target)) return undefined;
    let share = left;
    for (const match of matches) {
      if (match.match === 'statistic') share = multiply(share, fractionOf(match.probability));
      else if (!isFitByAll(match)) return undefined;
    }
    left = subtract(left, share);
    return share;
  });
}

function leadsToEndpoint(target: Target | undefined): boolean {
  return target?.target === 'DNAT' || (target?.target === 'jump' && leadsToEndpoints(target.chain));
}

/** Whatever comes to choose has the Service's protocol already. */
function isFitByAll(match: Match): boolean {
  switch (match.match) {
    case 'comment':
    case 'nfacct':
      return true;
    case 'protocol':
      return match.bare === true;
    case 'recent':
      return match.operation === 'set';
    case 'source':
    case 'destination':
    case 'destination-port':
    case 'in-interface':
    case 'mark':
    case 'conntrack':
    case 'addrtype':
    case 'statistic':
    case 'bpf':
    case 'unknown':
      return false;
  }
}
