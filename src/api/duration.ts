/** Go's durations (`time.ParseDuration`), as kube-proxy's configuration and flags have them. */

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a duration such as `1h15m30.5s`; undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0;
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined;
  let milliseconds = 0;
  for (const [, number = '', unit = ''] of rest.matchAll(/([\d.]+)(\D+)/g)) {
    milliseconds += Number(number) * (UNITS[unit] ?? Number.NaN);
  }
  return sign === '-' ? -milliseconds : milliseconds;
}
