/** What is wrong with what somebody has typed, or will surprise, and what there is to choose from in it. */
import { namespacedName } from '../api/cluster.ts';
import { InputError } from '../api/problem.ts';
import { hasClusterIP } from '../api/service.ts';
import { serviceOf } from '../chains/comments.ts';
import { describeAddress, type ServiceAddress } from '../chains/service-addresses.ts';
import { addressesOfServices } from '../compiler/service-ports.ts';
import { type FoundFindings, findingsIn, findingsOfError, linted } from '../library/lint-in.ts';
import { subjectOf } from '../lint/finding.ts';
import { locator } from '../lint/locator.ts';
import { SEVERITIES } from '../lint/severity.ts';
import { FAMILIES, type Family, familyOf, joinPort } from '../net/address.ts';
import { ManifestError } from '../sources/cluster.ts';
import type { SourceText } from '../sources/source-text.ts';
import type { Choice, Look, PlacedFinding } from './answers.ts';
import { CONFIGURATION, type LoadedInput, layoutOfInput, MANIFESTS, nodesIn } from './compiled.ts';
import type { PlaygroundInput } from './state.ts';

/** @param load gives the input, or throws an InputError */
export function lookAt(input: PlaygroundInput, load: () => LoadedInput): Look {
  const texts = [
    { name: MANIFESTS, text: input.manifests },
    { name: CONFIGURATION, text: input.config },
  ];
  try {
    const loaded = load();
    const { cluster, typos, node } = loaded;
    const families = FAMILIES.filter((family) =>
      [...cluster.services.values()].some(({ service: { clusterIPs } }) =>
        clusterIPs.some((ip) => ip !== 'None' && familyOf(ip) === family),
      ),
    );
    return {
      findings: placedFindings(findingsIn(loaded, typos, {}), texts),
      works: true,
      nodes: nodesIn(loaded),
      node: node.name,
      services: [...cluster.services.values()]
        .filter(({ service }) => hasClusterIP(service))
        .map(({ service }) => namespacedName(service))
        .sort(),
      families,
      layout: layoutOfInput(loaded),
      senders: sendersIn(loaded, input.family),
      targets: targetsIn(loaded, input.family),
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const failure = error instanceof ManifestError ? error : new ManifestError(error.problems, []);
    return {
      findings: placedFindings(findingsOfError(failure), texts),
      works: false,
      nodes: [],
      node: input.node,
      services: [],
      families: [],
      layout: input.layout ?? 'kube-proxy',
      senders: [],
      targets: [],
    };
  }
}

/** Findings as lint has them, with what they say of where they stand. */
function placedFindings(found: FoundFindings, texts: readonly SourceText[]): PlacedFinding[] {
  const { findings, placeOf } = linted(found, texts, { all: true });
  const locate = locator(placeOf, texts);
  return findings
    .map((finding): PlacedFinding => {
      const { severity, code, cause, remedy } = finding;
      const { position } = locate(finding);
      const [name] = placeOf(finding);
      const isOfConfiguration = name === CONFIGURATION || finding.object?.kind === 'KubeProxyConfiguration';
      return {
        of: isOfConfiguration ? CONFIGURATION : MANIFESTS,
        severity,
        code,
        subject: subjectOf(finding),
        cause,
        remedy,
        line: position?.line,
        column: position?.column,
      };
    })
    .toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

/** So many Pods are offered: whoever looks for others types their names. */
const MOST_PODS = 200;

function sendersIn({ pods, node }: LoadedInput, family: Family): Choice[] {
  const own = [...pods].filter(([, { ips }]) => ips.some((ip) => familyOf(ip) === family)).sort();
  return [
    { place: 'outside', words: 'a client outside the cluster' },
    ...own.slice(0, MOST_PODS).map(([name, { nodeName }]) => ({
      place: `pod/${name}`,
      words: `Pod ${name}${nodeName === undefined ? '' : nodeName === node.name ? ' on this node' : ` on ${nodeName}`}`,
    })),
    // Where its address is unknown, nobody can say what it sends.
    ...(node.ips.some((ip) => familyOf(ip) === family)
      ? [{ place: 'node', words: `this node${node.name === '' ? '' : `, ${node.name}`}` }]
      : []),
  ];
}

function targetsIn({ cluster, node, pods, options }: LoadedInput, family: Family): Choice[] {
  const ip = node.ips.find((one) => familyOf(one) === family);
  const addresses = addressesOfServices(cluster, family, options(family).legacyPortNames);
  return [
    ...addresses.flatMap((address): Choice[] => {
      const place = placeOfAddress(address, ip);
      if (place === undefined) return [];
      return [{ place, words: `${address.servicePort}, ${describeAddress(address)}` }];
    }),
    ...[...pods]
      .filter(([, { ips }]) => ips.some((one) => familyOf(one) === family))
      .slice(0, MOST_PODS)
      .map(([name]) => ({ place: `pod/${name}:80`, words: `Pod ${name} itself, without a Service` })),
  ];
}

/** As trace takes it. A node whose addresses are unknown has no node ports to send to. */
export function placeOfAddress(
  { address, port, protocol, way, servicePort }: ServiceAddress,
  nodeIP: string | undefined,
): string | undefined {
  const of = protocol === 'tcp' ? '' : `/${protocol}`;
  if (way === 'node-port')
    return nodeIP === undefined ? undefined : `node-port/${serviceOf(servicePort)}:${port}${of}`;
  return address === undefined ? undefined : `${joinPort(address, port)}${of}`;
}
