/** What there is to tell of a run: cluster by cluster and Service by Service, and the lines that differ. */
import { join } from 'node:path';
import type { NodeFacts } from '../api/node.ts';
import { formatProblem } from '../api/problem.ts';
import { withJumps } from '../chains/jumps.ts';
import { type Effects, effectsOf } from '../effects/effects.ts';
import { knownClassNode } from '../effects/known-node.ts';
import { tellOthers, tellServices } from '../effects/words.ts';
import { present } from '../errors/invariant.ts';
import { parseRuleset } from '../iptables/parse.ts';
import { ParseError } from '../iptables/saved-text.ts';
import { prepare } from '../iptables/simulator/prepare.ts';
import { RulesetError } from '../iptables/simulator/walk.ts';
import type { Ruleset } from '../iptables/types.ts';
import type { FindingLocation } from '../lint/locator.ts';
import type { Family } from '../net/address.ts';
import { enumerate } from '../text/lists.ts';
import { printable } from '../text/printable.ts';
import type { DiffLine } from '../text/unified-diff.ts';
import { wrap } from '../text/wrap.ts';
import { diffRules } from './diff.ts';
import type { ClusterRun, GoldenResult, GoldenRun, LocatedProblem } from './golden.ts';

/** What `golden update` would do to a golden file. */
export type FileChange = 'none' | 'added' | 'changed' | 'removed';

export interface FileReport {
  /** Its path below the golden folder. */
  readonly file: string;
  readonly change: FileChange;
  /** How its text differs from the rules; nothing where it is added or removed as a whole, or nobody asked. */
  readonly lines: readonly DiffLine[];
}

export interface ServiceReport {
  /** `namespace/name`, or '' for packets to no Service. */
  readonly service: string;
  readonly sentences: readonly SentenceReport[];
  /** Its place in a manifest, or else a golden file. */
  readonly location: FindingLocation;
}

export interface SentenceReport {
  readonly sentence: string;
  /** The golden files that it is true of. */
  readonly files: readonly string[];
}

export interface ClusterReport {
  readonly cluster: string;
  /** Whether the cluster is there, and not its golden files alone. */
  readonly isThere: boolean;
  /** In their order; none where anything is wrong with the cluster. */
  readonly files: readonly FileReport[];
  /** Those whose rules changed. */
  readonly services: readonly ServiceReport[];
  readonly problems: readonly LocatedProblem[];
}

export interface GoldenReport {
  /** The folder of the golden files. */
  readonly golden: string;
  readonly clusters: readonly ClusterReport[];
}

/** @param withText whether the lines that differ are told, too */
export function reportOf({ clusters }: GoldenRun, golden: string, withText: boolean): GoldenReport {
  return {
    golden,
    clusters: clusters.map((cluster) => ({
      cluster: cluster.name,
      isThere: cluster.isThere,
      files: cluster.results.map((result) => fileReport(result, withText)),
      services: serviceReports(cluster, golden),
      problems: cluster.problems,
    })),
  };
}

/** What `golden update` would do. */
export function changeOf({ expected, actual }: GoldenResult): FileChange {
  if (expected === actual) return 'none';
  if (expected === undefined) return 'added';
  return actual === undefined ? 'removed' : 'changed';
}

function fileReport(result: GoldenResult, withText: boolean): FileReport {
  const { file, expected, actual } = result;
  const lines = withText && expected !== undefined && actual !== undefined ? diffRules(expected, actual) : [];
  return { file, change: changeOf(result), lines };
}

/** A Service that fares alike in several files is told once. */
function serviceReports({ results, locationOf }: ClusterRun, golden: string): ServiceReport[] {
  const told = results.flatMap((result) =>
    changesOf(result).flatMap(({ service, sentences }) =>
      sentences.map((sentence) => ({ service, sentence, file: result.file })),
    ),
  );
  const services = [...Map.groupBy(told, ({ service }) => service)].map(([service, ofService]) => {
    const sentences = [...Map.groupBy(ofService, ({ sentence }) => sentence)].map(
      ([sentence, same]): SentenceReport => ({ sentence, files: same.map(({ file }) => file) }),
    );
    const { file } = present(ofService[0], 'golden file of a Service');
    const location = locationOf(service) ?? { file: join(golden, file), position: undefined };
    return { service, sentences, location };
  });
  // What is the node's own comes last, as in each file.
  return services.toSorted((a, b) => Number(a.service === '') - Number(b.service === ''));
}

/** What changes of a Service, or of packets to none. */
interface ServiceChanges {
  /** `namespace/name`, or '' for packets to no Service. */
  readonly service: string;
  readonly sentences: readonly string[];
}

/** What the packets of a node notice of the change of a golden file. */
function changesOf({ family, expected, actual, node }: GoldenResult): readonly ServiceChanges[] {
  if (expected === undefined || actual === undefined || expected === actual) return [];
  const ofNone = (sentence: string) => [{ service: '', sentences: [sentence] }];
  const before = parseGolden(expected, family);
  if (before instanceof ParseError) return ofNone(`the golden file has no rules (${before.message})`);
  const effects = effectsOfChange(before, parseRuleset(actual, family), present(node, 'node of rules'));
  if (effects instanceof RulesetError) {
    return ofNone(`no packet can be sent through the golden file (${effects.message})`);
  }
  const others = tellOthers(effects);
  const changes = [
    ...tellServices(effects),
    ...(others.length > 0 ? [{ service: '', sentences: others }] : []),
  ];
  return changes.length > 0 ? changes : ofNone('nothing changes for any packet');
}

/** Somebody may have edited a golden file so that a chain is missing. */
function effectsOfChange(before: Ruleset, after: Ruleset, node: NodeFacts): Effects | RulesetError {
  const { family } = before;
  const [was, is] = [prepare(withJumps(before)), prepare(withJumps(after))];
  try {
    return effectsOf(was, is, knownClassNode(node, family));
  } catch (error) {
    if (error instanceof RulesetError) return error;
    throw error;
  }
}

/** Somebody may have edited a golden file, or left marks of a merge in it. */
function parseGolden(text: string, family: Family): Ruleset | ParseError {
  try {
    return parseRuleset(text, family);
  } catch (error) {
    if (error instanceof ParseError) return error;
    throw error;
  }
}

export function differs({ files }: Pick<ClusterReport, 'files'>): boolean {
  return files.some(({ change }) => change !== 'none');
}

/** What is said of a golden file that no lines are told of; undefined where it is there, and is meant to be. */
export function wholeFileWords({ change }: FileReport, { isThere }: ClusterReport): string | undefined {
  switch (change) {
    case 'none':
    case 'changed':
      return undefined;
    case 'added':
      return 'there is no golden file';
    case 'removed':
      return isThere ? 'its cluster no longer has such rules' : 'its cluster no longer exists';
  }
}

/** What is told of a Service is told of it, and of what is nobody's by this. */
export function serviceTitle(service: string): string {
  return service === '' ? "the node's own rules" : service;
}

/** `sentence (ipv4, node-a/ipv4)`: with the golden files that it is true of, by what they are called in the cluster. */
export function sentenceWithFiles({ sentence, files }: SentenceReport, { cluster }: ClusterReport): string {
  const names = files.map((file) =>
    (file.startsWith(`${cluster}/`) ? file.slice(cluster.length + 1) : file).replace(/\.rules$/, ''),
  );
  return `${sentence} (${enumerate(names)})`;
}

/** `2 clusters, 4 golden files: 1 differs (svc2ipt golden update rewrites them)`, and how many could not be checked. */
export function summaryLines({ clusters }: GoldenReport): string[] {
  const files = clusters.flatMap((cluster) => cluster.files);
  const different = files.filter(({ change }) => change !== 'none').length;
  const there = clusters.filter(({ isThere }) => isThere).length;
  const broken = clusters.filter(({ problems }) => problems.length > 0).length;
  const words =
    different === 0
      ? files.length === 0
        ? 'nothing to compare'
        : 'all the same'
      : `${different} ${different === 1 ? 'differs' : 'differ'} (svc2ipt golden update rewrites them)`;
  return [
    `${countOfClusters(there)}, ${countOfFiles(files.length)}: ${words}`,
    ...(broken === 0 ? [] : [`${countOfClusters(broken)} could not be checked`]),
  ];
}

export function countOfClusters(count: number): string {
  return `${count} ${count === 1 ? 'cluster' : 'clusters'}`;
}

export function countOfFiles(count: number): string {
  return `${count} golden ${count === 1 ? 'file' : 'files'}`;
}

/**
 * The report as text: what changed in words, the lines that differ, and a count.
 * @param paint a line of a difference, as it is printed
 * @param width of the terminal, in characters
 */
export function formatReport(report: GoldenReport, paint: (line: DiffLine) => string, width: number): string {
  const alike = clustersAlike(report.clusters);
  const words = report.clusters.flatMap((cluster) => [
    ...clusterWords(cluster).map((text) => paint({ kind: 'header', text })),
    ...serviceWords(alike.get(cluster) ?? [], paint, width),
  ]);
  const lines = report.clusters.flatMap(({ files }) => files.flatMap(linesOfFile)).map(paint);
  const between = words.length > 0 && lines.length > 0 ? [''] : [];
  return `${[...words, ...between, ...lines, ...summaryLines(report)].join('\n')}\n`;
}

/**
 * The clusters whose Services change in the same words, by the first of them, as where a new version writes something in
 * another way: whoever reads it needs to read it once.
 */
export function clustersAlike(
  clusters: readonly ClusterReport[],
): ReadonlyMap<ClusterReport, readonly ClusterReport[]> {
  const changed = clusters.filter(({ services }) => services.length > 0);
  const wordsOf = (cluster: ClusterReport) =>
    cluster.services
      .flatMap(({ service, sentences }) => [
        service,
        ...sentences.map((sentence) => sentenceWithFiles(sentence, cluster)),
      ])
      .join('\n');
  return new Map(
    [...Map.groupBy(changed, wordsOf).values()].flatMap((alike) =>
      alike.slice(0, 1).map((one) => [one, alike]),
    ),
  );
}

/** What there is to say of a cluster and of its golden files as a whole. */
function clusterWords(cluster: ClusterReport): string[] {
  const whole = cluster.files.flatMap((file) => {
    const words = wholeFileWords(file, cluster);
    return words === undefined ? [] : [`${file.file}: ${words}`];
  });
  return [
    ...(cluster.problems.length === 0 ? [] : [`${clusterTitle(cluster)}: could not be checked`]),
    ...whole,
  ];
}

function clusterTitle({ cluster }: ClusterReport): string {
  return cluster === '.' ? '. (the folder itself)' : cluster;
}

/** @param alike clusters of which the same is true */
function serviceWords(
  alike: readonly ClusterReport[],
  paint: (line: DiffLine) => string,
  width: number,
): string[] {
  const [cluster] = alike;
  if (cluster === undefined) return [];
  const titles = wrap(alike.map(clusterTitle).join(', '), width);
  return [
    ...titles.map((text) => paint({ kind: 'header', text })),
    ...cluster.services.flatMap(({ service, sentences }) => [
      `  ${printable(serviceTitle(service))}`,
      ...sentences.flatMap((sentence) =>
        wrap(`    ${printable(sentenceWithFiles(sentence, cluster))}`, width, '      '),
      ),
    ]),
  ];
}

/** The lines of a difference, with the golden file in each header. */
export function linesOfFile({ file, lines }: FileReport): DiffLine[] {
  return lines.map((line) =>
    line.kind === 'header' ? { ...line, text: [file, line.text].filter(Boolean).join(', ') } : line,
  );
}

/** The report as JSON; docs/golden-files.md tells its fields. */
export function formatReportJSON({ clusters }: GoldenReport): string {
  const told = clusters.map(({ cluster, files, services, problems }) => ({
    cluster,
    files: files.map(({ file, change, lines }) => ({
      file,
      change,
      ...(lines.length === 0 ? {} : { diff: lines.map(({ text }) => text) }),
    })),
    services: services.map(({ service, sentences, location }) => ({
      service,
      sentences,
      ...placed(location),
    })),
    problems: problems.map(({ problem, location }) => ({
      message: formatProblem(problem),
      ...placed(location),
    })),
  }));
  return `${JSON.stringify({ clusters: told }, undefined, 2)}\n`;
}

function placed({ file, position }: FindingLocation) {
  return { ...(file === undefined ? {} : { file }), ...position };
}
