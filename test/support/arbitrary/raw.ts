/** Words that all arbitraries of manifests are made of. */
import fc from 'fast-check';
import type { Family } from '../../../src/net/address.ts';

/** An object as it stands in a manifest. A field that is undefined is left out when it is written as JSON. */
export type Manifest = Readonly<Record<string, unknown>>;

export const NODE_NAMES = ['node-a', 'node-b', 'node-c'] as const;
export const ZONES = ['zone-1', 'zone-2', 'zone-3'] as const;
export const REGIONS = ['region-1', 'region-2'] as const;

/** A field that may be missing, or null, which Kubernetes takes for missing. */
export function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> {
  return fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 3 },
    { arbitrary, weight: 6 },
    { arbitrary: fc.constant(null), weight: 1 },
  );
}

/** True once in so many times, false when shrunk. */
export function seldom(times: number): fc.Arbitrary<boolean> {
  return fc.nat(times - 1).map((n) => n === times - 1);
}

/** The families of a Service, the primary one first. */
export const families = fc.constantFrom<readonly Family[]>(
  ['ipv4'],
  ['ipv6'],
  ['ipv4', 'ipv6'],
  ['ipv6', 'ipv4'],
);
