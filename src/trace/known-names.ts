/** What names stand for: by manifests where there are any, else by what the rules say of themselves. */
import type { ClusterState } from '../api/cluster.ts';
import type { NodeFacts } from '../api/node.ts';
import type { Pod } from '../api/pod.ts';
import { InputError } from '../api/problem.ts';
import { unknownService } from '../api/unknown-service.ts';
import { serviceOf } from '../chains/comments.ts';
import { addressesInRules, type ServiceAddress } from '../chains/service-addresses.ts';
import type { CompileOptions } from '../compiler/options.ts';
import { addressesOfServicePort, resolveServicePorts } from '../compiler/service-ports.ts';
import type { PreparedRuleset } from '../iptables/simulator/prepare.ts';
import { type Family, familyOf } from '../net/address.ts';
import type { Place } from './place.ts';
import type { Known } from './question.ts';

/** What manifests say, as far as names go. */
export interface Manifests {
  readonly cluster: ClusterState;
  /** By `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>;
  options(family: Family): Pick<CompileOptions, 'legacyPortNames' | 'detectLocal'>;
}

/** @param manifests undefined where only rules are known */
export function knownNames(
  ruleset: PreparedRuleset,
  node: NodeFacts,
  manifests: Manifests | undefined,
): Known {
  const { family } = ruleset;
  const { detectLocal } = manifests?.options(family) ?? {};
  return {
    family,
    node,
    addressesOf: manifests
      ? (service) => addressesByManifest(service, manifests, family)
      : (service) => addressesByRules(service, ruleset),
    otherIngress: (service) => manifests?.cluster.services.get(service)?.service.otherIngress ?? [],
    pod(name) {
      const pod = manifests?.pods.get(name);
      return pod && { addresses: pod.ips, nodeName: pod.nodeName };
    },
    podRanges: [
      ...node.podCIDRs.filter((range) => familyOf(range) === family),
      ...(detectLocal?.by === 'source' ? [detectLocal.range] : []),
    ],
    podInterface: detectLocal?.by === 'interface' ? detectLocal.name : undefined,
  };
}

/** The family that named things are of, IPv4 where they have both; undefined where the names do not tell. */
export function familyOfNames(
  places: readonly Place[],
  manifests: Pick<Manifests, 'cluster' | 'pods'> | undefined,
): Family | undefined {
  for (const place of places) {
    const addresses =
      place.kind === 'service'
        ? manifests?.cluster.services.get(place.service)?.service.clusterIPs
        : place.kind === 'pod'
          ? manifests?.pods.get(place.pod)?.ips
          : undefined;
    const families = (addresses ?? []).filter((address) => /[.:]/.test(address)).map(familyOf);
    if (families.length > 0) return families.includes('ipv4') ? 'ipv4' : 'ipv6';
  }
  return undefined;
}

function addressesByManifest(
  name: string,
  { cluster, options }: Manifests,
  family: Family,
): ServiceAddress[] {
  const entry = cluster.services.get(name);
  if (!entry) throw unknownService(name, cluster.services.keys(), 'in the input');
  const ports = resolveServicePorts(entry.service, family, options(family).legacyPortNames);
  if (ports.length === 0) {
    const message = `Service ${name} has no cluster IP of ${family}, so that no rules are made for it`;
    throw new InputError([{ at: [], message }]);
  }
  return ports.flatMap(addressesOfServicePort);
}

function addressesByRules(name: string, ruleset: PreparedRuleset): ServiceAddress[] {
  const all = addressesInRules(ruleset);
  const found = all.filter(({ servicePort }) => serviceOf(servicePort) === name);
  if (found.length === 0)
    throw unknownService(
      name,
      all.map(({ servicePort }) => serviceOf(servicePort)),
      'in the rules',
    );
  return found;
}
