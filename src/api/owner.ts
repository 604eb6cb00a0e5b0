/** Who made an object: the controller among its owner references. */
import { z } from 'zod';
import { list, optional } from './fields.ts';

export interface Owner {
  readonly kind: string;
  readonly name: string;
}

export const ownerReferences = list(
  z.object({ kind: z.string(), name: z.string(), controller: optional(z.boolean()) }),
);

/** The controller that made an object, in its own namespace; undefined where nobody but a user did. */
export function controllerOf(references: z.output<typeof ownerReferences>): Owner | undefined {
  const owner = references.find(({ controller }) => controller);
  return owner && { kind: owner.kind, name: owner.name };
}
