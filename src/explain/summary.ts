/** What a Service comes to on a node, in one sentence for people who do not read rules. */
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import { joinPort } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import type { ExplainedPort } from './explain.ts';
import type { Explanation } from './explanation.ts';
import type { Reason } from './reasons.ts';
import type { WayIn } from './ways.ts';

/**
 * `Pods reach shop/web at 10.96.20.1:80; node port 30080 answers on every address of this node; load-balancer IP
 * 203.0.113.10:80 answers, and drops clients outside 198.51.100.0/24.`
 */
export function summaryOf(explanation: Explanation): string {
  const { name, none, ports } = explanation;
  if (none !== undefined) return none;
  const clauses = ports.flatMap((port) => {
    const byAddress = Map.groupBy(port.ways, ({ to }) => to);
    return [...byAddress].map(([to, ways]) => ({ to, ...clauseOf(to, ways, port, explanation) }));
  });
  const reached = clauses.flatMap(({ to, isReached }) =>
    isReached && to.address !== undefined ? [joinPort(to.address, to.port)] : [],
  );
  const others = [...new Set(clauses.flatMap(({ isReached, clause }) => (isReached ? [] : [clause])))];
  const first = reached.length === 0 ? [] : [`Pods reach ${name} at ${named(reached)}`];
  const told = [...first, ...others].join('; ');
  return `${told.charAt(0).toUpperCase()}${told.slice(1)}.`;
}

interface Clause {
  /** It is a cluster IP that everybody on this node reaches: these are told of together. */
  readonly isReached: boolean;
  readonly clause: string;
}

function clauseOf(
  to: ServiceAddress,
  ways: readonly WayIn[],
  port: ExplainedPort,
  explanation: Explanation,
): Clause {
  const good = ways.filter(({ becomes }) => becomes.verdict === 'endpoints' && becomes.lost === 0);
  const bad = ways.filter((way) => !good.includes(way));
  const place = to.way === 'node-port' ? `node port ${to.port}` : describeAddress(to);
  const clause = (text: string): Clause => ({ isReached: false, clause: text });
  if (bad.length === 0) {
    if (to.way === 'cluster-ip') return { isReached: true, clause: '' };
    const where = port.nodePortAddresses?.join(', ') ?? 'every address of this node';
    return clause(to.way === 'node-port' ? `${place} answers on ${where}` : `${place} answers everybody`);
  }
  const fates = [...Map.groupBy(bad, (way) => `${verbOf(way)}${why(way, explanation)}`).values()];
  if (good.length === 0 && fates.length > 1) {
    const whose = fates.map((same) => {
      const [way] = same;
      return `${named(same.flatMap(whomOf))}${way === undefined ? '' : why(way, explanation)}`;
    });
    return clause(`${place} answers nobody: not ${whose.join(', not ')}`);
  }
  const told = fates.flatMap((same) => {
    const [way] = same;
    if (!way) return [];
    const onlyRanges = way.becomes.reasons.every(({ reason }) => reason === 'source-ranges');
    const ranges = explanation.service?.loadBalancerSourceRanges ?? [];
    if (onlyRanges && way.becomes.reasons.length > 0 && ranges.length > 0) {
      return [`${verbOf(way)} clients outside ${named(ranges)}`];
    }
    const isAll = good.length === 0 && fates.length === 1;
    if (isAll && way.becomes.verdict === 'through') {
      return [`does not lead to the Service${why(way, explanation) || ' (no rule takes it)'}`];
    }
    const whom = isAll ? 'everybody' : named(same.flatMap(whomOf));
    return [`${verbOf(way)} ${whom}${why(way, explanation)}`];
  });
  const whom = named(good.flatMap(whomOf));
  // Whom a range lets in, the range itself tells.
  const isGuarded = good.length > 0 && told.length === 1 && told[0]?.includes(' clients outside ');
  const answers = good.length === 0 ? [] : [isGuarded ? 'answers' : `answers ${whom}`];
  return clause(`${place} ${[...answers, ...told].join(', and ')}`);
}

function whomOf({ from }: WayIn): string[] {
  return from.map((name) => (name.startsWith('pods ') ? 'Pods' : name));
}

/** ` (no endpoint on node-a can be used)`; empty where nothing says why. */
function why({ becomes: { reasons } }: WayIn, { nodeName }: Explanation): string {
  const words = reasons.map(({ reason }) => wordsOf(reason, nodeName === '' ? 'this node' : nodeName));
  return words.length === 0 ? '' : ` (${words.join(', and ')})`;
}

function verbOf({ becomes: { verdict, lost } }: WayIn): string {
  switch (verdict) {
    case 'REJECT':
      return 'refuses';
    case 'DROP':
      return 'drops';
    case 'through':
      return 'does not lead to the Service for';
    case 'endpoints':
      return lost > 0 ? 'loses some packets of' : 'answers';
  }
}

function wordsOf(reason: Reason['reason'], here: string): string {
  switch (reason) {
    case 'no-endpoints':
      return 'no endpoint can be used';
    case 'no-local-endpoints':
      return `no endpoint on ${here} can be used`;
    case 'source-ranges':
      return 'the sender is in no source range';
    case 'policy':
      return 'no rule of this node allows it';
    case 'rule':
      return "a rule that is not the Service's forbids it";
    case 'unassigned':
      return 'svc2ipt.rejectUnassigned refuses what no Service has';
    case 'untracked':
    case 'ended-early':
      return 'another rule takes it first';
  }
}

/** So many are named. */
const NAMED = 4;

const named = (names: readonly string[]) => enumerate(names, NAMED);
