/** Traces as they are printed: as text and as JSON. */

import type { Outcome } from '../iptables/simulator/fate.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import { columnsWithin } from '../text/columns.ts';
import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { printShare } from '../text/share.ts';
import { wrap } from '../text/wrap.ts';
import { describePacket, destinationPlace } from './packet-words.ts';
import type { Asked } from './question.ts';
import type { Trace, TraceLine, TraceStage, TraceStep, UndecidedRule } from './trace.ts';

/** Colours a part of the text. */
export type TracePaint = Paint<'title' | 'yes' | 'no' | 'chance' | 'unknown' | 'aside'>;

/** What becomes of the packet, then its way table by table, in lines of at most so many characters. */
export function formatTrace(
  { packet, notes }: Asked,
  trace: Trace,
  paint: TracePaint,
  width: number,
): string {
  const told = describePacket(packet);
  const head = `${told.charAt(0).toUpperCase()}${told.slice(1)}`;
  const wrapped = (text: string, indent = '') => wrap(printable(text), width, indent);
  const blocks = [
    [
      ...wrapped(trace.sentence).map((line) => paint('title', line)),
      ...outcomeTable(trace.outcomes, packet, width),
      ...trace.remarks.flatMap((remark) => wrapped(remark)),
    ],
    ...(trace.unknown.length === 0 ? [] : [unknownLines(trace.unknown, paint, width)]),
    [
      ...wrapped(head).map((line) => paint('title', line)),
      ...notes.flatMap((note) => wrapped(`  ${note}`, '    ')).map((note) => paint('aside', note)),
    ],
    ...trace.stages.map((stage) => stageLines(stage, trace.stages, packet, paint, width)),
  ];
  return blocks.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function stageLines(
  { chain, table, packets, lines, policy }: TraceStage,
  stages: readonly TraceStage[],
  packet: Packet,
  paint: TracePaint,
  width: number,
): string[] {
  const [first] = packets;
  const where = packets.length === 1 ? (first?.destination ?? '') : `${packets.length} destinations`;
  const share = packets.reduce((sum, { probability }) => sum + probability, 0);
  const isAll = printShare(share) === 'all';
  const told =
    isAll && where === destinationPlace(packet) && stages[0]?.chain === chain
      ? ''
      : `, to ${where}${isAll ? '' : ` (${printShare(share)})`}`;
  return [
    paint('title', printable(`${chain}, ${table} table${told}`)),
    ...lines.flatMap((line) => traceLines(line, paint, width)),
    ...(policy === undefined ? [] : [`  ${''.padEnd(ANSWER)}  policy of ${chain}: ${policy}`]),
  ];
}

/** The width of what stands before a rule. */
const ANSWER = 7;

function traceLines(line: TraceLine, paint: TracePaint, width: number): string[] {
  const indentation = '  '.repeat(line.depth);
  // Deep in chains of chains, a narrow terminal has no room for indentation alone.
  const room = Math.max(width - 2 - ANSWER - 2 - indentation.length, 30);
  const margin = `  ${''.padEnd(ANSWER)}  ${indentation}`;
  if ('rest' in line) {
    const what = line.rest === 'no-match' ? 'do not match' : 'take their share in the same way';
    const more = line.rest === 'no-match' ? '' : 'more ';
    return [
      paint(
        'aside',
        `  ${'…'.padEnd(ANSWER)}  ${indentation}${line.rules} ${more}rules of ${line.chain} ${what}`,
      ),
    ];
  }
  const { answer, chain, number, rule, comment, reason } = line;
  const label = printable(`${chain} ${number}`);
  const [first = '', ...others] = wrap(`${label}  ${rule}`, room, '    ');
  const about = comment === undefined ? [] : wrap(`  # ${comment}`, room, '    ');
  return [
    `  ${paint(answer, answerText(line).padEnd(ANSWER))}  ${indentation}${first}`,
    ...others.map((text) => margin + text),
    ...about.map((text) => margin + paint('aside', text)),
    ...wrap(`  ${printable(reason)}`, room, '  ').map((text) => margin + paint('aside', text)),
  ];
}

/** Of what is left to chance, how much comes here and fits. */
function answerText({ answer, fits }: TraceStep): string {
  const share = printShare(fits);
  if (answer === 'chance' || (answer === 'yes' && share !== 'all')) return share;
  return answer === 'unknown' ? '?' : answer;
}

function outcomeTable(outcomes: readonly Outcome[], packet: Packet, width: number): string[] {
  if (outcomes.length < 2) return [];
  const rows = outcomes.map((outcome) => [
    `  ${printShare(outcome.probability)}`,
    outcome.rejectWith === undefined ? outcome.verdict : `${outcome.verdict} ${outcome.rejectWith}`,
    `to ${outcome.dnat ?? destinationPlace(packet)}`,
    sourceOf(outcome),
  ]);
  return columnsWithin(rows, width);
}

function sourceOf({ masqueraded, snat }: Outcome): string {
  if (masqueraded) return 'masqueraded';
  return snat === undefined ? '' : `from ${snat}`;
}

function unknownLines(unknown: readonly UndecidedRule[], paint: TracePaint, width: number): string[] {
  return [
    paint('unknown', 'Not decided:'),
    ...unknown.flatMap(({ table, chain, number, rule, missing }) => [
      ...wrap(`  ${table} ${printable(chain)} ${number}  ${rule}`, width, '      '),
      ...wrap(`    ${printable(missing)}`, width, '    '),
    ]),
  ];
}

/** The packet, the outcomes, and the way to them. */
export function formatTraceJSON(
  { packet, notes }: Asked,
  { sentence, remarks, outcomes, unknown, stages }: Trace,
): string {
  return `${JSON.stringify({ packet, notes, sentence, remarks, outcomes, unknown, stages }, undefined, 2)}\n`;
}
