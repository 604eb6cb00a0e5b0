import type { Family } from '../net/address.ts';

/** Families as Kubernetes' API, and so kube-proxy's health answers and metrics, write them. */
export const IP_FAMILY = { ipv4: 'IPv4', ipv6: 'IPv6' } as const satisfies Record<Family, string>;
