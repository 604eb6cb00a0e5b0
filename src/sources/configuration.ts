/** The configuration file and the file of facts about the host. */
import {
  DEFAULT_CONFIGURATION,
  type KubeProxyConfiguration,
  kubeProxyConfigurationSchema,
  type Svc2iptSection,
  svc2iptSectionSchema,
} from '../api/kube-proxy-configuration.ts';
import { type HostFacts, hostSchema } from '../api/node.ts';
import { checkOrThrow, InputError } from '../api/problem.ts';
import { parseDocuments, type SourceDocument } from './documents.ts';
import type { SourceText } from './files.ts';

export interface Configuration {
  readonly kubeProxy: KubeProxyConfiguration;
  /** Options of svc2ipt's own. */
  readonly own: Svc2iptSection;
}

/**
 * Reads a configuration: a KubeProxyConfiguration, and in a second document a `svc2ipt` section, either of which may
 * be missing.
 * @throws InputError for anything that kube-proxy would refuse
 */
export function parseConfiguration(source: SourceText): Configuration {
  let kubeProxy: KubeProxyConfiguration | undefined;
  let own: Svc2iptSection | undefined;
  for (const { value, at } of documentsOf(source)) {
    if (typeof value === 'object' && value !== null && 'svc2ipt' in value && own === undefined) {
      own = checkOrThrow(svc2iptSectionSchema, value, at);
    } else if (kubeProxy === undefined) {
      kubeProxy = checkOrThrow(kubeProxyConfigurationSchema, value, at);
    } else {
      throw new InputError([
        { at, message: 'expected one KubeProxyConfiguration and one svc2ipt section at most' },
      ]);
    }
  }
  return { kubeProxy: kubeProxy ?? DEFAULT_CONFIGURATION, own: own ?? { legacyPortNames: undefined } };
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
