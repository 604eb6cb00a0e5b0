/** What service accounts may do, by the roles that are bound to them (RBAC). */
import { z } from 'zod';
import { type ObjectStore, objectSchema } from './object-store.ts';
import { type Resource, resourceOf } from './resources.ts';

export interface Access {
  readonly verb: string;
  readonly resource: Resource;
  readonly namespace: string | undefined;
}

const names = z.array(z.string());
const role = objectSchema.extend({
  rules: z.array(z.looseObject({ apiGroups: names, resources: names, verbs: names })),
});
const binding = objectSchema.extend({
  roleRef: z.looseObject({ kind: z.string(), name: z.string() }),
  subjects: z.array(z.looseObject({ kind: z.string(), name: z.string(), namespace: z.string() })),
});

const RBAC = 'rbac.authorization.k8s.io/v1';
const kind = (name: string) => resourceOf({ apiVersion: RBAC, kind: name });

/** What stands for a service account in its pods, and proves nothing. */
export const tokenOf = (namespace: string, name: string): string => `${namespace}:${name}`;

/** @param token of the service account that asks */
export function isAllowed(store: ObjectStore, token: string, { verb, resource, namespace }: Access): boolean {
  const bindings = [
    ...store.list(kind('ClusterRoleBinding')),
    ...(namespace === undefined ? [] : store.list(kind('RoleBinding'), namespace)),
  ].map((object) => binding.parse(object));
  return bindings
    .filter(({ subjects }) => subjects.some((subject) => tokenOf(subject.namespace, subject.name) === token))
    .flatMap(({ roleRef, metadata }) => {
      const found = store.get(
        kind(roleRef.kind),
        roleRef.kind === 'Role' ? metadata.namespace : undefined,
        roleRef.name,
      );
      return found ? role.parse(found).rules : [];
    })
    .some(
      ({ apiGroups, resources, verbs }) =>
        apiGroups.includes(resource.group) && resources.includes(resource.plural) && verbs.includes(verb),
    );
}
