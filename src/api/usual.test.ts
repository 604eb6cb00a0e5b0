import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import { endpointSliceSchema, SERVICE_NAME_LABEL } from './endpoint-slice.ts';
import { check } from './problem.ts';
import { serviceSchema } from './service.ts';

/** The first of some values for the most part. */
const mostlyFirst = (first: unknown, ...others: readonly unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 30, arbitrary: fc.constant(first) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

/** A value as it should be for the most part; else anything, null and absence among it. */
const mostly = <T>(usual: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 40, arbitrary: usual },
    { weight: 1, arbitrary: fc.constantFrom(undefined, null, 7, true, '', 'a b', [], ['x'], {}) },
  );

/** Any of the fields, each as it should be for the most part. */
const fields = (usual: Readonly<Record<string, fc.Arbitrary<unknown>>>, required: readonly string[] = []) =>
  fc.record(Object.fromEntries(Object.entries(usual).map(([name, arbitrary]) => [name, mostly(arbitrary)])), {
    requiredKeys: [...required],
  });

const lists = (items: fc.Arbitrary<unknown>, maxLength = 2) => fc.array(mostly(items), { maxLength });

const address = fc.constantFrom(
  ...['10.0.0.1', '10.0.0.2', '10.0.0.2', '010.0.0.3', 'fd00::1', 'FD00::2', '127.0.0.1', '::', 'x'],
);
const protocol = mostlyFirst('TCP', 'UDP', 'SCTP', '', 'tcp');
const number = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 65535 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 65536, 1.5, '80') },
);

const metadata = (labels: fc.Arbitrary<unknown>) =>
  fields(
    {
      name: mostlyFirst('web', 'web.abc', 'Web', '-'),
      namespace: mostlyFirst('shop', 'shop.x'),
      labels,
    },
    ['name', 'namespace'],
  );

const slices = fields(
  {
    metadata: metadata(
      fc.constantFrom(
        { [SERVICE_NAME_LABEL]: 'web' },
        { 'service.kubernetes.io/headless': '' },
        { 'a b': '' },
        { a: 'x y' },
        JSON.parse('{ "__proto__": "x" }'),
      ),
    ),
    addressType: fc.constantFrom('IPv4', 'IPv4', 'IPv6', 'FQDN'),
    endpoints: lists(
      fields(
        {
          addresses: lists(address),
          conditions: fields({ ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }),
          nodeName: fc.constantFrom('node-a', 'node-b'),
          zone: fc.constant('zone-a'),
          hints: fields({
            forZones: lists(fields({ name: fc.constantFrom('zone-a', 'zone-b') }, ['name'])),
            forNodes: lists(fields({ name: fc.constant('node-a') }, ['name'])),
          }),
          deprecatedTopology: mostlyFirst(undefined, { 'topology.kubernetes.io/region': 'r' }),
          hostname: fc.constant('other'),
        },
        ['addresses'],
      ),
    ),
    ports: lists(fields({ name: mostlyFirst('http', 'dns', 'h p'), port: number, protocol }, ['port'])),
  },
  ['metadata', 'addressType', 'endpoints', 'ports'],
);

const services = fields(
  {
    metadata: metadata(
      mostlyFirst({ app: 'web' }, {}, { 'service.kubernetes.io/service-proxy-name': 'x' }, { 'a b': '' }),
    ),
    spec: fields(
      {
        type: mostlyFirst('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', 'External'),
        clusterIP: mostlyFirst('10.0.0.1', 'fd00::1', 'None', 'none'),
        clusterIPs: fc.oneof(
          mostlyFirst(['10.0.0.1'], ['fd00::1'], ['10.0.0.1', 'FD00::2'], ['None'], ['None', '10.0.0.1']),
          lists(address),
        ),
        ipFamilies: mostlyFirst(['IPv4'], ['IPv6', 'IPv4'], ['IPv4', 'IPv4'], ['ipv4']),
        ipFamilyPolicy: mostlyFirst('SingleStack', 'PreferDualStack', 'RequireDualStack', 'Dual'),
        ports: lists(
          fields(
            {
              name: mostlyFirst('http', 'https', 'h p'),
              port: number,
              protocol,
              targetPort: mostlyFirst(8080, 'web', '', 0, 65536, 'w--b', '80'),
              nodePort: mostlyFirst(30080, 30081, 0, 65536),
              appProtocol: fc.constant('other'),
            },
            ['port'],
          ),
        ),
        selector: mostlyFirst({ app: 'web' }, {}, { 'a b': 'x' }),
        externalTrafficPolicy: mostlyFirst('Cluster', 'Local', 'local'),
        internalTrafficPolicy: mostlyFirst('Cluster', 'Local', 'local'),
        allocateLoadBalancerNodePorts: fc.boolean(),
        sessionAffinity: mostlyFirst('None', 'ClientIP', 'Client'),
        sessionAffinityConfig: mostlyFirst(undefined, { clientIP: { timeoutSeconds: 10 } }),
        externalIPs: mostlyFirst(undefined, ['192.0.2.1'], ['x']),
        loadBalancerSourceRanges: mostlyFirst(undefined, ['192.0.2.0/24']),
        trafficDistribution: mostlyFirst(undefined, 'PreferClose'),
        healthCheckNodePort: mostlyFirst(undefined, 30090),
        publishNotReadyAddresses: mostlyFirst(undefined, true),
        topologyKeys: mostlyFirst(undefined, ['*']),
      },
      ['clusterIP', 'clusterIPs', 'ports'],
    ),
    status: fields({
      loadBalancer: fields({
        ingress: mostlyFirst(undefined, [], [{ ip: '192.0.2.1' }], [{ ip: '192.0.2.1', ipMode: 'Proxy' }]),
      }),
    }),
  },
  ['metadata', 'spec'],
);

describe('the short way of a schema', () => {
  test.each<[kind: string, schema: z.ZodType, values: fc.Arbitrary<unknown>]>([
    ['EndpointSlice', endpointSliceSchema, slices],
    ['Service', serviceSchema, services],
  ])('gives exactly what the schema gives: %s', (_, schema, values) => {
    const whole = vi.spyOn(schema, 'safeParse');
    let refused = 0;
    let short = 0;
    fc.assert(
      fc.property(values, (value) => {
        const { success, data } = schema.safeParse(value);
        whole.mockClear();
        const checked = check(schema, value, []);
        if (whole.mock.calls.length === 0) short++;
        if (!success) refused++;
        expect(checked.ok).toBe(success);
        if (checked.ok) expect(checked.value).toStrictEqual(data);
      }),
      { numRuns: 3000 },
    );
    expect(short).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(300);
  });
});
