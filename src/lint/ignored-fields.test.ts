import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, told } from '../../test/support/lint.ts';
import { endpoint, loadBalancer, ON_NODE_A, service, slice } from '../../test/support/rules.ts';

const LOCAL = { externalTrafficPolicy: 'Local' };
const HEALTH = { healthCheckNodePort: 32000 };
const SLICE = slice([endpoint('10.244.1.5', ON_NODE_A)], {
  ports: [
    { name: 'http', port: 8080 },
    { name: 'quic', port: 8443, protocol: 'UDP' },
  ],
});
const QUIC = {
  ports: [
    { name: 'http', port: 80 },
    { name: 'quic', port: 443, protocol: 'UDP' },
  ],
};
const HEADLESS = { clusterIP: 'None' };
const ALIAS = { type: 'ExternalName', clusterIP: undefined, externalName: 'example.com' };
const OTHER_PROXY = { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'mine' } } };

test.each<[string, Manifest, string[]]>([
  ['an external policy inside', service(LOCAL), ['external-policy-ignored spec.externalTrafficPolicy']],
  ['an external policy for an external IP', service({ ...LOCAL, externalIPs: ['203.0.113.20'] }), []],
  ['a health check', loadBalancer({ ...LOCAL, ...HEALTH }), []],
  ['a health check of the Cluster policy', loadBalancer(HEALTH), ['health-check-node-port-ignored spec.healthCheckNodePort']], // biome-ignore format: a row
  ['a health check of another type', service({ type: 'NodePort', ...LOCAL, ...HEALTH }), ['health-check-node-port-ignored spec.healthCheckNodePort']], // biome-ignore format: a row
  ['two protocols', loadBalancer(QUIC), ['mixed-protocols spec.ports']],
  ['two protocols without a load balancer', service(QUIC), []],
  ['headless', service(HEADLESS), []],
  ['headless with affinity', service({ ...HEADLESS, sessionAffinity: 'ClientIP' }), ['headless-field-ignored spec.sessionAffinity']], // biome-ignore format: a row
  ['headless with a policy', service({ ...HEADLESS, internalTrafficPolicy: 'Local' }), ['headless-field-ignored spec.internalTrafficPolicy']], // biome-ignore format: a row
  ['headless with a preference', service({ ...HEADLESS, trafficDistribution: 'PreferSameZone' }), ['headless-field-ignored spec.trafficDistribution']], // biome-ignore format: a row
  ['an alias with an external IP', service({ ...ALIAS, externalIPs: ['203.0.113.20'] }), ['headless-field-ignored spec.externalIPs']], // biome-ignore format: a row
  ['all of it for another proxy', service({ ...HEADLESS, ...LOCAL, ...HEALTH, sessionAffinity: 'ClientIP' }, OTHER_PROXY), []], // biome-ignore format: a row
])('%s', (_, service, expected) => {
  const found = told(findingsOf({ objects: [service, SLICE] }));
  expect(found.filter((line) => !line.includes('EndpointSlice'))).toEqual(expected);
});
