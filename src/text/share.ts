/** Probabilities as people read them. */

/** Beyond it, a fraction is no easier to read than a percentage. */
const MOST_PARTS = 1000;

/** What the kernel's fractions of 2^31 (xt_statistic) may be off by, two of them multiplied. */
const TOLERANCE = 2 ** -30;

/**
 * A probability as the simplest fraction that rules can have meant by it: `all`, `1/3`, `3/4`; as a percentage where
 * there is none.
 */
export function printShare(probability: number): string {
  for (let parts = 1; parts <= MOST_PARTS; parts++) {
    const count = Math.round(probability * parts);
    if (Math.abs(count / parts - probability) > TOLERANCE) continue;
    if (count === 0) return 'none';
    return parts === 1 ? 'all' : `${count}/${parts}`;
  }
  return `${Number((probability * 100).toPrecision(4))} %`;
}
