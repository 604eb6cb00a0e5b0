/** What lint has to say of an object. */
import type { RuleCode } from './rules.ts';
import type { Severity } from './severity.ts';

export interface ObjectReference {
  readonly kind: 'Service' | 'EndpointSlice';
  readonly namespace: string;
  readonly name: string;
}

export interface Finding {
  /** Stable: what it stands for does not change between versions. */
  readonly code: RuleCode;
  readonly severity: Severity;
  readonly object: ObjectReference;
  /** The field of the object, such as `spec.ports[0].nodePort`; it may be one that the manifest leaves out. */
  readonly field: string;
  /** What happens, and why: one sentence. */
  readonly cause: string;
  /** What to do about it: one sentence. */
  readonly remedy: string;
}

/** A finding without what its rule says of all its findings. */
export type Found = Omit<Finding, 'severity' | 'remedy'>;

/** `Service shop/web` */
export function objectName({ kind, namespace, name }: ObjectReference): string {
  return `${kind} ${namespace}/${name}`;
}
