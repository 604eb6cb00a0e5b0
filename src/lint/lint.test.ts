import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, objectsOf, rawCluster } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, other, told } from '../../test/support/lint.ts';
import { inputOf, loadBalancer, service, slice } from '../../test/support/rules.ts';
import { planService } from '../compiler/compile-service.ts';
import { FAMILIES } from '../net/address.ts';
import type { ObjectFinding } from './finding.ts';
import { lintCluster } from './lint.ts';
import { RULES, type RuleCode } from './rules.ts';

describe('the table of rules', () => {
  test.each(Object.entries(RULES))('%s has two sentences', (code, { summary, remedy }) => {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)+$/);
    for (const text of [summary, remedy]) expect(text).toMatch(/^[A-Za-z][^\n]*\.$/);
  });
});

test('findings come object by object, Services first, the worst of each first', () => {
  const objects = [
    slice(['10.244.1.5'], { name: 'a-first', ports: [{ name: 'x', port: 1 }] }),
    other('zoo', { externalIPs: ['10.96.0.10'], loadBalancerSourceRanges: ['10.0.0.0/8'] }),
    service({ loadBalancerSourceRanges: ['10.0.0.0/8'], healthCheckNodePort: 1 }),
  ];
  expect(told(findingsOf({ objects }))).toEqual([
    'health-check-node-port-ignored spec.healthCheckNodePort',
    'source-ranges-ignored spec.loadBalancerSourceRanges',
    'no-endpoints spec.ports[0]',
    'address-is-cluster-ip Service shop/zoo spec.externalIPs[0]',
    'source-ranges-ignored Service shop/zoo spec.loadBalancerSourceRanges',
    'no-endpoints Service shop/zoo spec.selector',
    'slice-port-without-service-port EndpointSlice shop/a-first ports[0].name',
  ]);
});

test('a finding has what its rule says', () => {
  const objects = [loadBalancer({ loadBalancerSourceRanges: ['0.0.0.0/0'] }), slice(['10.244.1.5'])];
  expect(findingsOf({ objects })).toEqual([
    {
      code: 'source-ranges-everyone',
      severity: 'info',
      object: { kind: 'Service', namespace: 'shop', name: 'web' },
      field: 'spec.loadBalancerSourceRanges',
      cause: '0.0.0.0/0 lets everyone in, as if there were no source ranges.',
      remedy: RULES['source-ranges-everyone'].remedy,
    },
  ]);
});

test('a cluster and a node alone are enough', () => {
  const { cluster, node } = inputOf({
    objects: [service(), slice(['10.244.1.5'], { ports: [{ name: 'x', port: 1 }] })],
  });
  expect(told(lintCluster(cluster, node))).toEqual([
    'no-endpoints spec.ports[0]',
    'slice-port-without-service-port EndpointSlice shop/web-1 ports[0].name',
  ]);
});

const REFUSED: readonly RuleCode[] = [
  'no-endpoints',
  'no-endpoint-slices',
  'no-ready-endpoints',
  'topology-keys-exclude-node',
];
const DROPPED: readonly RuleCode[] = [
  'internal-traffic-dropped',
  'external-traffic-dropped',
  'node-without-local-endpoints',
];

/** The Services, by `namespace/name`, that findings of some rules are of. */
function concerned(findings: readonly ObjectFinding[], codes: readonly RuleCode[]): string[] {
  const names = findings.flatMap(({ code, object }) =>
    codes.includes(code) ? [`${object.namespace}/${object.name}`] : [],
  );
  return [...new Set(names)].sort();
}

describe('of any cluster', () => {
  const known = rawCluster.map((raw) => ({ ...raw, host: { ...raw.host, name: 'node-a' } }));

  test('a Service is told of whose traffic the compiler refuses, and no other', () => {
    fc.assert(
      fc.property(known, (raw) => {
        const { cluster, node, options } = load(raw);
        const planned = [...cluster.services].map(([name, entry]) => ({
          name,
          fates: FAMILIES.flatMap((family) =>
            planService(entry, node, options(family)).plans.flatMap(({ internal, external }) => [
              internal.fate,
              external?.fate,
            ]),
          ),
          placed: entry.endpointSlices.every(({ endpoints }) => endpoints.every(({ nodeName }) => nodeName)),
        }));
        const findings = lintCluster(cluster, node);
        const having = (fate: string) =>
          planned
            .filter(({ fates }) => fates.some((one) => one === fate))
            .map(({ name }) => name)
            .sort();
        expect(concerned(findings, REFUSED)).toEqual(having('reject'));
        // Endpoints on no node at all are another matter.
        const placed = new Set(planned.filter(({ placed }) => placed).map(({ name }) => name));
        expect(concerned(findings, DROPPED).filter((name) => placed.has(name))).toEqual(
          having('drop').filter((name) => placed.has(name)),
        );
        for (const name of having('drop'))
          expect(concerned(findings, [...DROPPED, 'endpoints-without-node'])).toContain(name);
      }),
    );
  });

  test('findings do not depend on the order of objects', () => {
    const shuffled = known.chain((raw) =>
      fc.record({
        raw: fc.constant(raw),
        objects: fc.shuffledSubarray([...objectsOf(raw)], { minLength: objectsOf(raw).length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ raw, objects }) => {
        const [sorted, mixed] = [load(raw), load(raw, objects)];
        expect(lintCluster(mixed.cluster, mixed.node)).toEqual(lintCluster(sorted.cluster, sorted.node));
      }),
    );
  });

  test('findings are of objects that there are, and each is told once', () => {
    fc.assert(
      fc.property(rawCluster, (raw) => {
        const { cluster, node } = load(raw);
        const slices = [...cluster.services.values()].flatMap(({ endpointSlices }) => endpointSlices);
        const names = new Set([
          ...[...cluster.services.keys()].map((name) => `Service ${name}`),
          ...slices.map(({ namespace, name }) => `EndpointSlice ${namespace}/${name}`),
        ]);
        const findings = lintCluster(cluster, node);
        for (const { object } of findings)
          expect(names).toContain(`${object.kind} ${object.namespace}/${object.name}`);
        const texts = findings.map((finding) => JSON.stringify(finding));
        expect(new Set(texts).size).toBe(texts.length);
      }),
    );
  });
});
