/** Effects as text for people. */
import { FAMILY_NAMES } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import type { Paint } from '../text/paint.ts';
import { wrap } from '../text/wrap.ts';
import type { Effects } from './effects.ts';
import { tellOthers, tellServices } from './words.ts';

/** The effects on one node. */
export interface NodeEffects {
  /** Undefined where it goes without saying. */
  readonly nodeName: string | undefined;
  readonly families: readonly Effects[];
}

export interface TextOptions {
  readonly proves: boolean;
  /** Whether no Service is left out. */
  readonly whole: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  readonly paint: Paint<'title'>;
}

/** What changes, Service by Service; families that tell the same are told as one. */
export function effectsText(
  nodes: readonly NodeEffects[],
  { proves, whole, width, paint }: TextOptions,
): string {
  return nodes
    .map(({ nodeName, families }) => {
      const title = nodeName === undefined ? [] : [paint('title', `On ${nodeName}:`)];
      return [...title, ...nodeText(families, { proves, whole, width, paint })]
        .map((line) => `${line}\n`)
        .join('');
    })
    .join('\n');
}

function nodeText(families: readonly Effects[], { proves, whole, width, paint }: TextOptions): string[] {
  const changed = families.filter(({ services, others }) => services.length + others.length > 0);
  const lines = changed.flatMap((effects) => {
    const services = tellServices(effects).map(({ service, sentences }) => ({ name: service, sentences }));
    const others = tellOthers(effects);
    const of = changed.length > 1 ? `${FAMILY_NAMES[effects.family]} ` : '';
    const blocks = [...services, ...(others.length > 0 ? [{ name: 'no Service', sentences: others }] : [])];
    return blocks.flatMap(({ name, sentences }) => [
      `${paint('title', `${of}${name}`)}`,
      ...sentences.flatMap((sentence) => wrapped(sentence, width)),
    ]);
  });
  return [
    ...(lines.length > 0
      ? lines
      : [whole ? 'Nothing changes for any packet.' : 'Nothing changes for these Services.']),
    ...undecidedLines(families, width),
    ...(proves ? proof(families, lines.length === 0, width) : []),
  ];
}

function wrapped(sentence: string, width: number): string[] {
  return wrap(sentence, width - 4).map((line, i) => `${i === 0 ? '  ' : '    '}${line}`);
}

function undecidedLines(families: readonly Effects[], width: number): string[] {
  const words = [...new Set(families.flatMap(({ undecided }) => undecided))];
  if (words.length === 0) return [];
  return wrapped(`Undecided, so both cases are compared: ${enumerate(words)}`, width);
}

function proof(families: readonly Effects[], same: boolean, width: number): string[] {
  const count = families.reduce((sum, { classes }) => sum + classes, 0);
  const classes = count.toLocaleString('en');
  const told = !same
    ? `Not the same: of ${classes} classes of packets that can meet another rule, those above have a different fate.`
    : count === 0
      ? 'Proved: every packet meets the same rules in both.'
      : `Proved: each of ${classes} classes of packets that can meet another rule has the same fate in both. All other packets meet the same rules.`;
  return wrap(told, width);
}
