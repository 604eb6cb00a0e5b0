import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../test/support/arbitrary/clusters.ts';
import { findingsOf, node, other, told } from '../../test/support/lint.ts';
import { endpoint, loadBalancer, service, slice } from '../../test/support/rules.ts';

const nodePort = (nodePort: number) => ({
  type: 'NodePort',
  ports: [{ name: 'http', port: 80, nodePort }],
});
const external = (...externalIPs: string[]) => ({ externalIPs });
const PORT_81 = { ports: [{ name: 'http', port: 81 }] };
const UDP = { ports: [{ name: 'http', port: 80, protocol: 'UDP' }] };
const status = (ip: string) => ({ status: { loadBalancer: { ingress: [{ ip }] } } });

/** That there are no endpoints is not what is asked here, nor which Nodes there are. */
const addressesOnly = (told: readonly string[]) =>
  told.filter((line) => !/^(?:no-endpoints|node-unknown)/.test(line));

describe('of Services shop/web and shop/zoo', () => {
  const zoo = (spec: Manifest = {}, rest: Manifest = {}) => other('zoo', spec, rest);
  test.each<[string, Manifest[], string[]]>([
    ['addresses of their own', [service(), zoo()], []],
    ['a cluster IP twice', [service(), zoo({ clusterIP: '10.96.0.10' })], ['duplicate-cluster-ip Service shop/zoo spec.clusterIP']], // biome-ignore format: a row
    ['two headless', [service({ clusterIP: 'None' }), zoo({ clusterIP: 'None' })], []],
    ['a node port twice', [service(nodePort(30080)), zoo(nodePort(30080))], ['duplicate-node-port Service shop/zoo spec.ports[0].nodePort']], // biome-ignore format: a row
    ['two node ports', [service(nodePort(30080)), zoo(nodePort(30081))], []],
    ['an external IP twice', [service(external('203.0.113.20')), zoo(external('203.0.113.21', '203.0.113.20'))], ['duplicate-address Service shop/zoo spec.externalIPs[1]']], // biome-ignore format: a row
    ['addresses of a family that it has no cluster IP of', [loadBalancer({ externalIPs: ['2001:db8::20', '203.0.113.20'] }, '2001:db8::21')], ['address-of-other-family spec.externalIPs[0]', 'address-of-other-family status.loadBalancer.ingress']], // biome-ignore format: a row
    ['an external IP with two ports', [service(external('203.0.113.20')), zoo({ ...external('203.0.113.20'), ...PORT_81 })], []], // biome-ignore format: a row
    ['an external IP with two protocols', [service(external('203.0.113.20')), zoo({ ...external('203.0.113.20'), ...UDP })], []], // biome-ignore format: a row
    ['a load-balancer IP twice', [loadBalancer(), zoo({ type: 'LoadBalancer' }, status('203.0.113.10'))], ['duplicate-address Service shop/zoo status.loadBalancer.ingress']], // biome-ignore format: a row
    ['a load-balancer IP that is an external IP', [loadBalancer(), zoo(external('203.0.113.10'))], ['duplicate-address Service shop/zoo spec.externalIPs[0]']], // biome-ignore format: a row
    ['a load-balancer IP that is its own external IP', [loadBalancer(external('203.0.113.10')), zoo()], []],
    ['an address twice, of one that has no rules', [loadBalancer(), zoo({ ...external('203.0.113.10'), clusterIP: 'None' })], ['headless-field-ignored Service shop/zoo spec.externalIPs']], // biome-ignore format: a row
    ['an external IP that is a cluster IP', [service(external('10.96.0.20')), zoo()], ['address-is-cluster-ip spec.externalIPs[0]']], // biome-ignore format: a row
    ['a load-balancer IP that is a cluster IP', [loadBalancer({}, '10.96.0.20'), zoo()], ['address-is-cluster-ip status.loadBalancer.ingress']], // biome-ignore format: a row
    ["an external IP that is a node's", [service(external('192.168.0.3')), node('node-b', '192.168.0.3')], ['external-ip-is-node-ip spec.externalIPs[0]']], // biome-ignore format: a row
    ["an external IP that is this node's", [service(external('192.168.0.2'))], ['external-ip-is-node-ip spec.externalIPs[0]']], // biome-ignore format: a row
    [
      "an external IP that is no node's",
      [service(external('192.168.0.4')), node('node-b', '192.168.0.3')],
      [],
    ],
    [
      "a load-balancer IP that is a node's",
      [loadBalancer({}, '192.168.0.3'), node('node-b', '192.168.0.3')],
      [],
    ],
  ])('%s', (_, objects, expected) => {
    expect(addressesOnly(told(findingsOf({ objects })))).toEqual(expected);
  });
});

test.each<[string, string[], string[]]>([
  ['not given', [], []],
  ['around everything', ['10.96.0.0/16', 'fd00::/108'], []],
  ['of another family', ['fd00::/108'], []],
  ['elsewhere', ['10.97.0.0/16'], ['cluster-ip-outside-range spec.clusterIP']],
  [
    'around an endpoint',
    ['10.0.0.0/8'],
    ['endpoint-in-service-range EndpointSlice shop/web-1 endpoints[0].addresses[0]'],
  ],
])('a service range %s', (_, serviceRanges, expected) => {
  expect(told(findingsOf({ objects: [service(), slice(['10.244.1.5'])] }, { serviceRanges }))).toEqual(
    expected,
  );
});

test('tells whose it is', () => {
  const ips = { ...external('192.168.0.3', '10.96.0.10'), ports: [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }] }; // biome-ignore format: one line
  const nodes = [node('node-a', '192.168.0.2'), node('node-b', '192.168.0.3')];
  const objects = [service(ips), ...nodes, slice([endpoint('10.244.1.5')])];
  expect(findingsOf({ objects }).map(({ cause }) => cause)).toEqual([
    'Its external IP 10.96.0.10 is its own cluster IP.',
    '192.168.0.3 is the IP of node node-b: on its ports 80/TCP, 53/UDP, this Service stands in for whatever listens there.',
    'Its only endpoint has no port named "dns" for UDP, so its traffic is refused.',
  ]);
});
