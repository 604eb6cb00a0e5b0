/** What flags say, as Go's flags are written, in the form of a configuration file. What is wrong stays as it is. */
import type { Flag } from './flags.ts';

/** The value of a flag that was given, once or several times; undefined where it is empty and so means none. */
export function flagValue({ takes, short, takesEmpty }: Flag, given: readonly string[]): unknown {
  // As in -v=2.
  const values = short ? given.map((text) => text.replace(/^=/, '')) : given;
  const last = values.at(-1) ?? '';
  switch (takes) {
    case 'switch':
      return toBoolean(last);
    case 'text':
      return last === '' && !takesEmpty ? undefined : last;
    case 'number':
      return toNumber(last);
    case 'list':
      return entriesOf(values);
    case 'gates':
      return Object.fromEntries(pairsOf(values).map(([name, value]) => [name, toBoolean(value)]));
    case 'patterns':
      return pairsOf(values).map(([filePattern, level]) => ({ filePattern, verbosity: toNumber(level) }));
  }
}

/** As Go's `strconv.ParseBool` takes them. */
function toBoolean(text: string): boolean | string {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : text;
}

/** Decimal ones; a zero in front would make them octal in Go. */
function toNumber(text: string): number | string {
  return /^[+-]?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? Number(text) : text;
}

function entriesOf(values: readonly string[]): string[] {
  return values
    .flatMap((text) => text.split(','))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** `A=x,B=y`; a name alone has an empty value. */
function pairsOf(values: readonly string[]): [name: string, value: string][] {
  return entriesOf(values).map((entry) => {
    const [name = '', ...rest] = entry.split('=');
    return [name.trim(), rest.join('=').trim()];
  });
}
