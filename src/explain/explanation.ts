/** What is found out of a Service, before it is printed. */
import type { EndpointSlice } from '../api/endpoint-slice.ts';
import type { Service } from '../api/service.ts';
import type { ExplainedPort } from './explain.ts';

/** What there is to say of a Service. */
export interface Explanation {
  /** `namespace/name` */
  readonly name: string;
  /** Undefined where only rules are known. */
  readonly service: Service | undefined;
  readonly nodeName: string;
  readonly ports: readonly ExplainedPort[];
  /** The EndpointSlices that name it, and that kube-proxy passes over. */
  readonly skippedSlices: readonly EndpointSlice[];
  /** Why there are no rules for it. */
  readonly none: string | undefined;
}
