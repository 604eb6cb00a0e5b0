/** What is no error in an input, but seldom what its author meant. */
import type { ClusterState } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import { formatProblem, type Problem } from '../api/problem.ts';
import { hasClusterIP } from '../api/service.ts';
import { noSuchNode } from '../sources/node.ts';

/** So many typos are told where rules are what was asked for: a chart may have one in each of its objects. */
const TOLD_TYPOS = 10;

export function typoWarnings(typos: readonly Problem[]): string[] {
  const more = typos.length - TOLD_TYPOS;
  return [
    ...typos.slice(0, TOLD_TYPOS).map(formatProblem),
    ...(more > 0
      ? [`${more} more like these: svc2ipt lint --all tells each, --strict makes them errors`]
      : []),
  ];
}

export function clusterWarnings({ services }: ClusterState): string[] {
  if (services.size === 0) return ['no Service in the input: these are only the rules that every node has'];
  const bare = [...services]
    .filter(([, { service, endpointSlices }]) => endpointSlices.length === 0 && hasClusterIP(service))
    .map(([name]) => name);
  if (bare.length === 0) return [];
  const them = bare.length === 1 ? 'it' : 'them';
  return [
    `no EndpointSlice, Endpoints or Pod in the input gives endpoints to ${enumerate(bare)}: traffic to ${them} is refused`,
  ];
}

/** So many names are told of a list. */
const TOLD = 5;

function enumerate(names: readonly string[]): string {
  return names.slice(0, TOLD).join(', ') + (names.length > TOLD ? ` and ${names.length - TOLD} more` : '');
}

/** @param tellsOfLacks whether the caller itself says that the input has no such Node */
export function unknownNodeWarnings(
  cluster: ClusterState,
  node: NodeFacts,
  nodes: ReadonlyMap<string, unknown>,
  tellsOfLacks: boolean,
): string[] {
  if (node.name !== '') {
    const known = tellsOfLacks || nodes.size === 0 || nodes.has(node.name);
    return known ? [] : [noSuchNode(node.name, 'in the input', nodes.keys())];
  }
  const local = [...cluster.services.values()].some(
    ({ service }) => service.internalTrafficPolicy === 'Local' || service.externalTrafficPolicy === 'Local',
  );
  return local
    ? ['no --node-name: no endpoint counts as local, which Services with a Local policy need']
    : [];
}
