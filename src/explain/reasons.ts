/** Why packets get to no endpoint: found out by taking away what keeps them from one, and sending them again. */
import { readComment, UNASSIGNED } from '../chains/comments.ts';
import { chainKind } from '../chains/names.ts';
import type { Fate } from '../iptables/simulator/fate.ts';
import type { Step } from '../iptables/simulator/path.ts';
import type { PreparedChain, PreparedRule, PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { type SpelledRule, spellPlaced } from '../iptables/spell.ts';
import type { Family, Rule, TableName } from '../iptables/types.ts';

export type Reason =
  | {
      /**
       * What the Service lacks, or asks for: `no-endpoints` and `no-local-endpoints` that can be used, `source-ranges` that
       * do not have the sender. Or what others decide: a `rule` that drops or refuses; the node's own that refuses what is
       * `unassigned`; `untracked` and `ended-early`, by which no rule of a Service sees the packet.
       */
      readonly reason:
        | 'no-endpoints'
        | 'no-local-endpoints'
        | 'source-ranges'
        | 'rule'
        | 'unassigned'
        | 'untracked'
        | 'ended-early';
      /** The rule that decides it; where that only marks the packet for another one, the rule that leads to the mark. */
      readonly rule: SpelledRule;
    }
  /** The policy of a built-in chain. */
  | { readonly reason: 'policy'; readonly table: TableName; readonly chain: string };

/** Whether a fate has any outcome that no endpoint sees. */
function isLost({ outcomes }: Fate): boolean {
  return outcomes.some(({ verdict, dnat }) => verdict !== 'ACCEPT' || dnat === undefined);
}

/** Sends the packet again, through other rules or, though the node sent it, as one that arrives; recording its path. */
export type Send = (ruleset: PreparedRuleset, arrives?: true) => Fate;

/**
 * All that keeps a packet from endpoints, what decides most first: each of them must go for it to get to one.
 * @param fate with its path
 * @returns none where it gets to an endpoint, or where nothing on its way says why not
 */
export function reasonsOf(fate: Fate, ruleset: PreparedRuleset, send: Send): readonly Reason[] {
  if (!isLost(fate)) return [];
  const { family } = ruleset;
  const steps = (fate.path ?? []).flatMap(({ steps }) => steps);
  const ended = fate.outcomes.find(({ verdict }) => verdict !== 'ACCEPT');
  if (!ended) {
    const unseen = whyUnseen(steps, family);
    if (unseen.length > 0 || fate.path?.[0]?.chain !== 'OUTPUT') return unseen;
    // What the node itself sends to an external address meets no rule that refuses it for want of endpoints.
    return reasonsOf(send(ruleset, true), ruleset, send).filter(({ reason }) => reason === 'no-endpoints');
  }
  const end = endOf(steps, ended.verdict);
  if (!end) {
    const stage = fate.path?.find(({ policy }) => policy === 'DROP');
    return stage ? [{ reason: 'policy', table: stage.table, chain: stage.chain }] : [];
  }
  const deciding = markedBy(end, steps) ?? end;
  const rule = spellPlaced(deciding, family);
  switch (lackOf(deciding, rule)) {
    case undefined:
      return [{ reason: 'rule', rule }];
    case 'no-endpoints':
      return [{ reason: 'no-endpoints', rule }];
    case 'no-local-endpoints':
      return [{ reason: 'no-local-endpoints', rule }];
    case 'unassigned':
      return [{ reason: 'unassigned', rule }];
    case 'source-ranges': {
      const isAdmitted = steps.some(({ fits, rule }) => fits > 0 && leadsThroughFirewall(rule));
      const opened = send(withoutSourceRanges(ruleset));
      const others = reasonsOf(opened, ruleset, send);
      // Without the ranges, it is dropped all the same: then they are not what keeps out a sender that is in them.
      if (others.length > 0) return isAdmitted ? others : [...others, { reason: 'source-ranges', rule }];
      return [{ reason: isLost(opened) && isAdmitted ? 'rule' : 'source-ranges', rule }];
    }
  }
}

/** The last rule that did to the packet what became of it. */
export function endOf(steps: readonly Step[], verdict: string): Step | undefined {
  return steps.findLast(
    ({ fits, rule: { target } }) =>
      fits > 0 &&
      (target?.target === verdict || (target?.target === 'unknown' && target.words.includes(verdict))),
  );
}

/** Of a rule that drops what is marked, the one that led to the mark, as kube-proxy before v1.28 did it. */
function markedBy({ rule }: Step, steps: readonly Step[]): Step | undefined {
  const mark = rule.matches.find((match) => match.match === 'mark');
  if (!mark || mark.negated) return undefined;
  const set = steps.findIndex(
    ({ fits, rule: { target } }) =>
      fits > 0 && target?.target === 'MARK' && (target.value & mark.value) !== 0,
  );
  const marks = steps[set];
  if (!marks) return undefined;
  return steps.slice(0, set).findLast(({ depth, fits }) => fits > 0 && depth === marks.depth - 1) ?? marks;
}

/** What a rule of a Service says that the Service lacks. */
function lackOf({ chain }: Step, { comment }: SpelledRule) {
  if (comment === UNASSIGNED) return 'unassigned';
  const form = comment === undefined ? undefined : readComment(comment)?.form;
  if (form === 'no endpoints') return 'no-endpoints';
  if (form === 'no local endpoints') return 'no-local-endpoints';
  // Before v1.27, the firewall's chain itself led to the mark for dropping.
  return form === 'not accepted' || chainKind(chain) === 'firewall' ? 'source-ranges' : undefined;
}

/** Why no rule of a Service has taken a packet. */
function whyUnseen(steps: readonly Step[], family: Family): Reason[] {
  const untracked = steps.find(({ table, fits, rule }) => table === 'raw' && fits > 0 && isNotrack(rule));
  if (untracked) return [{ reason: 'untracked', rule: spellPlaced(untracked, family) }];
  const ended = steps.find(
    ({ table, fits, rule }) => table === 'nat' && fits > 0 && rule.target?.target === 'ACCEPT',
  );
  return ended ? [{ reason: 'ended-early', rule: spellPlaced(ended, family) }] : [];
}

function isNotrack({ target }: Rule): boolean {
  return (
    target?.target === 'unknown' && (target.words.includes('NOTRACK') || target.words.includes('--notrack'))
  );
}

/** A rule of a firewall that lets senders through. */
function leadsThroughFirewall({ matches, target }: Rule): boolean {
  return (
    target?.target === 'jump' &&
    chainKind(target.chain) === 'external' &&
    matches.some(({ match }) => match === 'source')
  );
}

/** The same rules, as if no Service had source ranges. */
function withoutSourceRanges(ruleset: PreparedRuleset): PreparedRuleset {
  return {
    ...ruleset,
    chain(table, name) {
      const chain = ruleset.chain(table, name);
      if (!chain) return undefined;
      if (table === 'nat' && chainKind(name) === 'firewall')
        return withRules(chain, chain.rules.map(openedRule));
      if (table !== 'filter') return chain;
      const others = chain.rules.filter(({ rule }) => !isRefusingSenders(rule));
      return others.length === chain.rules.length ? chain : withRules(chain, others);
    },
  };
}

function withRules(chain: PreparedChain, rules: readonly PreparedRule[]): PreparedChain {
  return { ...chain, rules, candidates: () => rules };
}

function openedRule(rule: PreparedRule): PreparedRule {
  if (!leadsThroughFirewall(rule.rule)) return rule;
  return { ...rule, conditions: rule.conditions.filter(({ match }) => match.match !== 'source') };
}

function isRefusingSenders({ matches }: Rule): boolean {
  return matches.some(
    (match) => match.match === 'comment' && readComment(match.comment)?.form === 'not accepted',
  );
}
