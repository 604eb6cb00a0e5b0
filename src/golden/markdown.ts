/** The report as Markdown, for a comment on a pull request or the summary of a job. */
import { formatProblem } from '../api/problem.ts';
import { block, code, plain } from '../text/markdown-text.ts';
import { printable } from '../text/printable.ts';
import {
  type ClusterReport,
  clustersAlike,
  differs,
  type FileReport,
  type GoldenReport,
  sentenceWithFiles,
  serviceTitle,
  summaryLines,
  wholeFileWords,
} from './report.ts';

/** GitHub takes 65,536 characters for a comment, and who posts it may have something to add. */
const MOST_CHARACTERS = 60_000;

/** What is told in words may take no more of it, so that some of the lines that differ are told as well. */
const MOST_IN_WORDS = 40_000;

/** For what is told last: what is left out. */
const ROOM_FOR_END = 300;

/** What changed in words, and below it the lines that differ of each golden file, folded. */
export function goldenMarkdown(report: GoldenReport): string {
  const head = [`### ${titleOf(report)}`, '', `${plain(summaryLines(report).join('; '))}.`, ''];
  const alike = clustersAlike(report.clusters);
  const words = report.clusters.flatMap((cluster) => [
    ...clusterLines(cluster),
    ...serviceLines(alike.get(cluster) ?? []),
  ]);
  const text = new Bounded(head);
  const toldWords = words.findIndex((line) => !text.add(line, MOST_IN_WORDS));
  const files = report.clusters.flatMap((cluster) => cluster.files).filter(({ lines }) => lines.length > 0);
  const room = MOST_CHARACTERS - ROOM_FOR_END;
  const unfit = files.filter((file) => !text.add(details(file, file.lines.length), room));
  // Of one that is too long as a whole, its beginning tells what kind of change it is.
  const begun = unfit.find((file) => text.add(details(file, linesWithin(file, text.roomTo(room))), room));
  const leftOut = unfit.filter((file) => file !== begun).length;
  const parts = [
    ...(toldWords < 0 ? [] : [`${lineCount(words.slice(toldWords))} more lines of this summary`]),
    ...(leftOut === 0
      ? []
      : [`the differences of ${leftOut} more golden ${leftOut === 1 ? 'file' : 'files'}`]),
  ];
  if (parts.length > 0) {
    text.add(`*Left out here: ${parts.join(', ')}. ${code('svc2ipt golden check')} prints everything.*`);
  }
  return `${text.toString().trimEnd()}\n`;
}

/** Lines that may have so many characters and no more. */
class Bounded {
  #text: string;

  constructor(lines: readonly string[]) {
    this.#text = lines.map((line) => `${line}\n`).join('');
  }

  /** Whether there was room for it. */
  add(line: string, most = MOST_CHARACTERS): boolean {
    if (this.#text.length + line.length + 1 > most) return false;
    this.#text += `${line}\n`;
    return true;
  }

  /** How many characters there is room for. */
  roomTo(most: number): number {
    return most - this.#text.length;
  }

  toString(): string {
    return this.#text;
  }
}

function lineCount(lines: readonly string[]): number {
  return lines.filter((line) => line !== '').length;
}

function titleOf({ clusters }: GoldenReport): string {
  if (clusters.some(differs)) return 'Rules differ from their golden files';
  const broken = clusters.some(({ problems }) => problems.length > 0);
  return broken ? 'Some golden files could not be checked' : 'Rules equal their golden files';
}

/** What there is to say of a cluster and of its golden files as a whole, a list; empty where there is nothing. */
function clusterLines(cluster: ClusterReport): string[] {
  const whole = cluster.files.flatMap((file) => {
    const words = wholeFileWords(file, cluster);
    return words === undefined ? [] : [`- ${inCode(file.file)}: ${words}`];
  });
  const problems = cluster.problems.map(({ problem }) => `- ${inCode(formatProblem(problem))}`);
  if (problems.length > 0) return [`${name(cluster)} could not be checked:`, '', ...problems, ''];
  return whole.length > 0 ? [name(cluster), '', ...whole, ''] : [];
}

/** @param alike clusters of which the same is true */
function serviceLines(alike: readonly ClusterReport[]): string[] {
  const [cluster] = alike;
  if (cluster === undefined) return [];
  const services = cluster.services.flatMap(({ service, sentences }) => [
    `- ${service === '' ? serviceTitle(service) : inCode(service)}`,
    ...sentences.map((sentence) => `  - ${plain(printable(sentenceWithFiles(sentence, cluster)))}`),
  ]);
  return [alike.map(name).join(', '), '', ...services, ''];
}

function name({ cluster }: ClusterReport): string {
  return `**${inCode(cluster)}**`;
}

function inCode(text: string): string {
  return code(printable(text));
}

/** For what stands around the lines of a difference. */
const ROOM_AROUND = 500;

/** Fewer lines of a difference tell nothing. */
const FEWEST_LINES = 10;

/** How many lines of a difference have room in so many characters; at least a few, whether they have or not. */
function linesWithin({ lines }: FileReport, room: number): number {
  let left = room - ROOM_AROUND;
  const first = lines.findIndex(({ text }) => {
    left -= printable(text).length + 1;
    return left < 0;
  });
  return Math.max(first < 0 ? lines.length : first, FEWEST_LINES);
}

/** Folded: the lines that differ, or the first of them and how many more there are. */
function details({ file, lines }: FileReport, most: number): string {
  const told = lines.slice(0, most).map(({ text }) => printable(text));
  const more = lines.length - told.length;
  return [
    `<details><summary>${escapedHTML(printable(file))}</summary>`,
    '',
    block('diff', told.join('\n')),
    ...(more > 0 ? ['', `*${more} more ${more === 1 ? 'line is' : 'lines are'} left out.*`] : []),
    '',
    '</details>',
    '',
  ].join('\n');
}

function escapedHTML(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
