/** From an input to what is wrong in it, and what is legal and will surprise. */
import { type ClusterState, namespacedName } from '../api/cluster.ts';
import type { PlacedObject } from '../api/objects.ts';
import type { Problem } from '../api/problem.ts';
import { isWorkload } from '../api/workload.ts';
import { type Finding, objectName, type PlaceOf } from '../lint/finding.ts';
import { formatGitHub } from '../lint/github.ts';
import { formatJUnit } from '../lint/junit.ts';
import { lintCluster } from '../lint/lint.ts';
import { locator } from '../lint/locator.ts';
import { noService, problemFinding } from '../lint/problems.ts';
import { formatFindings, formatFindingsJSON } from '../lint/report.ts';
import { formatSarif } from '../lint/sarif.ts';
import { select } from '../lint/selection.ts';
import { SEVERITIES, type Severity } from '../lint/severity.ts';
import { contains, familyOf, parseCIDR } from '../net/address.ts';
import { DEFAULT_SERVICE_RANGES, type ManifestError } from '../sources/cluster.ts';
import type { SourceText } from '../sources/source-text.ts';
import { type Printing, unpainted } from '../text/paint.ts';
import { USUAL_WIDTH } from '../text/wrap.ts';
import { type CompilerInput, eachNode } from './compiler-input.ts';
import { isNarrowed, type Narrowing, type Shown, shownOf } from './shown.ts';

/** What is looked at, and what is told of it. */
export interface LintingOptions extends Narrowing {
  /** As each Node of the input sees it. */
  readonly allNodes?: true | undefined;
  /** Every finding, however many there are of a kind. */
  readonly all?: boolean | undefined;
  /** The ranges of cluster IPs, canonical; the usual ones, where the cluster's IPs are in them, unless given. */
  readonly serviceRanges?: readonly string[] | undefined;
}

export interface FoundFindings {
  readonly findings: readonly Finding[];
  readonly placeOf: PlaceOf;
}

/** @param typos what is most likely misspelt in the input, though it is no error */
export function findingsIn(
  input: CompilerInput,
  typos: readonly Problem[],
  options: LintingOptions,
): FoundFindings {
  const { cluster, pods, objects: placed, configuration, unassigned } = input;
  const objects = placed.map(({ object }) => object);
  const surroundings = {
    nodes: new Map(objects.flatMap((object) => (object.kind === 'Node' ? [[object.name, object]] : []))),
    // Also those without a Service, which the cluster has not.
    endpointSlices: objects.flatMap((object) => (object.kind === 'EndpointSlice' ? [object] : [])),
    pods: [...pods.values()],
    workloads: objects.flatMap((object) => (isWorkload(object) ? [object] : [])),
    serviceRanges: options.serviceRanges ?? usualRanges(cluster),
    configuration,
    unassigned,
  };
  // What several nodes find alike, `select` tells once.
  const found = eachNode(input, options).flatMap(({ node }) => lintCluster(cluster, node, surroundings));
  // An object that is passed over may be the Service that is missed.
  const missed = cluster.services.size === 0 && !typos.some(({ code }) => code !== 'unknown-field');
  return {
    findings: [...typos.map(problemFinding), ...(missed ? [noService()] : []), ...found],
    placeOf: placesOf(placed),
  };
}

/** Where something cannot be read, that is all there is to say: what the rest comes to would be guessed. */
export function findingsOfError({ problems, typos }: ManifestError): FoundFindings {
  return { findings: [...problems, ...typos].map(problemFinding), placeOf: placesOf([]) };
}

/** What lint has to say, and what it is about. */
export interface Linted extends FoundFindings {
  /** In the order of files, documents and lines; at most ten of a kind, unless all are asked for. */
  readonly findings: readonly Finding[];
  /** The others of these kinds. */
  readonly leftOut: readonly Finding[];
  readonly sources: readonly SourceText[];
}

/** Puts findings in order, each with its line, and leaves out what is not to be told. */
export function linted(
  { findings: found, placeOf }: FoundFindings,
  sources: readonly SourceText[],
  options: LintingOptions,
): Linted {
  const findings = isNarrowed(options) ? onlyShown(found, shownOf(options, [{ sources }])) : found;
  const names = sources.map(({ name }) => name);
  const { told, leftOut } = select(positioned(findings, sources), placeOf, names, options.all ?? false);
  return { findings: told, leftOut, placeOf, sources };
}

/** Whether a finding is as severe as that, or more. */
export function isAtLeast({ severity }: Finding, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least);
}

/** How findings are printed. */
export interface LintedPrinting extends Printing<Severity | 'object'> {
  readonly output?: 'text' | 'json' | 'sarif' | 'junit' | 'github' | undefined;
  /** The version of svc2ipt, which SARIF names. */
  readonly version?: string | undefined;
  /** Whether a finding counts, which JUnit says; errors do unless given. */
  readonly fails?: ((finding: Finding) => boolean) | undefined;
}

/** Findings as `svc2ipt lint` prints them. */
export function printLinted(
  { findings, leftOut, placeOf, sources }: Linted,
  {
    output = 'text',
    width = USUAL_WIDTH,
    paint = unpainted,
    version = '',
    fails = (finding) => isAtLeast(finding, 'error'),
  }: LintedPrinting = {},
): string {
  const files = sources.filter(({ origin }) => origin === undefined);
  switch (output) {
    case 'text':
      return formatFindings(findings, placeOf, paint, width, leftOut);
    case 'json':
      return formatFindingsJSON(findings, placeOf, leftOut);
    case 'sarif':
      return formatSarif(findings, locator(placeOf, files), version, leftOut);
    case 'junit': {
      const names = sources.map(({ name }) => name);
      return formatJUnit(findings, placeOf, names, fails, leftOut);
    }
    case 'github':
      return formatGitHub(findings, locator(placeOf, files), leftOut);
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

/** The usual ranges, where this cluster's IPs are in them. */
function usualRanges({ services }: ClusterState): string[] {
  const ips = [...services.values()].flatMap(({ service }) =>
    service.clusterIPs.filter((ip) => ip !== 'None'),
  );
  return DEFAULT_SERVICE_RANGES.flatMap((range) => {
    const ofFamily = ips.filter((ip) => familyOf(ip) === familyOf(range));
    return ofFamily.length > 0 && ofFamily.every((ip) => contains(range, ip)) ? (parseCIDR(range) ?? []) : [];
  });
}
