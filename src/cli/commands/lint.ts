/** `svc2ipt lint`: what is legal in manifests and will surprise on a node. */
import { styleText } from 'node:util';
import { type ClusterState, namespacedName } from '../../api/cluster.ts';
import type { PlacedObject } from '../../api/objects.ts';
import { isWorkload } from '../../api/workload.ts';
import { type Finding, objectName } from '../../lint/finding.ts';
import { lintCluster } from '../../lint/lint.ts';
import { type FindingsPaint, formatFindings, formatFindingsJSON, type PlaceOf } from '../../lint/report.ts';
import { SEVERITIES } from '../../lint/severity.ts';
import { contains, familyOf, parseCIDR } from '../../net/address.ts';
import { DEFAULT_SERVICE_RANGES } from '../../sources/cluster.ts';
import { STANDARD_INPUT } from '../../sources/files.ts';
import type { SourceText } from '../../sources/source-text.ts';
import { readInputWithWorkloads } from '../inputs.ts';
import type { CommandOutcome } from '../run.ts';
import type { LintCommandOptions } from './lint.command.ts';

/** @param version of svc2ipt */
export async function lintAction(options: LintCommandOptions, version: string): Promise<CommandOutcome> {
  const { cluster, node, pods, objects: placed, sources } = await readInputWithWorkloads(options);
  const objects = placed.map(({ object }) => object);
  const findings = lintCluster(cluster, node, {
    nodes: new Map(objects.flatMap((object) => (object.kind === 'Node' ? [[object.name, object]] : []))),
    // Also those without a Service, which the cluster has not.
    endpointSlices: objects.flatMap((object) => (object.kind === 'EndpointSlice' ? [object] : [])),
    pods: [...pods.values()],
    workloads: objects.flatMap((object) => (isWorkload(object) ? [object] : [])),
    serviceRanges: serviceRanges(options, cluster),
  });
  return {
    output: await format(findings, placesOf(placed), sources, options.output, version),
    exitCode: fails(findings, options.failOn) ? 1 : 0,
  };
}

/** File, document and item, by the name of the object; the first where it is there twice. */
function placesOf(placed: readonly PlacedObject[]): PlaceOf {
  const places = new Map<string, readonly string[]>();
  for (const { object, at } of placed) {
    if (!('namespace' in object)) continue;
    const name = `${object.kind} ${namespacedName(object)}`;
    if (!places.has(name)) places.set(name, at.slice(0, -1));
  }
  return ({ object }) => places.get(objectName(object)) ?? [];
}

/** As the user says; else the usual ones, where this cluster's IPs are in them. */
function serviceRanges({ serviceClusterIpRange }: LintCommandOptions, { services }: ClusterState): string[] {
  if (serviceClusterIpRange !== undefined) {
    return serviceClusterIpRange.split(',').flatMap((range) => parseCIDR(range.trim()) ?? []);
  }
  const ips = [...services.values()].flatMap(({ service }) =>
    service.clusterIPs.filter((ip) => ip !== 'None'),
  );
  return DEFAULT_SERVICE_RANGES.flatMap((range) => {
    const ofFamily = ips.filter((ip) => familyOf(ip) === familyOf(range));
    return ofFamily.length > 0 && ofFamily.every((ip) => contains(range, ip)) ? (parseCIDR(range) ?? []) : [];
  });
}

function fails(findings: readonly Finding[], failOn: LintCommandOptions['failOn']): boolean {
  if (failOn === 'never') return false;
  const failing = SEVERITIES.slice(0, SEVERITIES.indexOf(failOn) + 1);
  return findings.some(({ severity }) => failing.includes(severity));
}

async function format(
  findings: readonly Finding[],
  placeOf: PlaceOf,
  sources: readonly SourceText[],
  output: LintCommandOptions['output'],
  version: string,
): Promise<string> {
  switch (output) {
    case 'text':
      return formatFindings(findings, placeOf, paint);
    case 'json':
      return formatFindingsJSON(findings, placeOf);
    case 'sarif': {
      const { formatSarif, locator } = await import('../../lint/sarif.ts');
      const files = sources.filter(({ name }) => name !== STANDARD_INPUT);
      return formatSarif(findings, locator(placeOf, files), version);
    }
  }
}

const STYLES = { object: 'bold', error: 'red', warning: 'yellow', info: 'cyan' } as const;

/** In colour, where standard output is a terminal that shows it and NO_COLOR is not set. */
const paint: FindingsPaint = (style, text) => styleText(STYLES[style], text, { stream: process.stdout });
