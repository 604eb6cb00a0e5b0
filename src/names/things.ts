/** What names can stand for: of a cluster, by its objects, or of a node, by what its rules say of themselves. */
import { type ClusterState, namespacedName } from '../api/cluster.ts';
import type { Pod } from '../api/pod.ts';
import { aboutOf, serviceOf } from '../chains/comments.ts';
import { addressesInRules, type ServiceAddress } from '../chains/service-addresses.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { addressesOfServices } from '../compiler/service-ports.ts';
import { parseRule } from '../iptables/parse.ts';
import { readSavedText } from '../iptables/saved-text.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { FAMILIES, type Family, joinPort } from '../net/address.ts';

export interface Things {
  /** What they are in, for whoever is told that something is not: `in the input`. */
  readonly where: string;
  /** The Services, `namespace/name`. */
  readonly services: ReadonlySet<string>;
  /** The addresses of Pods, by `namespace/name`; rules know none. */
  readonly pods: ReadonlyMap<string, readonly string[]> | undefined;
  /** The addresses of all Services, of both families. */
  readonly addresses: () => readonly ServiceAddress[];
  /** The Services that send traffic to an address, to whatever port unless given. */
  readonly servicesTo: (address: string, port: number | undefined) => readonly string[];
}

/** What manifests or a live cluster hold. */
export interface Objects {
  readonly cluster: ClusterState;
  readonly pods: ReadonlyMap<string, Pod>;
  options(family: Family): Pick<CompileOptions, 'legacyPortNames'>;
}

/** By the objects of a cluster. */
export function thingsOfCluster({ cluster, pods, options }: Objects): Things {
  return {
    where: 'in the input',
    services: new Set(cluster.services.keys()),
    pods: new Map([...pods].map(([name, { ips }]) => [name, ips])),
    addresses: () =>
      FAMILIES.flatMap((family) => {
        const { legacyPortNames } = options(family);
        return addressesOfServices(cluster, family, legacyPortNames);
      }),
    servicesTo: (address, port) =>
      [...cluster.services.values()].flatMap(({ service, endpointSlices }) => {
        const has = endpointSlices.some(
          ({ endpoints, ports }) =>
            endpoints.some((endpoint) => endpoint.address === address) &&
            (port === undefined || ports.some((one) => one.port === port)),
        );
        return has ? [namespacedName(service)] : [];
      }),
  };
}

/** By the rules of a node, of each family that there are any of: prepared, and as iptables-save prints them. */
export function thingsOfRules(
  rules: readonly { readonly prepared: PreparedRuleset; text(): string }[],
): Things {
  const all = rules.flatMap(({ prepared }) => addressesInRules(prepared));
  return {
    where: 'in the rules',
    services: new Set(all.map(({ servicePort }) => serviceOf(servicePort))),
    pods: undefined,
    addresses: () => all,
    servicesTo: (address, port) => [
      ...new Set(rules.flatMap(({ prepared, text }) => endpointsIn(text(), prepared.family, address, port))),
    ],
  };
}

/** The Services of the rules that send traffic to an address, as their comments say. */
function endpointsIn(text: string, family: Family, address: string, port: number | undefined): string[] {
  const start = port === undefined ? joinPort(address, 0).slice(0, -1) : `${joinPort(address, port)} `;
  const nat = readSavedText(text).get('nat') ?? new Map();
  return [...nat.values()].flatMap(({ lines }: { readonly lines: readonly string[] }) =>
    lines.flatMap((line) => {
      if (!`${line} `.includes(`--to-destination ${start}`)) return [];
      const about = aboutOf(parseRule(line, family));
      return about ? [serviceOf(about.servicePort)] : [];
    }),
  );
}
