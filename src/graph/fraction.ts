/** Exact shares of chance: three endpoints get 1/3 each, though their rules say 1/3, 1/2 and nothing. */

/** From 0 to 1, in lowest terms. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const ONE: Fraction = { numerator: 1n, denominator: 1n };

/** The kernel keeps a probability as so many parts (xt_statistic). */
const PARTS = 2 ** 31;

/** The fraction that a probability was meant as: one of so many where the kernel takes it for that, too. */
export function fractionOf(probability: number): Fraction {
  const count = Math.round(1 / probability);
  if (Math.abs(1 / count - probability) * PARTS < 1) return { numerator: 1n, denominator: BigInt(count) };
  return reduced(BigInt(Math.round(probability * PARTS)), BigInt(PARTS));
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
