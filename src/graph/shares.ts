/** Which endpoint gets how much of a service port's connections. */
import type { Chain } from '../iptables/types.ts';
import { type Fraction, fractionOf, multiply, ONE, subtract } from './fraction.ts';

/**
 * The share of each rule that leads to an endpoint by nothing but chance, in the order of the chain's rules; undefined
 * for all others. The shares in a chain that finds an endpoint for everything add up to 1.
 * @param endpointChains the names of the chains that rewrite the destination
 */
export function sharesOf(chain: Chain, endpointChains: ReadonlySet<string>): (Fraction | undefined)[] {
  let left = ONE;
  return chain.rules.map(({ matches, target }) => {
    if (target?.target !== 'jump' || !endpointChains.has(target.chain)) return undefined;
    let share = left;
    for (const match of matches) {
      if (match.match === 'statistic') share = multiply(share, fractionOf(match.probability));
      else if (match.match !== 'comment') return undefined;
    }
    left = subtract(left, share);
    return share;
  });
}
