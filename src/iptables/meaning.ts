/** What rules mean, however they are spelled. */
import { MATCH_TRAITS } from './match-traits.ts';
import { keptProbability } from './saved.ts';
import type { Match, Rule } from './types.ts';

/**
 * A text that two rules share if and only if they mean the same. Differences that do not count: `/32` and `/128`, a
 * protocol's extension that looks at nothing,
 * ranges of all addresses, the order of matches that only look, a probability's digits beyond what the kernel keeps,
 * the order of states.
 * A match that also does something (statistic, recent, nfacct) keeps its place among the others, since those behind
 * it decide only after it has acted. Comments count: they are what people find rules by.
 */
export function ruleMeaning(rule: Rule): string {
  const base: string[] = [];
  const runs: string[][] = [[]];
  const port = rule.matches.find(({ match }) => match === 'destination-port');
  for (const match of rule.matches.filter(chooses).map(normalize)) {
    const text = JSON.stringify(match);
    // The port is looked at where the extension of its protocol stands, wherever it is written.
    if (match.match === 'protocol' && port) runs.at(-1)?.push(JSON.stringify(port));
    if (match === port) continue;
    const { looked, acts } = MATCH_TRAITS[match.match];
    // A comment may stand anywhere, too.
    if (looked === 'first' || looked === 'never') base.push(text);
    else if (acts) runs.push([text], []);
    else runs.at(-1)?.push(text);
  }
  return JSON.stringify([
    base.sort(),
    runs.map((run) => run.sort()).filter((run) => run.length > 0),
    rule.target,
  ]);
}

/** Whether two rules mean the same. */
export function sameMeaning(a: Rule, b: Rule): boolean {
  return a === b || ruleMeaning(a) === ruleMeaning(b);
}

/** Whether there can be a packet that does not fit. iptables forgets ranges of all addresses. */
function chooses(match: Match): boolean {
  const isRange = match.match === 'source' || match.match === 'destination';
  return !isRange || match.negated === true || !match.address.endsWith('/0');
}

function normalize(match: Match): Match {
  switch (match.match) {
    case 'source':
    case 'destination':
      return {
        ...match,
        address: match.address.replace(match.address.includes(':') ? /\/128$/ : /\/32$/, ''),
      };
    case 'conntrack':
      return { ...match, states: [...new Set(match.states)].sort() };
    case 'protocol':
      return { match: 'protocol', protocol: match.protocol };
    case 'statistic':
      return { ...match, probability: keptProbability(match.probability) };
    case 'comment':
    case 'destination-port':
    case 'in-interface':
    case 'mark':
    case 'addrtype':
    case 'recent':
    case 'nfacct':
    case 'bpf':
    case 'unknown':
      return match;
  }
}
