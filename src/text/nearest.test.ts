import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

const FIELDS = ['clusterIP', 'clusterIPs', 'loadBalancerIP', 'ports', 'selector', 'type'];

test.each<[string, string | undefined]>([
  ['clusterIp', 'clusterIP'],
  ['clusterip', 'clusterIP'],
  ['clusterIpS', 'clusterIPs'],
  ['selectors', 'selector'],
  ['selctor', 'selector'],
  ['seletcor', 'selector'],
  ['selextor', 'selector'],
  ['port', 'ports'],
  ['prots', 'ports'],
  ['loadBalancrIpp', 'loadBalancerIP'],
  ['tpye', 'type'],
  ['tyqq', undefined],
  ['app', undefined],
  ['x', undefined],
  ['', undefined],
  ['replicas', undefined],
])('%j is nearest to %j', (word, expected) => {
  expect(nearest(word, FIELDS)).toBe(expected);
});

test.each<[string, string | undefined]>([
  ['service', 'Service'],
  ['Servcie', 'Service'],
  ['Services', 'Service'],
  ['Serivces', undefined],
])('with one letter wrong, %s is nearest to %s', (word, expected) => {
  expect(nearest(word, ['Pod', 'Service'], 1)).toBe(expected);
});

test('the first of those that are equally near', () => {
  expect(nearest('porta', ['ports', 'port'])).toBe('ports');
});

test('one that has a letter swapped, lost, doubled or replaced is found', () => {
  const mistake = fc.constantFrom(
    (text: string, i: number) => text.slice(0, i) + text.slice(i + 1),
    (text: string, i: number) => text.slice(0, i) + text.charAt(i) + text.slice(i),
    (text: string, i: number) => `${text.slice(0, i)}_${text.slice(i + 1)}`,
    (text: string, i: number) => text.slice(0, i) + text.charAt(i + 1) + text.charAt(i) + text.slice(i + 2),
  );
  const name = 'internalTrafficPolicy';
  fc.assert(
    fc.property(mistake, fc.nat(name.length - 2), (make, i) => {
      expect(nearest(make(name, i), ['externalTrafficPolicy', name, 'trafficDistribution'], 1)).toBe(name);
    }),
  );
});
