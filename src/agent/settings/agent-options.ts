/** The agent's flags as a command's options. */
import { Option } from 'commander';
import { DEFAULT_CONFIGURATION } from '../../api/kube-proxy-defaults.ts';
import { printConfiguration } from '../../api/print-configuration.ts';
import { valueAt } from './field-paths.ts';
import { FLAG_GROUPS, type Flag } from './flags.ts';

/** What was given on a command line, by commander's names: each flag's values as they are written, true for none. */
export type GivenFlags = Readonly<Record<string, Given | undefined>>;

type Given = readonly string[] | true;

const DEFAULTS = printConfiguration(DEFAULT_CONFIGURATION);

/** The options of the agent for a command, whose values are {@link GivenFlags}. */
export function agentOptions(): Option[] {
  return FLAG_GROUPS.flatMap(({ heading, flags }) => flags.map((flag) => toOption(flag, heading)));
}

/** The values that a flag was given, as they are written; undefined where it was not. */
export function textsOf({ name }: Flag, given: GivenFlags): readonly string[] | undefined {
  const texts = given[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
  return texts === true ? ['true'] : texts;
}

/** As in Go, a switch may have a value, and flags may be repeated: the last value counts, or all of a list. */
function toOption(flag: Flag, heading: string): Option {
  const { name, short, takes, value = `<${takes}>`, hidden = false } = flag;
  const spellings = short ? `-${short}, --${name}` : `--${name}`;
  return new Option(`${spellings} ${takes === 'switch' ? '[bool]' : value}`, describe(flag))
    .argParser((text: string, before: Given = []) => [...(before === true ? [] : before), text])
    .helpGroup(heading)
    .hideHelp(hidden);
}

function describe(flag: Flag): string {
  if ('whyNoEffect' in flag) return flag.whyNoEffect;
  const value = flag.field && valueAt(DEFAULTS, flag.field);
  const told = typeof value === 'number' || value === true || (typeof value === 'string' && value !== '');
  return told ? `${flag.help} (default: ${value})` : flag.help;
}
