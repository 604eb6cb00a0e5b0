/** Go's durations (`time.Duration`), as kube-proxy's configuration and flags have them. */

/** In nanoseconds: what Go counts in, and what the last digit of a duration may stand for. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** The longest duration that Go has, some 292 years. */
const LONGEST = 2n ** 63n - 1n;

/** So many digits of a fraction count: more than an hour has nanoseconds. */
const FRACTION_DIGITS = 18;

/** Milliseconds of a duration such as `1h15m30.5s`; undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0;
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let nanoseconds = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of rest.matchAll(/(\d*)\.?(\d*)([^\d.]+)/g)) {
    const digits = whole.replace(/^0+/, '');
    // Endless digits are not worth counting.
    if (digits.length > String(LONGEST).length) return undefined;
    const size = UNITS[unit] ?? 0n;
    const part = fraction.slice(0, FRACTION_DIGITS);
    nanoseconds += BigInt(digits) * size + (BigInt(part) * size) / 10n ** BigInt(part.length);
  }
  if (nanoseconds > LONGEST) return undefined;
  return sign === '-' ? 0 - toMilliseconds(nanoseconds) : toMilliseconds(nanoseconds);
}

/** As exact as a number can be: to the nanosecond up to some fifty days. */
function toMilliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n) + Number(nanoseconds % 1_000_000n) / 1e6;
}

/** A duration in milliseconds as Go prints it: `15m0s`, `1h0m0s`, `1.5s`, `100ms`, `0s`. */
export function formatDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(milliseconds));
  const nanoseconds = BigInt(whole) * 1_000_000n + BigInt(Math.round((Math.abs(milliseconds) - whole) * 1e6));
  if (nanoseconds === 0n) return '0s';
  const small = (['ns', 'µs', 'ms'] as const).find((unit) => nanoseconds < (UNITS[unit] ?? 0n) * 1000n);
  if (small) return `${sign}${decimal(nanoseconds, UNITS[small] ?? 1n)}${small}`;
  const minutes = nanoseconds / 60_000_000_000n;
  const seconds = decimal(nanoseconds % 60_000_000_000n, 1_000_000_000n);
  const hours = minutes >= 60n ? `${minutes / 60n}h` : '';
  return `${sign}${hours}${minutes > 0n ? `${minutes % 60n}m` : ''}${seconds}s`;
}

/** Nanoseconds as a number of units, with no more decimals than it needs. */
function decimal(nanoseconds: bigint, unit: bigint): string {
  const decimals = String(unit).length - 1;
  const rest = String(nanoseconds % unit).padStart(decimals, '0');
  const fraction = decimals === 0 ? '' : rest.replace(/0+$/, '');
  return `${nanoseconds / unit}${fraction === '' ? '' : `.${fraction}`}`;
}
