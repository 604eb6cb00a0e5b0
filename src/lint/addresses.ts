/** Addresses and node ports that somebody else has. */
import { namespacedName } from '../api/cluster.ts';
import { hasClusterIP, type Service } from '../api/service.ts';
import { contains, FAMILY_NAMES, familyOf } from '../net/address.ts';
import { findConflicts } from '../sources/control-plane/conflicts.ts';
import type { Context } from './context.ts';
import type { Found } from './finding.ts';
import { sentence, serviceReference } from './sentences.ts';

export function checkAddresses(context: Context): Found[] {
  return [
    ...conflicts(context),
    ...sharedAddresses(context),
    ...takenAddresses(context),
    ...addressesOfOtherFamily(context),
    ...outside(context),
  ];
}

/** Cluster IPs and node ports. */
function conflicts({ entries }: Context): Found[] {
  return findConflicts(entries.map(({ entry }) => entry.service)).map(({ service, field, message }) => ({
    code: field === 'spec.clusterIP' ? 'duplicate-cluster-ip' : 'duplicate-node-port',
    object: serviceReference(service),
    field,
    cause: sentence(message),
  }));
}

/** Addresses from outside of the cluster, and where a Service says that they are its own. */
function outsideAddresses({ externalIPs, loadBalancerIPs }: Service) {
  return [
    ...externalIPs.map((address, i) => ({ address, what: 'external IP', field: `spec.externalIPs[${i}]` })),
    ...loadBalancerIPs.map((address) => ({
      address,
      what: 'load-balancer IP',
      field: 'status.loadBalancer.ingress',
    })),
  ];
}

/** Of two Services with the same port of an address, the one whose rule comes first gets all of its traffic. */
function sharedAddresses({ entries }: Context): Found[] {
  const owners = new Map<string, string>();
  const found = new Map<string, Found>();
  for (const { key, entry, ports } of entries) {
    const { service } = entry;
    for (const { address, field } of outsideAddresses(service)) {
      for (const { family, plan } of ports) {
        if (familyOf(address) !== family) continue;
        const { port, protocol } = plan.servicePort;
        const claim = `${address}, port ${port}/${protocol.toUpperCase()},`;
        const owner = owners.get(claim) ?? key;
        owners.set(claim, owner);
        if (owner === key) continue;
        const cause = `${claim} belongs to Service ${owner} too, and only one of them gets its traffic.`;
        found.set(`${key} ${claim}`, {
          code: 'duplicate-address',
          object: serviceReference(service),
          field,
          cause,
        });
      }
    }
  }
  return [...found.values()];
}

function takenAddresses({ entries, clusterIPs, nodes, node }: Context): Found[] {
  const nodeIPs = new Map([node, ...nodes.values()].flatMap(({ ips, name }) => ips.map((ip) => [ip, name])));
  return entries.flatMap(({ entry: { service }, ports }) => {
    if (ports.length === 0) return [];
    const object = serviceReference(service);
    return outsideAddresses(service).flatMap(({ address, what, field }): Found[] => {
      const owner = clusterIPs.get(address);
      if (owner !== undefined) {
        const whose =
          owner === namespacedName(service) ? 'its own cluster IP' : `the cluster IP of Service ${owner}`;
        const cause = `Its ${what} ${address} is ${whose}.`;
        return [{ code: 'address-is-cluster-ip', object, field, cause }];
      }
      // Some load balancers, such as those that run on the nodes themselves, have a node's IP on purpose.
      const name = what === 'external IP' ? nodeIPs.get(address) : undefined;
      if (name === undefined) return [];
      const cause = `${address} is the IP of ${name === '' ? 'this node' : `node ${name}`}: on its ports ${portsOf(service)}, this Service stands in for whatever listens there.`;
      return [{ code: 'external-ip-is-node-ip', object, field, cause }];
    });
  });
}

function addressesOfOtherFamily({ entries }: Context): Found[] {
  return entries.flatMap(({ entry: { service } }) => {
    if (!hasClusterIP(service)) return [];
    const families = new Set(service.clusterIPs.map(familyOf));
    return outsideAddresses(service).flatMap(({ address, what, field }): Found[] => {
      if (families.has(familyOf(address))) return [];
      const cause = `Its ${what} ${address} gets no rules: it has no ${FAMILY_NAMES[familyOf(address)]} cluster IP.`;
      return [{ code: 'address-of-other-family', object: serviceReference(service), field, cause }];
    });
  });
}

function portsOf({ ports }: Service): string {
  return ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ');
}

function outside({ entries, serviceRanges }: Context): Found[] {
  return entries.flatMap(({ entry: { service } }) =>
    service.type === 'ExternalName'
      ? []
      : service.clusterIPs.flatMap((ip): Found[] => {
          const range = serviceRanges.find((range) => familyOf(range) === familyOf(ip));
          if (ip === 'None' || range === undefined || contains(range, ip)) return [];
          const cause = `${ip} is not in the service range ${range}.`;
          return [
            {
              code: 'cluster-ip-outside-range',
              object: serviceReference(service),
              field: 'spec.clusterIP',
              cause,
            },
          ];
        }),
  );
}
