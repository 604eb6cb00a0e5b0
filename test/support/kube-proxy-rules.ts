/** What kube-proxy leaves on a node, from the rules that it writes in one transaction. */
import fc from 'fast-check';
import { readComment } from '../../src/chains/comments.ts';
import { JUMPS } from '../../src/chains/jumps.ts';
import { CANARY, CANARY_TABLES } from '../../src/chains/names.ts';
import { printRule } from '../../src/iptables/print.ts';
import { commentOf, targetOf } from './restore-text.ts';

/** The chains in which kube-proxy writes one service port after the other, in an order that is chance. */
export const SHARED_CHAINS = [
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-NODEPORTS',
  'KUBE-PROXY-FIREWALL',
];

/**
 * Input for iptables-restore that makes of empty tables those of a node with kube-proxy: its rules, service port by
 * service port in an order that is chance; the canaries; and the jumps to its chains. It makes KUBE-FIREWALL and the
 * jumps to it in both families, whether there is a rule for it or not.
 * @param rules as kube-proxy gives them to iptables-restore
 * @param seed of the order
 */
export function kubeProxysTables(rules: string, seed: number): string {
  const jumps = CANARY_TABLES.map((table) => {
    const ofTable = JUMPS.filter((jump) => jump.table === table);
    const chains = [CANARY, ...new Set(ofTable.map(({ to }) => to))].map((name) => `:${name} - [0:0]`);
    const lines = ofTable.map(({ from, rule }) => `-I ${from}${printRule(rule)}`);
    return [`*${table}`, ...chains, ...lines, 'COMMIT\n'].join('\n');
  });
  return jumps.join('') + inChanceOrder(rules, seed);
}

/** Rules as kube-proxy gives them to iptables-restore, its service ports visited in another order. */
export function inChanceOrder(rules: string, seed: number): string {
  const lines = rules.split('\n');
  const names = new Set(lines.flatMap((line) => (line.startsWith('-A ') ? (servicePortOf(line) ?? []) : [])));
  const order = new Map(shuffled([...names], seed).map((name, i) => [name, i]));
  const result: string[] = [];
  let shared: string[] = [];
  for (const line of lines) {
    if (line === 'COMMIT') {
      result.push(...inOrder(shared, order, seed));
      shared = [];
    }
    if (SHARED_CHAINS.some((chain) => line.startsWith(`-A ${chain} `))) shared.push(line);
    else result.push(line);
  }
  return result.join('\n');
}

/** The rules of one table's shared chains. The jumps to node ports come last, one for each address out of a set. */
function inOrder(rules: readonly string[], order: ReadonlyMap<string, number>, seed: number): string[] {
  const isLast = (line: string) => targetOf(line) === 'KUBE-NODEPORTS';
  const place = (line: string) => order.get(servicePortOf(line) ?? '') ?? -1;
  const ofServicePorts = rules.filter((line) => !isLast(line));
  return [...ofServicePorts.sort((a, b) => place(a) - place(b)), ...shuffled(rules.filter(isLast), seed)];
}

const servicePortOf = (line: string) => readComment(commentOf(line))?.servicePort;

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const order = fc.shuffledSubarray([...items], { minLength: items.length });
  return fc.sample(order, { seed, numRuns: 1 })[0] ?? [];
}
