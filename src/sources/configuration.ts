/** The configuration file and the file of facts about the host. */
import { stringify } from 'yaml';
import type { z } from 'zod';
import {
  DEFAULT_CONFIGURATION,
  type KubeProxyConfiguration,
  kubeProxyConfigurationSchema,
  type Svc2iptSection,
  svc2iptSectionSchema,
} from '../api/kube-proxy-configuration.ts';
import { type HostFacts, hostSchema } from '../api/node.ts';
import { printConfiguration } from '../api/print-configuration.ts';
import { check, checkOrThrow, formatPath, formatProblem, InputError, type Problem } from '../api/problem.ts';
import { parseDocuments, type SourceDocument } from './documents.ts';
import type { SourceText } from './source-text.ts';

export interface Configuration {
  readonly kubeProxy: KubeProxyConfiguration;
  /** Options of svc2ipt's own. */
  readonly own: Svc2iptSection;
}

/** A section of our own that says nothing. */
export const NO_OPTIONS: Svc2iptSection = {
  legacyPortNames: undefined,
  layout: undefined,
  rejectUnassigned: undefined,
  commandTimeout: undefined,
  serviceMetrics: undefined,
};

/**
 * Reads a configuration: a KubeProxyConfiguration, and in a second document a `svc2ipt` section, either of which may
 * be missing.
 * @throws InputError for anything that kube-proxy would refuse, and for unknown fields
 */
export function parseConfiguration(source: SourceText): Configuration {
  return configurationOf(documentsOf(source));
}

/**
 * Like {@link parseConfiguration}, but as kube-proxy v1.36 does when it runs: fields of a KubeProxyConfiguration that
 * it does not know, which older versions may have known, are passed over with a warning.
 */
export function parseConfigurationLeniently(source: SourceText): {
  readonly configuration: Configuration;
  readonly warnings: readonly string[];
} {
  const documents = documentsOf(source).map((document) =>
    isOwnSection(document) ? { document, unknown: [] } : withoutUnknownFields(document),
  );
  return {
    configuration: configurationOf(documents.map(({ document }) => document)),
    warnings: documents.flatMap(({ unknown }) => unknown.map(formatProblem)),
  };
}

function configurationOf(documents: readonly SourceDocument[]): Configuration {
  const { own: sections = [], kubeProxy: others = [] } = Object.groupBy(documents, (document) =>
    isOwnSection(document) ? 'own' : 'kubeProxy',
  );
  const problems: Problem[] = [];
  const read = <Schema extends z.ZodType>(schema: Schema, document: SourceDocument | undefined) => {
    if (!document) return undefined;
    const result = check(schema, document.value, document.at);
    if (result.ok) return result.value;
    problems.push(...result.problems);
    return undefined;
  };
  const kubeProxy = read(kubeProxyConfigurationSchema, others[0]);
  const own = read(svc2iptSectionSchema, sections[0]);
  const surplus = others[1] ?? sections[1];
  if (surplus) {
    const message = 'expected at most one KubeProxyConfiguration and one svc2ipt section';
    problems.push({ at: surplus.at, message });
  }
  if (problems.length > 0) throw new InputError(problems);
  return {
    kubeProxy: kubeProxy ?? DEFAULT_CONFIGURATION,
    own: own ?? NO_OPTIONS,
  };
}

function withoutUnknownFields({ value, at }: SourceDocument): {
  readonly document: SourceDocument;
  readonly unknown: readonly Problem[];
} {
  const known = structuredClone(value);
  const unknown: Problem[] = [];
  for (const issue of kubeProxyConfigurationSchema.safeParse(value).error?.issues ?? []) {
    if (issue.code !== 'unrecognized_keys') continue;
    const parent = issue.path.reduce<object>(
      (value, name) => Object(Reflect.get(value, name)),
      Object(known),
    );
    for (const key of issue.keys) {
      Reflect.deleteProperty(parent, key);
      unknown.push({ at: [...at, formatPath([...issue.path, key])], message: 'unknown field, ignored' });
    }
  }
  return { document: { value: known, at }, unknown };
}

function isOwnSection({ value }: SourceDocument): boolean {
  return typeof value === 'object' && value !== null && 'svc2ipt' in value;
}

/** A configuration as the YAML that kube-proxy v1.36 writes with `--write-config-to`: fields sorted by name. */
export function configurationText(configuration: KubeProxyConfiguration): string {
  return stringify(printConfiguration(configuration), { sortMapEntries: true, lineWidth: 0 });
}

/** Reads facts about the host, as in the `host.yaml` of a fixture. Throws an {@link InputError}. */
export function parseHost(source: SourceText): HostFacts {
  const [document, second] = documentsOf(source);
  if (second) throw new InputError([{ at: second.at, message: 'expected one document' }]);
  return document ? checkOrThrow(hostSchema, document.value, document.at) : {};
}

function documentsOf(source: SourceText): readonly SourceDocument[] {
  const { documents, problems } = parseDocuments(source);
  if (problems.length > 0) throw new InputError(problems);
  return documents;
}
