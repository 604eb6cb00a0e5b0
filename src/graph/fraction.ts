/** Exact shares of chance: three endpoints get 1/3 each, though their rules say 1/3, 1/2 and nothing. */

/** From 0 to 1, in lowest terms. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const ONE: Fraction = { numerator: 1n, denominator: 1n };

/** The kernel keeps a probability as so many parts (xt_statistic). */
const PARTS = 2 ** 31;

/** More endpoints than a Service has. Two fractions of so many parts differ by more than one of the kernel's. */
const MOST = 20_000;

/**
 * The fraction that a probability was meant as: the simplest that the kernel takes for the same, found as a continued
 * fraction.
 */
export function fractionOf(probability: number): Fraction {
  let [before, now] = [
    { numerator: 0, denominator: 1 },
    { numerator: 1, denominator: 0 },
  ];
  for (let rest = probability; ; rest = 1 / (rest - Math.floor(rest))) {
    const whole = Math.floor(rest);
    const next = {
      numerator: whole * now.numerator + before.numerator,
      denominator: whole * now.denominator + before.denominator,
    };
    if (!(next.denominator <= MOST)) return reduced(BigInt(Math.round(probability * PARTS)), BigInt(PARTS));
    if (Math.abs(next.numerator / next.denominator - probability) * PARTS < 1) {
      return { numerator: BigInt(next.numerator), denominator: BigInt(next.denominator) };
    }
    [before, now] = [now, next];
  }
}

export function multiply(a: Fraction, b: Fraction): Fraction {
  return reduced(a.numerator * b.numerator, a.denominator * b.denominator);
}

export function subtract(a: Fraction, b: Fraction): Fraction {
  const numerator = a.numerator * b.denominator - b.numerator * a.denominator;
  return reduced(numerator, a.denominator * b.denominator);
}

/** `1/3` */
export function printFraction({ numerator, denominator }: Fraction): string {
  return `${numerator}/${denominator}`;
}

function reduced(numerator: bigint, denominator: bigint): Fraction {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}
