/** Why a Service refuses or drops traffic, in words. */
import type { Service } from '../api/service.ts';
import { readComment } from '../chains/comments.ts';
import type { ExplainedPort } from './explain.ts';
import type { Becomes } from './ways.ts';

/** A sentence; undefined for what is neither refused nor dropped. */
export function refusalReason(
  { endedBy }: Becomes,
  { endpoints }: ExplainedPort,
  service: Service | undefined,
  nodeName: string,
): string | undefined {
  if (!endedBy) return undefined;
  const form = endedBy.comment === undefined ? undefined : readComment(endedBy.comment)?.form;
  if (form === 'no endpoints') {
    if (!service) return 'it has no endpoints that this node may use.';
    if (endpoints.length === 0) return 'no EndpointSlice has an endpoint of this port.';
    return endpoints.length === 1
      ? 'its only endpoint cannot be used from here.'
      : `none of its ${endpoints.length} endpoints can be used from here.`;
  }
  if (form === 'no local endpoints') {
    const here = nodeName === '' ? 'this node' : nodeName;
    return `the traffic policy is Local, and no endpoint that can be used is on ${here}.`;
  }
  if (form === 'not accepted') {
    const ranges = service?.loadBalancerSourceRanges ?? [];
    return ranges.length > 0
      ? `no source range (${ranges.join(', ')}) has its sender.`
      : 'no source range has its sender.';
  }
  return `rule ${endedBy.number} of ${endedBy.chain} in the ${endedBy.table} table says so.`;
}
