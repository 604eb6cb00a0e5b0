/** What a chain is there for: whose it is, who leads to it, and what its rules say. */

import { aboutOf, UNASSIGNED } from '../chains/comments.ts';
import { chainKind, isServicePortChain } from '../chains/names.ts';
import { packetsLabel, targetLabel } from '../iptables/labels.ts';
import { sameMeaning } from '../iptables/meaning.ts';
import { parseRule } from '../iptables/parse.ts';
import { readSavedText, type TextChain, targetOf } from '../iptables/saved-text.ts';
import { commentOf, spellRule } from '../iptables/spell.ts';
import type { Family, Rule } from '../iptables/types.ts';

export interface ExplainedChain {
  readonly table: string;
  readonly chain: string;
  /** The service ports that it is there for, as rules print them; none where it is the node's, or somebody else's. */
  readonly servicePorts: readonly string[];
  /** One of the node's own, whatever Services there are. */
  readonly ofNode: boolean;
  /** What it does, in a sentence; undefined where we do not know. */
  readonly purpose: string | undefined;
  /** The first of the rules that lead to it, and how many there are. */
  readonly ledToBy: readonly ExplainedRule[];
  readonly ledToByCount: number;
  readonly rules: readonly ExplainedRule[];
}

export interface ExplainedRule {
  readonly chain: string;
  /** From 1, as iptables counts. */
  readonly number: number;
  /** As iptables-save prints it, without the comment. */
  readonly rule: string;
  readonly comment: string | undefined;
  /** Which packets it takes, and what it does with them. */
  readonly words: string;
  /** The one that was asked about. */
  readonly asked: boolean;
}

/**
 * Explains a chain in every table that has one of that name.
 * @param text of whole tables, as iptables-save prints it or as iptables-restore takes it
 * @param asked the rule that the question is about
 * @param most so many of the rules that lead to it are told: on a large node, there are tens of thousands
 * @throws ParseError where the text is not of that form
 */
export function explainChain(
  text: string,
  family: Family,
  name: string,
  asked?: Rule,
  most = Number.POSITIVE_INFINITY,
): ExplainedChain[] {
  const kind = chainKind(name);
  const ofNode = kind === 'node' || kind === 'shared' || kind === 'canary' || kind === 'tree';
  const naming = new Map<string, PlacedLine[]>();
  // A large node has hundreds of thousands of rules: where nobody climbs, those that do not name the chain are let go.
  const isKept = (line: string, chain: string, number: number, table: string) => {
    if (!ofNode) return true;
    if (line.includes(name)) {
      const others = naming.get(table) ?? [];
      naming.set(table, others);
      others.push({ chain, number, line });
    }
    return chain === name;
  };
  return [...readSavedText(text, undefined, isKept)].flatMap(([table, chains]) => {
    const chain = chains.get(name);
    if (!chain) return [];
    const rules = chain.lines.map((line) => parseRule(line, family));
    const leading = jumpsByTarget(chains, ofNode ? (naming.get(table) ?? []) : linesOf(chains));
    const ledToBy = leadingTo(name, leading, family);
    return [
      {
        table,
        chain: name,
        // All of them lead there: to name each would say nothing, and take minutes.
        servicePorts: ofNode ? [] : servicePortsOf(name, leading, family),
        ofNode,
        purpose: purposeOf(table, name, rules),
        ledToBy: firstOf(ledToBy, most).map((placed) => explainRule(placed, family)),
        ledToByCount: leading.get(name)?.length ?? 0,
        rules: rules.map((rule, i) =>
          explainRule(
            { chain: name, number: i + 1, rule },
            family,
            asked !== undefined && sameMeaning(rule, asked),
          ),
        ),
      },
    ];
  });
}

interface Placed {
  readonly chain: string;
  readonly number: number;
  readonly rule: Rule;
}

/** A line that may lead to a chain, and where it stands. */
interface PlacedLine {
  readonly chain: string;
  readonly number: number;
  readonly line: string;
}

type Leading = ReadonlyMap<string, readonly PlacedLine[]>;

/** Lines by the chain that they lead to, without parsing them: a large node has hundreds of thousands. */
function jumpsByTarget(chains: ReadonlyMap<string, TextChain>, lines: Iterable<PlacedLine>): Leading {
  const found = new Map<string, PlacedLine[]>();
  for (const placed of lines) {
    const target = targetOf(placed.line);
    if (target === undefined || !chains.has(target)) continue;
    const others = found.get(target);
    if (others) others.push(placed);
    else found.set(target, [placed]);
  }
  return found;
}

function* linesOf(chains: ReadonlyMap<string, TextChain>): Generator<PlacedLine> {
  for (const [chain, { lines }] of chains) {
    for (const [i, line] of lines.entries()) yield { chain, number: i + 1, line };
  }
}

function* leadingTo(name: string, leading: Leading, family: Family): Generator<Placed> {
  for (const { chain, number, line } of leading.get(name) ?? []) {
    yield { chain, number, rule: parseRule(line, family) };
  }
}

function firstOf<T>(all: Iterable<T>, most: number): T[] {
  const first: T[] = [];
  for (const one of all) {
    if (first.length >= most) break;
    first.push(one);
  }
  return first;
}

/** Up to the rules in shared chains, whose comments say whom they are for. */
function servicePortsOf(name: string, leading: Leading, family: Family): string[] {
  const servicePorts = new Set<string>();
  const climbed = new Set([name]);
  for (const chain of climbed) {
    for (const { chain: from, rule } of leadingTo(chain, leading, family)) {
      const about = isServicePortChain(from) ? undefined : aboutOf(rule);
      if (about) servicePorts.add(about.servicePort);
      else climbed.add(from);
    }
  }
  return [...servicePorts].sort();
}

const OF_UNASSIGNED =
  'refuses or drops packets to cluster IPs without endpoints, and refuses those to cluster IPs and ports of no Service ' +
  '(svc2ipt.rejectUnassigned)';

const PURPOSES: Readonly<Record<string, string>> = {
  'nat KUBE-SERVICES': 'finds the Service that a packet is for, by its destination',
  'filter KUBE-SERVICES': 'refuses or drops packets to cluster IPs without endpoints',
  'filter KUBE-EXTERNAL-SERVICES':
    'refuses or drops packets to external IPs, load-balancer IPs and node ports without endpoints',
  'nat KUBE-NODEPORTS': 'finds the Service that a packet is for, by its node port',
  'filter KUBE-NODEPORTS': 'lets load balancers ask for the health of Services',
  'filter KUBE-PROXY-FIREWALL': 'drops packets from outside the source ranges of Services',
  'filter KUBE-FORWARD': 'accepts forwarded packets of Services, and drops those of no known connection',
  'filter KUBE-FIREWALL': 'keeps the network away from 127.0.0.0/8',
  'nat KUBE-POSTROUTING': 'masquerades what is marked for it',
  'nat KUBE-MARK-MASQ': 'marks packets to be masqueraded on their way out',
};

function purposeOf(table: string, name: string, rules: readonly Rule[]): string | undefined {
  const refusesUnassigned = rules.some((rule) => commentOf(rule) === UNASSIGNED);
  if (table === 'filter' && name === 'KUBE-SERVICES' && refusesUnassigned) return OF_UNASSIGNED;
  const named = PURPOSES[`${table} ${name}`];
  if (named !== undefined) return named;
  switch (chainKind(name)) {
    case 'canary':
      return 'does nothing: when it is gone, somebody has flushed the table';
    case 'cluster':
      return 'chooses among all endpoints that this node may use (the Cluster policy)';
    case 'local':
      return "chooses among this node's own endpoints (the Local policy)";
    case 'external':
      return 'takes packets to its external IPs, load-balancer IPs and node port';
    case 'firewall':
      return 'lets the source ranges through to its load-balancer IPs';
    case 'endpoint': {
      const targets = rules.flatMap(({ target }) => (target?.target === 'DNAT' ? [target.to] : []));
      return `sends packets to the endpoint ${targets.join(', ')}`;
    }
    case 'group':
      return 'chooses among some of the endpoints';
    case 'tree':
      return table === 'nat' || table === 'filter'
        ? 'is a part of a larger chain, for some destinations'
        : undefined;
    // Of these names in a table where we have none, or somebody else's.
    case 'shared':
    case 'node':
    case undefined:
      return undefined;
  }
}

function explainRule({ chain, number, rule }: Placed, family: Family, asked = false): ExplainedRule {
  const packets = packetsLabel(rule.matches, false);
  const does =
    rule.target?.target === 'jump'
      ? `to ${rule.target.chain}`
      : rule.target
        ? targetLabel(rule.target)
        : 'nothing';
  return {
    chain,
    number,
    rule: spellRule(rule, family),
    comment: commentOf(rule),
    words: `${packets === '' ? 'every packet' : packets}: ${does}`,
    asked,
  };
}
