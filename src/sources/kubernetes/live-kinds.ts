/** What a live cluster may be asked for, by commands that look at it once. */

/**
 * `Pod` only where somebody asks about Pods: a cluster has many. `ServiceCIDR` only where rules go by it: clusters before
 * Kubernetes 1.33 have none.
 */
export type LiveKind = 'Service' | 'EndpointSlice' | 'Node' | 'Pod' | 'ServiceCIDR';

/** Without these there are no rules. */
export const NEEDED: readonly LiveKind[] = ['Service', 'EndpointSlice', 'Node'];

/** With those whose names and addresses somebody may ask about. */
export const WITH_PODS: readonly LiveKind[] = [...NEEDED, 'Pod'];
