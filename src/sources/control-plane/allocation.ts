/**
 * What the API server does for a Service as written by hand: it assigns the cluster IPs and node ports that the
 * manifest leaves out. Which ones it takes is chance there; here they depend on the Service's name, so that the
 * same manifest has the same addresses every time, whatever stands beside it.
 */
import { inOrderOfNames, namespacedName } from '../../api/cluster.ts';
import type { Service } from '../../api/service.ts';
import { FAMILY_NAMES, type Family, familyOf } from '../../net/address.ts';
import { addressAt, firstFree, sizeOf } from './free.ts';

/** Node ports are assigned from 30000 to 32767, the API server's default for `--service-node-port-range`. */
const NODE_PORTS = { first: 30000, size: 2768 };

/** The first numbers of a range are kept for those who choose their own (KEP-3668); these are tried last. */
const STATIC_NODE_PORTS = 86;

export interface Allocation {
  /** All Services, those without a cluster IP completed. */
  readonly services: readonly Service[];
  /** What was assigned to a Service, in words: `cluster IP 10.96.0.10`, `node port 30080 for port 80/TCP`. */
  readonly assigned: ReadonlyMap<Service, readonly string[]>;
  /** What could not be assigned to a Service, and why. */
  readonly failed: ReadonlyMap<Service, string>;
}

/**
 * Completes the Services that have no cluster IP yet. A Service that has one is taken as it is.
 * @param ranges the service cluster IP range of each family, the first for Services that name no family
 */
export function allocate(services: readonly Service[], ranges: readonly string[]): Allocation {
  const allocator = new Allocator(services, ranges);
  const assigned = new Map<Service, string[]>();
  const failed = new Map<Service, string>();
  const complete = (service: Service): Service => {
    if (service.type === 'ExternalName' || service.clusterIPs.length > 0) return service;
    const words: string[] = [];
    try {
      const clusterIPs = allocator.clusterIPs(service);
      words.push(`cluster IP ${clusterIPs.join(' and ')}`);
      const completed = { ...service, clusterIPs, ...allocator.nodePorts(service, words) };
      assigned.set(completed, words);
      return completed;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      failed.set(service, error.message);
      return service;
    }
  };
  return { services: inOrderOfNames(services).map(complete), assigned, failed };
}

class Allocator {
  readonly #ranges: readonly string[];
  readonly #addresses: Set<string>;
  readonly #ports: Set<number>;

  constructor(services: readonly Service[], ranges: readonly string[]) {
    this.#ranges = ranges;
    this.#addresses = new Set(services.flatMap((service) => service.clusterIPs));
    this.#ports = new Set(
      services.flatMap(({ ports, healthCheckNodePort }) => [
        healthCheckNodePort,
        ...ports.map(({ nodePort }) => nodePort),
      ]),
    );
  }

  clusterIPs(service: Service): string[] {
    return this.#families(service).map((family) => {
      const range = this.#ranges.find((range) => familyOf(range) === family);
      if (range === undefined)
        throw new RangeError(`no ${FAMILY_NAMES[family]} range to take its cluster IP from`);
      return this.#clusterIP(range, `${namespacedName(service)} ${family}`);
    });
  }

  nodePorts(service: Service, words: string[]): Pick<Service, 'ports' | 'healthCheckNodePort'> {
    const { type, externalTrafficPolicy, allocateLoadBalancerNodePorts } = service;
    const wanted = type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts);
    // Ports of one number under several protocols share their node port, as the API server has it.
    const ofNumber = new Map<number, number>();
    for (const { port, nodePort } of service.ports) if (nodePort !== 0) ofNumber.set(port, nodePort);
    const ports = service.ports.map((port) => {
      if (!wanted || port.nodePort !== 0) return port;
      const shared = ofNumber.get(port.port);
      const clash = service.ports.some((p) => p.nodePort === shared && p.protocol === port.protocol);
      const nodePort =
        shared !== undefined && !clash ? shared : this.#nodePort(`${namespacedName(service)} ${port.port}`);
      ofNumber.set(port.port, nodePort);
      words.push(`node port ${nodePort} for port ${port.port}/${port.protocol}`);
      return { ...port, nodePort };
    });
    let { healthCheckNodePort } = service;
    if (type === 'LoadBalancer' && externalTrafficPolicy === 'Local' && healthCheckNodePort === 0) {
      healthCheckNodePort = this.#nodePort(`${namespacedName(service)} health check`);
      words.push(`health check node port ${healthCheckNodePort}`);
    }
    return { ports, healthCheckNodePort };
  }

  #families({ ipFamilies, ipFamilyPolicy }: Service): Family[] {
    const named = ipFamilies.map((name) => (name === 'IPv6' ? 'ipv6' : 'ipv4'));
    const primary = named[0] ?? familyOf(this.#ranges[0] ?? '');
    const secondary = primary === 'ipv4' ? 'ipv6' : 'ipv4';
    const possible = this.#ranges.some((range) => familyOf(range) === secondary);
    const dual =
      named.length > 1 ||
      ipFamilyPolicy === 'RequireDualStack' ||
      (ipFamilyPolicy === 'PreferDualStack' && possible);
    return dual ? [primary, secondary] : [primary];
  }

  /** Free addresses are looked for in the upper part of the range first (KEP-3070), never at its two ends. */
  #clusterIP(range: string, seed: string): string {
    const size = sizeOf(range);
    const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const address = firstFree(size, reserved, seed, (offset) => {
      const address = addressAt(range, offset);
      return this.#addresses.has(address) ? undefined : address;
    });
    if (address === undefined) throw new RangeError(`no free cluster IP in ${range}`);
    this.#addresses.add(address);
    return address;
  }

  #nodePort(seed: string): number {
    const port = firstFree(NODE_PORTS.size, STATIC_NODE_PORTS, seed, (offset) => {
      const port = NODE_PORTS.first + offset;
      return this.#ports.has(port) ? undefined : port;
    });
    if (port === undefined) throw new RangeError('no free node port between 30000 and 32767');
    this.#ports.add(port);
    return port;
  }
}
