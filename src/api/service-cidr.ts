/** `networking.k8s.io/v1` ServiceCIDR: a range that the API server takes cluster IPs from. */
import { z } from 'zod';
import { compareAddresses, contains, prefixLength } from '../net/address.ts';
import { cidr, clusterMetadata, oneOfEachFamily } from './fields.ts';

export type ServiceCIDR = Readonly<z.output<typeof serviceCIDRSchema>>;

const RANGES = 'a CIDR range, or one of each family';

/**
 * One that is being deleted counts until it is gone, as it does for kube-proxy v1.36: it is kept until no Service has an
 * address of it that no other range holds.
 */
export const serviceCIDRSchema = z
  .object({
    metadata: clusterMetadata,
    spec: z.object({
      cidrs: z
        .array(cidr, { error: RANGES })
        .refine((ranges) => ranges.length > 0 && oneOfEachFamily(ranges), { error: RANGES }),
    }),
  })
  .transform(({ metadata, spec }) => ({
    kind: 'ServiceCIDR' as const,
    name: metadata.name,
    cidrs: spec.cidrs,
  }));

/** Where a range begins. */
const first = (range: string) => range.slice(0, range.indexOf('/'));

/** All ranges of ServiceCIDRs, in order, without those that another one holds. */
export function rangesOf(serviceCIDRs: Iterable<{ readonly cidrs: readonly string[] }>): readonly string[] {
  const all = [...new Set(Array.from(serviceCIDRs, ({ cidrs }) => cidrs).flat())];
  return all
    .filter((range) => !all.some((other) => other !== range && holds(other, range)))
    .sort((a, b) => compareAddresses(first(a), first(b)));
}

function holds(outer: string, inner: string): boolean {
  return prefixLength(outer) <= prefixLength(inner) && contains(outer, first(inner));
}
