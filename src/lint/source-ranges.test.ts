import { expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, told } from '../../test/support/lint.ts';
import { DUAL_STACK, loadBalancer, service, slice } from '../../test/support/rules.ts';

const FIELD = 'spec.loadBalancerSourceRanges';
const ranges = (...loadBalancerSourceRanges: string[]) => ({ loadBalancerSourceRanges });
const NODE_PORT = { ports: [{ name: 'http', port: 80, nodePort: 30080 }] };
const SLICES = [slice(['10.244.1.5']), slice(['fd00:10:244::5'], { name: 'web-2', addressType: 'IPv6' })];

test.each<[string, Manifest, string[]]>([
  ['a range that holds', loadBalancer(ranges('198.51.100.0/24')), []],
  ['no range', loadBalancer(NODE_PORT), []],
  ['a node port', loadBalancer({ ...ranges('198.51.100.0/24'), ...NODE_PORT }), ['source-ranges-bypassed']],
  ['an external IP', loadBalancer({ ...ranges('198.51.100.0/24'), externalIPs: ['203.0.113.20'] }), ['source-ranges-bypassed']], // biome-ignore format: a row
  ['another type', service({ ...ranges('198.51.100.0/24'), ...NODE_PORT, type: 'NodePort' }), ['source-ranges-ignored']], // biome-ignore format: a row
  ['everyone', loadBalancer({ ...ranges('0.0.0.0/0'), ...NODE_PORT }), ['source-ranges-everyone']],
  ['everyone and some', loadBalancer(ranges('10.0.0.0/8', '0.0.0.0/0')), ['source-ranges-open']],
  ['two halves', loadBalancer(ranges('0.0.0.0/1', '128.0.0.0/1')), []],
])('%s', (_, service, codes) => {
  expect(told(findingsOf({ objects: [service, ...SLICES.slice(0, 1)] }))).toEqual(
    codes.map((code) => `${code} ${FIELD}`),
  );
});

const withIPs = (spec: Manifest, ...ips: string[]): Manifest => ({
  ...loadBalancer({ ...DUAL_STACK, ...spec }),
  status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
});

test.each<[string, Manifest, string[]]>([
  ['ranges of both', withIPs(ranges('198.51.100.0/24', '2001:db8::/32')), []],
  ['a range of one', withIPs(ranges('198.51.100.0/24')), ['No source range is of IPv6, so its IPv6 load-balancer IPs are open to everyone.']], // biome-ignore format: a row
  ['a range of one, and only an IP of that', withIPs(ranges('198.51.100.0/24'), '203.0.113.10'), []],
  ['a range of one, and only an IP of the other', withIPs(ranges('198.51.100.0/24'), '2001:db8::10'), ['No source range is of IPv6, so its IPv6 load-balancer IPs are open to everyone.']], // biome-ignore format: a row
  ['everyone of one', withIPs(ranges('198.51.100.0/24', '::/0')), ['::/0 lets everyone in, as if there were no source ranges.']], // biome-ignore format: a row
])('of two families: %s', (_, service, causes) => {
  expect(findingsOf({ objects: [service, ...SLICES] }).map(({ cause }) => cause)).toEqual(causes);
});

test('tells all ways round', () => {
  const spec = { ...ranges('198.51.100.0/24'), ...NODE_PORT, externalIPs: ['203.0.113.20', '203.0.113.21'] };
  const [finding] = findingsOf({ objects: [loadBalancer(spec), ...SLICES.slice(0, 1)] });
  expect(finding?.cause).toBe(
    'Its source ranges guard only its load-balancer IPs: node port 30080, external IP 203.0.113.20 and external IP 203.0.113.21 can be reached from everywhere.',
  );
});
