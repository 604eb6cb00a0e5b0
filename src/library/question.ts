/** What the library's calls are given, and what that comes to. */
import { DEFAULT_CONFIGURATION, type KubeProxyConfiguration } from '../api/kube-proxy-configuration.ts';
import type { LayoutName } from '../api/layout-names.ts';
import { type HostFacts, hostSchema, type NodeFacts } from '../api/node.ts';
import { checkOrThrow, InputError, type Problem } from '../api/problem.ts';
import { unassignedWarnings } from '../compiler/unassigned.ts';
import { type KnownManifests, loadCluster } from '../sources/cluster.ts';
import { type Configuration, NO_OPTIONS, parseConfiguration } from '../sources/configuration.ts';
import { workloadOptions } from '../sources/control-plane/from-workloads.ts';
import { completeFacts, resolveNode } from '../sources/node.ts';
import type { SourceText } from '../sources/source-text.ts';
import { type CompilerInput, checkedServiceRanges, compilerInput } from './compiler-input.ts';
import { compiledRules, type RulesSource, savedRulesSource } from './rules.ts';
import { clusterWarnings, typoWarnings, unknownNodeWarnings } from './warnings.ts';

/** One text, or several with the names by which problems call them. */
export type Texts = string | readonly SourceText[];

/** What every call takes beside manifests. */
export interface NodeQuestion {
  /** A KubeProxyConfiguration, as YAML or JSON or as `parseConfiguration` gives it; kube-proxy's defaults unless given. */
  readonly config?: string | Configuration | KubeProxyConfiguration | undefined;
  /** The node: its name, whose Node object gives the rest, or facts. The only Node of the manifests unless given. */
  readonly node?: string | HostFacts | undefined;
  /** What the configuration says unless given; that of kube-proxy where it says nothing. */
  readonly layout?: LayoutName | undefined;
  /** Whether an unnamed port is printed as `namespace/name:`, as clusters before Kubernetes 1.13 did. */
  readonly legacyPortNames?: boolean | undefined;
  /** Whether what nobody serves is refused in the range of cluster IPs. */
  readonly rejectUnassigned?: boolean | undefined;
  /** The ranges of cluster IPs that manifests leave out, one of each family; the API server's usual ones unless given. */
  readonly serviceRanges?: readonly string[] | undefined;
  /** Makes errors of unknown fields, and of what no API server holds, such as a Service without a cluster IP. */
  readonly strict?: boolean | undefined;
  /** Whether Pods are made from Deployments and other workloads; they are unless this is false. */
  readonly workloads?: boolean | undefined;
}

/** A question about manifests. */
export interface ManifestsQuestion extends NodeQuestion {
  /** Kubernetes objects as YAML or JSON, in any order. */
  readonly manifests: Texts;
}

/** A question about rules: what manifests come to, or what iptables-save printed. */
export interface RulesQuestion extends NodeQuestion {
  /** Kubernetes objects as YAML or JSON, in any order. Beside {@link save} they give only names and reasons. */
  readonly manifests?: Texts | undefined;
  /** Rules as iptables-save and ip6tables-save print them. */
  readonly save?: string | undefined;
}

/** What is no error, but seldom what somebody meant. */
export interface Warned {
  readonly warnings: readonly string[];
}

/** What a question about manifests comes to. */
export interface ReadQuestion extends Warned {
  readonly input: CompilerInput;
  /** What is most likely misspelt, though it is no error. */
  readonly typos: readonly Problem[];
}

export interface HowToRead {
  /** Whether the caller itself says what is misspelt, and what the cluster and the node lack. */
  readonly tellsOfLacks?: boolean;
  /** What was read before, of the other side of a comparison. */
  readonly known?: KnownManifests;
}

/**
 * Reads manifests, a configuration and a node.
 * @throws InputError with every problem of all of them; a ManifestError where nothing is wrong but the manifests
 */
export function readQuestion(
  manifests: Texts | undefined,
  question: NodeQuestion,
  { tellsOfLacks = false, known }: HowToRead = {},
): ReadQuestion {
  const configuration = attempt(() => configurationOf(question.config));
  const flags = attempt(() => factsOf(question.node));
  const serviceRanges = attempt(
    () => question.serviceRanges && checkedServiceRanges(question.serviceRanges, 'serviceRanges'),
  );
  // Who writes no TypeScript is told, too.
  if (manifests === undefined) throw nothingToRead('manifests');
  const sources = namedTexts(manifests);
  const loaded = attempt(() =>
    loadCluster(sources, {
      serviceRanges: valueIn(serviceRanges),
      strict: question.strict,
      known,
      // What is wrong in the configuration is told beside what is wrong in manifests.
      workloads:
        question.workloads === false
          ? undefined
          : workloadOptions(
              resolveNode({
                flags: valueIn(flags),
                hostnameOverride: valueIn(configuration)?.kubeProxy.hostnameOverride,
              }),
              valueIn(configuration)?.kubeProxy,
            ),
    }),
  );
  if ('failure' in configuration || 'failure' in flags || 'failure' in serviceRanges || 'failure' in loaded) {
    throw together([configuration, flags, serviceRanges, loaded]);
  }
  const [given, cluster] = [configuration.value, loaded.value];
  const { layout, legacyPortNames, rejectUnassigned } = question;
  const input = compilerInput({
    loaded: cluster,
    sources,
    configuration: given,
    isConfigured: question.config !== undefined,
    own: { layout, legacyPortNames, rejectUnassigned, serviceRanges: serviceRanges.value },
    flags: flags.value,
    host: {},
    live: {},
  });
  const lacks = tellsOfLacks
    ? []
    : unassignedWarnings(input.unassigned, { configuration: given.kubeProxy, node: input.node });
  const warnings = [
    ...(tellsOfLacks ? [] : typoWarnings(cluster.typos)),
    ...cluster.warnings,
    ...(tellsOfLacks ? [] : clusterWarnings(cluster.cluster)),
    ...unknownNodeWarnings(cluster.cluster, input.node, cluster.nodes, tellsOfLacks),
    ...lacks,
  ];
  return { input, typos: cluster.typos, warnings };
}

/**
 * Opens the rules of a question.
 * @param warn is told of warnings, also of those that come up only when the rules are looked at
 * @throws InputError as {@link readQuestion} does, and where there is nothing to read
 */
export function openQuestion(
  { manifests, save }: Pick<RulesQuestion, 'manifests' | 'save'>,
  question: NodeQuestion,
  warn: (warning: string) => void,
  how: HowToRead = {},
): RulesSource {
  const read = manifests === undefined ? undefined : readQuestion(manifests, question, how);
  for (const warning of read?.warnings ?? []) warn(warning);
  if (save !== undefined) {
    const node = read?.input.node ?? nodeOf(question.node);
    return savedRulesSource({
      saved: { name: 'save', text: save },
      node,
      input: read?.input,
      onWarning: warn,
    });
  }
  if (read !== undefined) return compiledRules(read.input);
  throw nothingToRead('manifests, or save');
}

function nothingToRead(what: string): InputError {
  return new InputError([{ at: ['manifests'], message: `nothing to read: pass ${what}` }]);
}

function nodeOf(node: NodeQuestion['node']): NodeFacts {
  return completeFacts([factsOf(node)]);
}

/** A text without a name is no file: no line of it says anything to its reader. */
export function namedTexts(manifests: Texts): readonly SourceText[] {
  return typeof manifests === 'string'
    ? [{ name: 'manifests', text: manifests, origin: 'standard input' }]
    : manifests;
}

function configurationOf(config: NodeQuestion['config']): Configuration {
  if (config === undefined) return { kubeProxy: DEFAULT_CONFIGURATION, own: NO_OPTIONS };
  if (typeof config === 'string') return parseConfiguration({ name: 'config', text: config });
  return 'kubeProxy' in config ? config : { kubeProxy: config, own: NO_OPTIONS };
}

function factsOf(node: NodeQuestion['node']): HostFacts {
  return checkOrThrow(hostSchema, typeof node === 'string' ? { name: node } : (node ?? {}), ['node']);
}

type Attempt<Value> = { readonly value: Value } | { readonly failure: InputError };

function attempt<Value>(work: () => Value): Attempt<Value> {
  try {
    return { value: work() };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { failure: error };
  }
}

/** The error itself, where only one failed. */
function together(attempts: readonly Attempt<unknown>[]): InputError {
  const failures = attempts.flatMap((one) => ('failure' in one ? [one.failure] : []));
  const [first, ...others] = failures;
  if (first !== undefined && others.length === 0) return first;
  return new InputError(failures.flatMap(({ problems }) => problems));
}

function valueIn<Value>(attempted: Attempt<Value>): Value | undefined {
  return 'value' in attempted ? attempted.value : undefined;
}
