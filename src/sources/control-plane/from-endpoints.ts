/** What the EndpointSlice mirroring controller does: the older `v1` Endpoints as EndpointSlices. */
import type { EndpointSlice, Endpoints, SliceEndpoint } from '../../api/endpoint-slice.ts';
import { FAMILIES, familyOf } from '../../net/address.ts';

/** The slices of an Endpoints object: one for each subset and family. */
export function slicesFromEndpoints(endpoints: Endpoints): EndpointSlice[] {
  if (endpoints.otherProxy) return [];
  return endpoints.subsets.flatMap(({ addresses, notReadyAddresses, ports }, i) => {
    const all = [...addresses.map(toEndpoint(true)), ...notReadyAddresses.map(toEndpoint(false))];
    return FAMILIES.map((family) => ({
      kind: 'EndpointSlice' as const,
      namespace: endpoints.namespace,
      name: `${endpoints.name}-${i}-${family}`,
      serviceName: endpoints.name,
      family,
      endpoints: all.filter(({ address }) => familyOf(address) === family),
      ports,
    }));
  });
}

function toEndpoint(ready: boolean) {
  return ({ address, nodeName }: { address: string; nodeName: string | undefined }): SliceEndpoint => ({
    address,
    ready,
    serving: ready,
    terminating: false,
    nodeName,
    zone: undefined,
    region: undefined,
    forZones: [],
    forNodes: [],
  });
}
