import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inputOf, service } from '../../test/support/rules.ts';
import { endpointChain, servicePortChain } from '../chains/names.ts';
import type { Endpoint } from '../compiler/endpoints.ts';
import { resolveServicePorts, type ServicePort } from '../compiler/service-ports.ts';

/** Some service port, under another name and protocol. */
function servicePort(name: string, protocol: ServicePort['protocol']): ServicePort {
  const { cluster } = inputOf({ objects: [service()] });
  const [port] = [...cluster.services.values()].flatMap(({ service }) =>
    resolveServicePorts(service, 'ipv4', false),
  );
  if (!port) throw new Error('the Service has no port');
  return { ...port, name, protocol };
}

const endpoint = (text: string): Endpoint => ({
  text,
  port: 8080,
  local: false,
  object: {
    address: '',
    ready: true,
    serving: true,
    terminating: false,
    nodeName: undefined,
    zone: undefined,
    region: undefined,
    forZones: [],
    forNodes: [],
  },
});

describe('names that kube-proxy gives', () => {
  test.each([
    ['default/simpleservice', 'KUBE-SVC-EXBNZ76JOZU7PBN2', 'KUBE-SEP-EJERYEAV7XNEU6DK'],
    // Before Kubernetes 1.13.
    ['default/simpleservice:', 'KUBE-SVC-EZC6WLOVQADP4IAW', 'KUBE-SEP-4SQFZS32ZVMTQEZV'],
  ])('%s', (name, ofServicePort, ofEndpoint) => {
    expect(servicePortChain('cluster', servicePort(name, 'tcp'))).toBe(ofServicePort);
    expect(endpointChain(servicePort(name, 'tcp'), endpoint('172.17.0.3:9876'))).toBe(ofEndpoint);
  });
});

test('each prefix stands before the same hash', () => {
  const names = (['cluster', 'local', 'external', 'firewall'] as const).map((role) =>
    servicePortChain(role, servicePort('default/simpleservice', 'tcp')),
  );
  expect(names).toEqual([
    'KUBE-SVC-EXBNZ76JOZU7PBN2',
    'KUBE-SVL-EXBNZ76JOZU7PBN2',
    'KUBE-EXT-EXBNZ76JOZU7PBN2',
    'KUBE-FW-EXBNZ76JOZU7PBN2',
  ]);
});

test('the hash is the beginning of base32(SHA-256)', () => {
  const protocol = fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const);
  const port = servicePort('', 'tcp');
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9/:-]{0,130}$/), protocol, (name, protocol) => {
      const chain = servicePortChain('cluster', { ...port, name, protocol });
      expect(chain).toBe(
        `KUBE-SVC-${base32(
          createHash('sha256')
            .update(name + protocol)
            .digest(),
        )}`,
      );
    }),
  );
});

/** The first 16 characters, bit by bit. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const characters = bits.slice(0, 80).match(/.{5}/g) ?? [];
  return characters.map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)]).join('');
}
