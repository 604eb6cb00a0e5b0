/** Random histories of a cluster: what the compiler sees while Services come, go and change. */
import fc from 'fast-check';
import type { ServiceEntry } from '../../../src/api/cluster.ts';
import {
  type CompilerInput,
  load,
  type RawCluster,
  type RawService,
  rawCluster,
  rawService,
} from './clusters.ts';
import type { Manifest } from './raw.ts';
import { SERVICE_IDS, type ServiceId } from './service.ts';

/** Something that happens to a cluster; `at` chooses one of its Services. */
export type Change =
  | { readonly change: 'put'; readonly service: RawService }
  | { readonly change: 'remove'; readonly at: number }
  | {
      readonly change: 'endpoint';
      readonly at: number;
      readonly slice: number;
      readonly endpoint: number;
      readonly how: 'ready' | 'remove' | 'terminate' | 'twice';
    }
  /** Written again without a difference. */
  | { readonly change: 'touch'; readonly at: number }
  /** A pair of Services that come to have so many endpoints together in each family. */
  | { readonly change: 'crowd'; readonly endpoints: number };

const at = fc.nat(11);

const change: fc.Arbitrary<Change> = fc.oneof(
  { arbitrary: fc.record({ change: fc.constant('put'), service: rawService }), weight: 3 },
  { arbitrary: fc.record({ change: fc.constant('remove'), at }), weight: 2 },
  {
    arbitrary: fc.record({
      change: fc.constant('endpoint'),
      at,
      slice: fc.nat(3),
      endpoint: fc.nat(5),
      how: fc.constantFrom('ready', 'remove', 'terminate', 'twice'),
    }),
    weight: 5,
  },
  { arbitrary: fc.record({ change: fc.constant('touch'), at }), weight: 1 },
  {
    arbitrary: fc.record({
      change: fc.constant('crowd'),
      endpoints: fc.oneof(fc.constantFrom(0, 1000, 1001), fc.integer({ min: 950, max: 1010 })),
    }),
    weight: 2,
  },
);

/** A cluster and what happens to it: the clusters after each change, the first one in front. They share what stays. */
export const clusterHistory: fc.Arbitrary<readonly RawCluster[]> = fc
  .tuple(rawCluster, fc.array(change, { minLength: 1, maxLength: 8 }))
  .map(([first, changes]) => {
    const history = [first];
    for (const change of changes) {
      const last = history.at(-1) ?? first;
      history.push({ ...last, services: apply(change, last.services) });
    }
    return history;
  });

function apply(change: Change, services: readonly RawService[]): readonly RawService[] {
  switch (change.change) {
    case 'put':
      return [...services.filter(({ id }) => id !== change.service.id), change.service];
    case 'remove':
      return services.filter((_, i) => i !== change.at % services.length);
    case 'endpoint':
      return services.map((service, i) =>
        i === change.at % services.length ? changeEndpoint(service, change) : service,
      );
    case 'touch':
      return services.map((service, i) => (i === change.at % services.length ? { ...service } : service));
    case 'crowd':
      return [
        ...services.filter(({ id }) => !CROWDED.includes(id)),
        ...CROWDED.map((id, i) => crowd(id, Math.floor((change.endpoints + i) / CROWDED.length))),
      ];
  }
}

function changeEndpoint(
  service: RawService,
  { slice, endpoint, how }: Extract<Change, { change: 'endpoint' }>,
): RawService {
  const slices = service.endpoints.map((object, i) => {
    const endpoints: unknown = object.endpoints;
    if (i !== slice % service.endpoints.length || !Array.isArray(endpoints)) return object;
    const changed = endpoints.flatMap((old: Manifest, i) => {
      if (i !== endpoint % endpoints.length) return [old];
      switch (how) {
        case 'ready':
          return [{ ...old, conditions: { ready: true } }];
        case 'terminate':
          return [{ ...old, conditions: { ready: false, serving: true, terminating: true } }];
        case 'twice':
          return [old, { ...old, nodeName: 'node-a' }];
        case 'remove':
          return [];
      }
      return [];
    });
    return { ...object, endpoints: changed };
  });
  return { ...service, endpoints: slices };
}

/** Services that no {@link Change} but `crowd` touches. */
const CROWDED: readonly ServiceId[] = [SERVICE_IDS + 1, SERVICE_IDS + 2];

function crowd(id: ServiceId, endpoints: number): RawService {
  const name = `crowd${id}`;
  const slice = (addressType: string, address: (i: number) => string): Manifest => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${addressType.toLowerCase()}`,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType,
    endpoints: Array.from({ length: endpoints }, (_, i) => ({ addresses: [address(i)] })),
    ports: [{ name: '', port: 80 }],
  });
  return {
    id,
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: {
        clusterIPs: [`10.111.0.${id % 256}`, `fd00:10:96::ffff:${id}`],
        ipFamilyPolicy: 'RequireDualStack',
        ports: [{ port: 80 }],
      },
    },
    endpoints: [
      slice('IPv4', (i) => `10.128.${i >> 8}.${i & 255}`),
      slice('IPv6', (i) => `fd00:10:128::${i.toString(16)}`),
    ],
  };
}

/** Loads the clusters of a history. What is the same object in two of them becomes the same {@link ServiceEntry}. */
export function loadHistory(history: readonly RawCluster[]): CompilerInput[] {
  const loaded = new Map<RawService, readonly [string, ServiceEntry][]>();
  const entriesOf = (raw: RawCluster, service: RawService) => {
    const entries = loaded.get(service) ?? [...load({ ...raw, services: [service] }).cluster.services];
    loaded.set(service, entries);
    return entries;
  };
  return history.map((raw) => {
    const services = new Map(raw.services.flatMap((service) => entriesOf(raw, service)));
    return { ...load({ ...raw, services: [] }), cluster: { services } };
  });
}
