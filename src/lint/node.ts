/** A node that is none of the cluster's, so that nothing counts as local to it. */
import { hostName, noSuchNode } from '../sources/node.ts';
import type { Context } from './context.ts';
import type { Found } from './finding.ts';
import { sentence } from './sentences.ts';

export function checkNode({ node: { name }, nodes, services }: Context): Found[] {
  if (name === '' || nodes.has(name)) return [];
  const found = (cause: string): Found => ({
    code: 'node-unknown',
    object: { kind: 'Node', name },
    field: 'metadata.name',
    cause,
  });
  if (nodes.size > 0)
    return [found(sentence(`${noSuchNode(name, 'in the input', nodes.keys())}: no endpoint is local to it`))];
  // Without Nodes, a node may have no endpoint; one that is called almost the same is the same.
  const named = [...services.values()].flatMap(({ endpointSlices }) =>
    endpointSlices.flatMap(({ endpoints }) => endpoints.flatMap(({ nodeName }) => nodeName ?? [])),
  );
  const alike = named.includes(name) ? undefined : named.find((other) => hostName(other) === hostName(name));
  return alike === undefined ? [] : [found(`No endpoint is on node ${name}, but some are on node ${alike}.`)];
}
