/** What lint has to say of an object. */
import type { Position } from './positions.ts';
import type { RuleCode } from './rules.ts';
import type { Severity } from './severity.ts';

export interface ObjectReference {
  readonly kind: string;
  /** Undefined for what is in no namespace. */
  readonly namespace?: string | undefined;
  /** Undefined where it has none, which is a mistake. */
  readonly name?: string | undefined;
}

export interface Finding {
  /** Stable: what it stands for does not change between versions. */
  readonly code: RuleCode;
  readonly severity: Severity;
  /** Undefined where it is about a text that holds no object, or about all of the input. */
  readonly object?: ObjectReference | undefined;
  /**
   * The field of the object, such as `spec.ports[0].nodePort`; it may be one that the manifest leaves out. Undefined where
   * it is about no single one.
   */
  readonly field?: string | undefined;
  /** What happens, and why: one sentence. */
  readonly cause: string;
  /** What to do about it: one sentence. */
  readonly remedy: string;
  /** File, document and item, where the object does not tell: one that cannot be read is not among the objects. */
  readonly place?: readonly string[];
  /** Where it is in the file, as far as that is known already. */
  readonly position?: Position | undefined;
}

/** A finding of an object that is read. */
export interface ObjectFinding extends Finding {
  readonly object: ObjectReference;
  readonly field: string;
}

/** A finding without what its rule says of all its findings. */
export type Found = Omit<ObjectFinding, 'severity' | 'remedy'>;

/** Where a finding stands: file, document and item; empty where that is not known. */
export type PlaceOf = (finding: Finding) => readonly string[];

/** `Service shop/web` */
export function objectName({ kind, namespace, name }: ObjectReference): string {
  // The one kind that has no metadata.
  if (kind === 'KubeProxyConfiguration') return kind;
  if (name === undefined) return `${kind} without a name`;
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** `Service shop/web, spec.ports[0]`, as far as a finding has them. */
export function subjectOf({ object, field }: Finding): string {
  return [object && objectName(object), field].filter((part) => part !== undefined).join(', ');
}

/** Everything that a finding says, for those who have one line for it. */
export function messageOf(finding: Finding): string {
  const subject = subjectOf(finding);
  return `${subject === '' ? '' : `${subject}: `}${finding.cause} ${finding.remedy}`;
}
