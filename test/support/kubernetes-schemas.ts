/**
 * What is wrong with a Kubernetes object: by the schemas of its API, as kubernetes-models has them, and by the fields
 * that there are, as the client library has them. An API server ignores fields that it does not know, and so do the
 * schemas; most such fields are misspelt.
 */
import * as client from '@kubernetes/client-node';
import { PodMonitor, PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { ClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import { ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import { Role } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import { RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { z } from 'zod';

const MODELS = [
  DaemonSet,
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  ConfigMap,
  ServiceAccount,
  NetworkPolicy,
  PodMonitor,
  PrometheusRule,
];

const typeMeta = z.looseObject({ apiVersion: z.string(), kind: z.string() });

/** The problems of an object of a kind that is listed here, each in a line. */
export function problemsOf(object: unknown): string[] {
  const { apiVersion, kind } = typeMeta.parse(object);
  const model = MODELS.find((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (model === undefined) return [`${apiVersion} ${kind}: not a kind that is deployed`];
  // Each model takes only what it is a model of, which is what is to be found out.
  const { validate } = model.prototype;
  return [...messagesOf(() => validate.call(object)), ...unknownFields(object, `V1${kind}`, kind)];
}

function messagesOf(validate: () => void): string[] {
  try {
    validate();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** A class of the client library. */
const modelSchema = z.custom<{ getAttributeTypeMap(): readonly { baseName: string; type: string }[] }>(
  (value) => typeof value === 'function' && 'getAttributeTypeMap' in value,
);

/** Of a value whose type is written as the client library writes it: `V1PodSpec`, `Array<V1Container>`, `string`. */
function unknownFields(value: unknown, type: string, path: string): string[] {
  const [name] = /\bV\d\w+/.exec(type) ?? [];
  const model = modelSchema.safeParse(Object.entries(client).find(([key]) => key === name)?.[1]);
  if (!model.success || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => unknownFields(item, name ?? '', `${path}[${i}]`));
  }
  const fields = new Map(model.data.getAttributeTypeMap().map((field) => [field.baseName, field.type]));
  return Object.entries(value).flatMap(([key, inner]) => {
    const innerType = fields.get(key);
    return innerType === undefined
      ? [`${path}.${key}: no such field`]
      : unknownFields(inner, innerType, `${path}.${key}`);
  });
}
