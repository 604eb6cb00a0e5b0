/** Traces as they are printed: as text and as JSON. */

import type { Outcome } from '../iptables/simulator/fate.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import type { SpelledRule } from '../iptables/spell.ts';
import { columns } from '../text/columns.ts';
import type { Paint } from '../text/paint.ts';
import { printable } from '../text/printable.ts';
import { printShare } from '../text/share.ts';
import { describePacket, destinationPlace } from './packet-words.ts';
import type { Asked } from './question.ts';
import type { Trace, TraceLine, TraceStage, TraceStep } from './trace.ts';

/** Colours a part of the text. */
export type TracePaint = Paint<'title' | 'yes' | 'no' | 'chance' | 'unknown' | 'aside'>;

/** The way table by table, and what becomes of the packet. */
export function formatTrace({ packet, notes }: Asked, trace: Trace, paint: TracePaint): string {
  const told = describePacket(packet);
  const head = `${told.charAt(0).toUpperCase()}${told.slice(1)}`;
  const blocks = [
    [paint('title', printable(head)), ...notes.map((note) => paint('aside', printable(`  ${note}`)))],
    ...trace.stages.map((stage) => stageLines(stage, trace.stages, packet, paint)),
    [paint('title', printable(trace.sentence)), ...outcomeTable(trace.outcomes, packet)],
    ...(trace.unknown.length === 0 ? [] : [unknownLines(trace.unknown, paint)]),
  ];
  return blocks.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function stageLines(
  { chain, table, packets, lines, policy }: TraceStage,
  stages: readonly TraceStage[],
  packet: Packet,
  paint: TracePaint,
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
    ...lines.flatMap((line) => traceLines(line, paint)),
    ...(policy === undefined ? [] : [`  ${''.padEnd(ANSWER)}  policy of ${chain}: ${policy}`]),
  ];
}

/** The width of what stands before a rule. */
const ANSWER = 7;

function traceLines(line: TraceLine, paint: TracePaint): string[] {
  const indentation = '  '.repeat(line.depth);
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
  const about = comment === undefined ? '' : paint('aside', `  # ${comment}`);
  return [
    `  ${paint(answer, answerText(line).padEnd(ANSWER))}  ${indentation}${label}  ${rule}${about}`,
    paint('aside', `  ${''.padEnd(ANSWER)}  ${indentation}  ${reason}`),
  ];
}

/** Of what is left to chance, how much comes here and fits. */
function answerText({ answer, fits }: TraceStep): string {
  const share = printShare(fits);
  if (answer === 'chance' || (answer === 'yes' && share !== 'all')) return share;
  return answer === 'unknown' ? '?' : answer;
}

function outcomeTable(outcomes: readonly Outcome[], packet: Packet): string[] {
  if (outcomes.length < 2) return [];
  const rows = outcomes.map((outcome) => [
    `  ${printShare(outcome.probability)}`,
    outcome.rejectWith === undefined ? outcome.verdict : `${outcome.verdict} ${outcome.rejectWith}`,
    `to ${outcome.dnat ?? destinationPlace(packet)}`,
    sourceOf(outcome),
  ]);
  return columns(rows);
}

function sourceOf({ masqueraded, snat }: Outcome): string {
  if (masqueraded) return 'masqueraded';
  return snat === undefined ? '' : `from ${snat}`;
}

function unknownLines(unknown: readonly SpelledRule[], paint: TracePaint): string[] {
  return [
    paint('unknown', 'Not decided:'),
    ...unknown.map(({ table, chain, number, rule }) => `  ${table} ${printable(chain)} ${number}  ${rule}`),
  ];
}

/** The packet, the outcomes, and the way to them. */
export function formatTraceJSON(
  { packet, notes }: Asked,
  { sentence, outcomes, unknown, stages }: Trace,
): string {
  return `${JSON.stringify({ packet, notes, sentence, outcomes, unknown, stages }, undefined, 2)}\n`;
}
