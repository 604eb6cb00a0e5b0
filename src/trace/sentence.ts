/** What becomes of a packet, in one sentence. */

import type { Fate, Outcome } from '../iptables/simulator/fate.ts';
import type { Packet } from '../iptables/simulator/packet.ts';
import type { Stage, Step } from '../iptables/simulator/path.ts';
import { commentOf } from '../iptables/spell.ts';
import { printShare } from '../text/share.ts';
import { destinationPlace } from './packet-words.ts';

/** @param fate with its path */
export function sentenceOf(fate: Fate, packet: Packet): string {
  const groups = [...Map.groupBy(fate.outcomes, groupOf).values()].map((outcomes) => ({
    share: probabilityOf(outcomes),
    words: wordsOf(outcomes, fate.path ?? [], packet),
  }));
  const [only, another] = groups.sort((a, b) => b.share - a.share);
  const told =
    only && !another
      ? `it ${only.words}`
      : groups.map(({ share, words }) => `with probability ${printShare(share)} it ${words}`).join(', ');
  const condition =
    fate.unknown.length === 0
      ? ''
      : `, if ${fate.unknown.length === 1 ? 'the rule that cannot be decided has' : `the ${fate.unknown.length} rules that cannot be decided have`} nothing to say`;
  return `${told.charAt(0).toUpperCase()}${told.slice(1)}${condition}.`;
}

/** Outcomes that one part of the sentence tells together. */
function groupOf({ verdict, rejectWith, dnat, snat, masqueraded }: Outcome): string {
  if (verdict !== 'ACCEPT') return `${verdict} ${rejectWith}`;
  return dnat === undefined ? `as it came ${snat} ${masqueraded}` : 'redirected';
}

function probabilityOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { probability }) => sum + probability, 0);
}

function wordsOf(outcomes: readonly Outcome[], path: readonly Stage[], packet: Packet): string {
  const [first] = outcomes;
  switch (first?.verdict) {
    case 'REJECT':
      return `is refused with ${first.rejectWith}${endedBy('REJECT', path)}`;
    case 'DROP':
      return `is dropped${endedBy('DROP', path)}`;
    default: {
      const targets = Map.groupBy(outcomes, ({ dnat }) => dnat);
      const [target] = targets.keys();
      const source = sourceWords(outcomes);
      if (target === undefined && !isNew(packet)) return knownConnection(packet);
      if (target === undefined) {
        return `goes on to ${destinationPlace(packet)}, which no rule rewrites, ${source}`;
      }
      if (targets.size === 1) return `goes to ${target}, ${source}`;
      const all = probabilityOf(outcomes);
      const shares = new Set([...targets.values()].map((same) => printShare(probabilityOf(same) / all)));
      const each = shares.size === 1 ? `, ${[...shares][0]} each` : ', not all alike';
      return `goes to one of ${targets.size} destinations${each}, ${source}`;
    }
  }
}

/** Only packets of new connections come to the nat table. */
const isNew = ({ states }: Packet) => states === undefined || states.includes('NEW');

function knownConnection(packet: Packet): string {
  return packet.states?.some((state) => state === 'ESTABLISHED' || state === 'RELATED')
    ? 'is let through, and translated like the first packet of its connection: only that one reaches the nat table'
    : `goes on to ${destinationPlace(packet)} unchanged: only packets of new connections reach the nat table`;
}

/** What becomes of the source. */
function sourceWords(outcomes: readonly Outcome[]): string {
  const masqueraded = outcomes.filter((outcome) => outcome.masqueraded);
  const snat = [...new Set(outcomes.map((outcome) => outcome.snat))];
  if (masqueraded.length === outcomes.length) return 'masqueraded';
  if (masqueraded.length > 0) {
    const share = printShare(probabilityOf(masqueraded) / probabilityOf(outcomes));
    return `masqueraded in ${share} of all cases`;
  }
  if (snat.length === 1 && snat[0] === undefined) return 'with its own source';
  return snat.length === 1 ? `with the source ${snat[0]}` : 'with a source that depends on where it goes';
}

/** The rules, or the policy, that a packet ends by. */
function endedBy(verdict: 'DROP' | 'REJECT', path: readonly Stage[]): string {
  const rules = path.flatMap(({ steps }) => steps.filter((step) => step.fits > 0 && endsWith(step, verdict)));
  const [rule, another] = new Map(
    rules.map((step) => [`${step.table} ${step.chain} ${step.number}`, step]),
  ).values();
  if (rule && !another) {
    const comment = commentOf(rule.rule);
    const about = comment === undefined ? '' : ` (${comment})`;
    return ` by rule ${rule.number} of ${rule.chain} in the ${rule.table} table${about}`;
  }
  if (rule) return ` by more than one rule`;
  const stage = path.find(({ policy }) => policy === verdict);
  return stage ? ` by the policy of ${stage.chain} in the ${stage.table} table` : '';
}

function endsWith({ rule: { target } }: Step, verdict: 'DROP' | 'REJECT'): boolean {
  return target?.target === verdict || (target?.target === 'unknown' && target.words.includes(verdict));
}
