/**
 * Figures with what they may be at most, and beside those of a former run: `--save FILE` keeps them, `--against FILE` compares.
 * Machines are noisy: figures that are to be compared come from one machine that does nothing else, or are ratios.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { table } from './statistics.ts';

/** One figure of a benchmark: less is better. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it may be at most, where there is a limit. */
  readonly limit: number | undefined;
}

/** A figure is slower than a former one if it is so many times as much. */
const SLOWER = 1.1;

const savedSchema = z.record(z.string(), z.number());

/**
 * Prints figures with pass or miss.
 * @param save a file to keep them in, beside those of others that it holds
 * @param against a file that holds those of a former run
 * @returns the exit code: 1 where one is over its limit, or more than 10 % slower than before
 */
export function tellFigures(
  figures: readonly Figure[],
  { save, against }: { readonly save?: string | undefined; readonly against?: string | undefined },
): 0 | 1 {
  const rows = compared(figures, against);
  console.log(figuresTable(rows, against !== undefined));
  if (save !== undefined) {
    const others = existsSync(save) ? savedFigures(save) : {};
    const own = Object.fromEntries(figures.map(({ name, value }) => [name, value]));
    writeFileSync(save, `${JSON.stringify({ ...others, ...own }, undefined, 2)}\n`);
  }
  return rows.some(({ missed, slower }) => missed || slower) ? 1 : 0;
}

/** Figures with pass or miss, as Markdown. */
export function figuresAsText(figures: readonly Figure[]): string {
  return figuresTable(compared(figures, undefined), false);
}

interface ComparedFigure extends Figure {
  readonly former: number | undefined;
  readonly missed: boolean;
  readonly slower: boolean;
}

function compared(figures: readonly Figure[], against: string | undefined): ComparedFigure[] {
  const before = against === undefined ? {} : savedFigures(against);
  return figures.map((figure) => {
    const former = before[figure.name];
    return { ...figure, former, missed: isMissed(figure), slower: isSlower(figure.value, former) };
  });
}

function figuresTable(figures: readonly ComparedFigure[], withFormer: boolean): string {
  return table(
    ['figure', 'value', 'unit', 'at most', '', ...(withFormer ? ['before', ''] : [])],
    figures.map(({ name, value, unit, limit, missed, former, slower }) => [
      name,
      number(value),
      unit,
      number(limit),
      limit === undefined ? '' : missed ? 'miss' : 'pass',
      ...(withFormer ? [number(former), slower ? 'slower' : ''] : []),
    ]),
  );
}

/** Three digits, and no power of ten. */
function number(value: number | undefined): string {
  if (value === undefined) return '';
  return value < 1000 ? value.toPrecision(3) : Math.round(value).toLocaleString('en');
}

function isMissed({ value, limit = Number.POSITIVE_INFINITY }: Figure): boolean {
  return !(value <= limit);
}

function isSlower(value: number, former: number | undefined): boolean {
  return former !== undefined && value > former * SLOWER;
}

function savedFigures(file: string): Readonly<Record<string, number>> {
  return savedSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
