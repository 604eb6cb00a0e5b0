/** `svc2ipt lint`: what is wrong in manifests, and what is legal and will surprise on a node. */
import { styleText } from 'node:util';
import { type ClusterState, namespacedName } from '../../api/cluster.ts';
import type { PlacedObject } from '../../api/objects.ts';
import type { Problem } from '../../api/problem.ts';
import { isWorkload } from '../../api/workload.ts';
import { type Finding, objectName, type PlaceOf } from '../../lint/finding.ts';
import { lintCluster } from '../../lint/lint.ts';
import { locator } from '../../lint/locator.ts';
import { noService, problemFinding } from '../../lint/problems.ts';
import { type FindingsPaint, formatFindings, formatFindingsJSON } from '../../lint/report.ts';
import { type Selection, select } from '../../lint/selection.ts';
import { SEVERITIES } from '../../lint/severity.ts';
import { contains, familyOf, parseCIDR } from '../../net/address.ts';
import { DEFAULT_SERVICE_RANGES, ManifestError } from '../../sources/cluster.ts';
import type { SourceText } from '../../sources/source-text.ts';
import { eachNode, readInputWithWorkloads, readManifests } from '../inputs.ts';
import { terminalWidth } from '../paint.ts';
import type { CommandOutcome } from '../run.ts';
import { isNarrowed, type Shown, shownOf } from '../shown.ts';
import type { LintCommandOptions } from './lint.command.ts';

/** @param version of svc2ipt */
export async function lintAction(options: LintCommandOptions, version: string): Promise<CommandOutcome> {
  const reading = readManifests(options);
  const { findings: found, placeOf } = await findingsOf(options, reading);
  const sources = await reading;
  const findings = isNarrowed(options) ? onlyShown(found, shownOf(options, [{ sources }])) : found;
  const selection = select(
    positioned(findings, sources),
    placeOf,
    sources.map(({ name }) => name),
    options.all ?? false,
  );
  return {
    output: await format(selection, placeOf, sources, options, version),
    exitCode: findings.some((finding) => fails(finding, options.failOn)) ? 1 : 0,
  };
}

interface Findings {
  readonly findings: readonly Finding[];
  readonly placeOf: PlaceOf;
}

/** Where something cannot be read, that is all there is to say: what the rest comes to would be guessed. */
async function findingsOf(
  options: LintCommandOptions,
  sources: Promise<readonly SourceText[]>,
): Promise<Findings> {
  const typos: Problem[] = [];
  const onTypos = (some: readonly Problem[]) => void typos.push(...some);
  try {
    const input = await readInputWithWorkloads(options, { sources, onTypos, tellsOfLacks: true });
    const { cluster, pods, objects: placed, configuration } = input;
    const objects = placed.map(({ object }) => object);
    const surroundings = {
      nodes: new Map(objects.flatMap((object) => (object.kind === 'Node' ? [[object.name, object]] : []))),
      // Also those without a Service, which the cluster has not.
      endpointSlices: objects.flatMap((object) => (object.kind === 'EndpointSlice' ? [object] : [])),
      pods: [...pods.values()],
      workloads: objects.flatMap((object) => (isWorkload(object) ? [object] : [])),
      serviceRanges: serviceRanges(options, cluster),
      configuration,
      unassigned: input.unassigned,
    };
    // What several nodes find alike, `select` tells once.
    const found = eachNode(input, options).flatMap(({ node }) => lintCluster(cluster, node, surroundings));
    // An object that is passed over may be the Service that is missed.
    const missed = cluster.services.size === 0 && !typos.some(({ code }) => code !== 'unknown-field');
    return {
      findings: [...typos.map(problemFinding), ...(missed ? [noService()] : []), ...found],
      placeOf: placesOf(placed),
    };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return {
      findings: [...error.problems, ...error.typos].map(problemFinding),
      placeOf: placesOf([]),
    };
  }
}

/** Those of what is shown, and those of no object, which stand in the way of all others. */
function onlyShown(findings: readonly Finding[], shown: Shown): Finding[] {
  return findings.filter(({ object }) => {
    if (object === undefined) return true;
    const { kind, namespace, name } = object;
    if (kind === 'Service' && namespace !== undefined && name !== undefined) {
      return shown.service(`${namespace}/${name}`);
    }
    return shown.other(namespace);
  });
}

/** What is wrong is told with its line, also in a text that has no name. */
function positioned(findings: readonly Finding[], sources: readonly SourceText[]): Finding[] {
  const locationOf = locator(({ place = [] }) => place, sources);
  return findings.map((finding) =>
    finding.place === undefined ? finding : { ...finding, position: locationOf(finding).position },
  );
}

/** File, document and item, by the name of the object; the first where it is there twice. */
function placesOf(placed: readonly PlacedObject[]): PlaceOf {
  const places = new Map<string, readonly string[]>();
  for (const { object, at } of placed) {
    const name = `${object.kind} ${'namespace' in object ? namespacedName(object) : object.name}`;
    if (!places.has(name)) places.set(name, at.slice(0, -1));
  }
  return ({ object, place }) => place ?? (object && places.get(objectName(object))) ?? [];
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

function fails({ severity }: Finding, failOn: LintCommandOptions['failOn']): boolean {
  return failOn !== 'never' && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn);
}

async function format(
  { told, leftOut }: Selection,
  placeOf: PlaceOf,
  sources: readonly SourceText[],
  { output, failOn }: LintCommandOptions,
  version: string,
): Promise<string> {
  const files = sources.filter(({ origin }) => origin === undefined);
  switch (output) {
    case 'text':
      return formatFindings(told, placeOf, paint, terminalWidth(), leftOut);
    case 'json':
      return formatFindingsJSON(told, placeOf, leftOut);
    case 'sarif': {
      const { formatSarif } = await import('../../lint/sarif.ts');
      return formatSarif(told, locator(placeOf, files), version, leftOut);
    }
    case 'junit': {
      const { formatJUnit } = await import('../../lint/junit.ts');
      const names = sources.map(({ name }) => name);
      return formatJUnit(told, placeOf, names, (finding) => fails(finding, failOn), leftOut);
    }
    case 'github': {
      const { formatGitHub } = await import('../../lint/github.ts');
      return formatGitHub(told, locator(placeOf, files), leftOut);
    }
  }
}

const STYLES = { object: 'bold', error: 'red', warning: 'yellow', info: 'cyan' } as const;

/** In colour, where standard output is a terminal that shows it and NO_COLOR is not set. */
const paint: FindingsPaint = (style, text) => styleText(STYLES[style], text, { stream: process.stdout });
