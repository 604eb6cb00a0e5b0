/** What one change costs in the fast layout, however large the cluster is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load } from '../../test/support/arbitrary/clusters.ts';
import { largeService } from '../../test/support/arbitrary/large-cluster.ts';
import { FakeKernel } from '../../test/support/fake-kernel.ts';
import type { ClusterState, ServiceEntry } from '../api/cluster.ts';
import { Applier } from '../applier/applier.ts';
import { iptablesPrograms } from '../applier/programs.ts';
import { FAMILIES, type Family } from '../net/address.ts';
import { IncrementalCompiler } from './incremental.ts';

const KINDS = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalIP'] as const;

interface Shape {
  readonly kind: (typeof KINDS)[number];
  readonly endpoints: number;
}

/** A Service of one port. */
function entryOf(id: number, step: number, { kind, endpoints }: Shape): [string, ServiceEntry] {
  const raw = largeService(id, step, {
    kind,
    endpoints,
    ports: 1,
    affinity: false,
    local: false,
    guarded: true,
  });
  const { cluster } = load({ services: [raw], others: [], configuration: CONFIGURATION, own: {}, host: {} });
  const [entry] = [...cluster.services];
  if (!entry) throw new Error('a Service');
  return entry;
}

const CONFIGURATION = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
};

/** Applies clusters one after the other; gives how many lines each took from its predecessor. */
async function linesBetween(
  clusters: readonly ClusterState[],
  family: Family,
  bpf: boolean,
): Promise<number[]> {
  const { node, options } = load({
    services: [],
    others: [],
    configuration: CONFIGURATION,
    own: {},
    host: {},
  });
  const compiler = new IncrementalCompiler({ ...node, bpf }, { ...options(family), layout: 'fast' });
  const applier = new Applier(iptablesPrograms(family, 'nft'), new FakeKernel(family));
  const lines: number[] = [];
  for (const [i, cluster] of clusters.entries()) {
    const changes = compiler.update(cluster);
    const result =
      i === 0
        ? await applier.apply(compiler.ruleset())
        : await applier.applyChanges(changes, () => compiler.ruleset());
    lines.push(String(result.input).split('\n').length - 1);
  }
  return lines.slice(1);
}

const shape = fc.record({ kind: fc.constantFrom(...KINDS), endpoints: fc.integer({ min: 0, max: 10 }) });

test.each(FAMILIES)(
  'a Service that comes, changes or goes takes few lines, %s',
  async (family) => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(3000), { minLength: 2, maxLength: 300 }),
        fc.array(shape, { minLength: 5, maxLength: 5 }),
        fc.constantFrom(1, 3, 16, 257),
        fc.array(fc.tuple(fc.nat(), fc.option(shape)), { minLength: 10, maxLength: 10 }),
        fc.boolean(),
        async (ids, shapes, step, changes, bpf) => {
          const shapeOf = (i: number) => shapes[i % shapes.length] ?? { kind: 'ClusterIP', endpoints: 1 };
          let services = new Map(ids.slice(1).map((id, i) => entryOf(id, step, shapeOf(i))));
          const clusters: ClusterState[] = [{ services }];
          for (const [which, shape] of changes) {
            services = new Map(services);
            const id = ids[which % ids.length] ?? 0;
            if (shape) services.set(...entryOf(id, step, shape));
            else services.delete(`large/s${id}`);
            clusters.push({ services });
          }
          const lines = await linesBetween(clusters, family, bpf);
          // Not more than lists that become trees all at once, each with some 16 rules that go, come again, and get their
          // chains. Without xt_bpf, endpoints have two such lists more.
          expect(Math.max(...lines)).toBeLessThan(bpf ? 150 : 300);
        },
      ),
      { numRuns: 12 },
    );
  },
  120_000,
);

describe('one endpoint of very many', () => {
  test.each([50, 300, 1000])('%i', async (count) => {
    const [, entry] = entryOf(1, 1, { kind: 'ClusterIP', endpoints: count });
    const without = (left: number): ServiceEntry => ({
      ...entry,
      endpointSlices: entry.endpointSlices.map((slice) => ({
        ...slice,
        endpoints: slice.endpoints.filter((_, i) => i !== left),
      })),
    });
    const states = [entry, ...[0, 7, count >> 1, count - 1].flatMap((i) => [without(i), entry])];
    const clusters = states.map((state) => ({ services: new Map([['large/s1', state]]) }));
    const lines = await linesBetween(clusters, 'ipv4', true);
    expect(Math.max(...lines)).toBeLessThan(100);
  });
});
