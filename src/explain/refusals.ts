/** Why a Service refuses or drops traffic, in words. */
import { describeAddress } from '../chains/service-addresses.ts';
import type { SpelledRule } from '../iptables/spell.ts';
import type { ExplainedPort } from './explain.ts';
import type { Explanation } from './explanation.ts';
import type { Reason } from './reasons.ts';
import type { WayIn } from './ways.ts';

/** A clause for all reasons together: `no endpoint on node-a can be used, and ...`; undefined where there is none. */
export function whyLost(way: WayIn, port: ExplainedPort, explanation: Explanation): string | undefined {
  const clauses = way.becomes.reasons.map((reason) => clauseOf(reason, way, port, explanation));
  return clauses.length === 0 ? undefined : clauses.join(', and ');
}

function clauseOf(reason: Reason, way: WayIn, port: ExplainedPort, explanation: Explanation): string {
  const { service, nodeName, skippedSlices } = explanation;
  switch (reason.reason) {
    case 'no-endpoints':
      return noEndpoints(port, service !== undefined, skippedSlices);
    case 'no-local-endpoints': {
      const here = nodeName === '' ? 'this node' : nodeName;
      const policy =
        way.to.way === 'cluster-ip' ? 'internalTrafficPolicy Local' : 'externalTrafficPolicy Local';
      return `${policy} allows only endpoints on ${here}, where none can be used`;
    }
    case 'source-ranges': {
      const ranges = service?.loadBalancerSourceRanges ?? [];
      return `the sender is in no source range${ranges.length > 0 ? ` (${ranges.join(', ')})` : ''}`;
    }
    case 'policy':
      return `no rule accepts it, and the policy of ${reason.chain} in the ${reason.table} table is DROP`;
    case 'unassigned':
      return `${placeOf(reason.rule)} refuses what is to a cluster IP or port of no Service (svc2ipt.rejectUnassigned)`;
    case 'untracked':
      return `${placeOf(reason.rule)} keeps it from connection tracking, so no rule of a Service sees it`;
    case 'ended-early':
      return `${placeOf(reason.rule)} accepts it before any rule of a Service sees it`;
    case 'rule':
      return `${placeOf(reason.rule)} ${way.becomes.verdict === 'REJECT' ? 'refuses' : 'drops'} it`;
  }
}

function noEndpoints(
  { endpoints, podsWithoutEndpoint }: ExplainedPort,
  isPlanned: boolean,
  [skipped]: Explanation['skippedSlices'],
): string {
  if (!isPlanned) return 'it has no endpoint that this node may use';
  if (endpoints.length > 0) {
    const why = [...new Set(endpoints.map(({ unused }) => unused ?? 'not used'))];
    const reasons = why.length > 2 ? 'see below' : why.join(', or ');
    return endpoints.length === 1
      ? `its only endpoint cannot be used (${reasons})`
      : `none of its ${endpoints.length} endpoints can be used (${reasons})`;
  }
  if (skipped?.skipped) {
    return `kube-proxy ignores EndpointSlice ${skipped.namespace}/${skipped.name} for its ${skipped.skipped.because}`;
  }
  if (podsWithoutEndpoint.length > 0) return 'no Pod that its selector matches is an endpoint';
  return 'no EndpointSlice has an endpoint of this port';
}

/** `rule 1 of FORWARD in the filter table` */
export function placeOf({ chain, number, table }: SpelledRule): string {
  return `rule ${number} of ${chain} in the ${table} table`;
}

/** `cluster IP 10.96.0.10:80 from this node` */
export function describeWay({ to }: WayIn, from: string): string {
  return `${describeAddress(to)} from ${from}`;
}
