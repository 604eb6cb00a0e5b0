/** The labels of Services, which decide no rule: read only where somebody chooses Services by them. */
import { z } from 'zod';
import { parseDocuments } from './documents.ts';
import type { SourceText } from './source-text.ts';

const listSchema = z.object({ items: z.array(z.unknown()) });
const serviceSchema = z.object({
  kind: z.literal('Service').optional(),
  metadata: z.object({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
});

/** The labels of each Service in some texts that are good otherwise, by `namespace/name`. */
export function labelsOfServices(
  sources: readonly SourceText[],
): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const found = new Map<string, Readonly<Record<string, string>>>();
  const visit = (value: unknown, kind: unknown): void => {
    const list = listSchema.safeParse(value).data;
    if (list) {
      // Items of a ServiceList do not say what they are.
      const ofItems = kindOf(value) === 'ServiceList' ? 'Service' : undefined;
      for (const item of list.items) visit(item, ofItems);
      return;
    }
    if ((kindOf(value) ?? kind) !== 'Service') return;
    const service = serviceSchema.safeParse(value).data;
    if (!service) return;
    const { name, namespace = 'default', labels } = service.metadata;
    found.set(`${namespace || 'default'}/${name}`, labels ?? {});
  };
  for (const source of sources) {
    for (const { value } of parseDocuments(source).documents) visit(value, undefined);
  }
  return found;
}

function kindOf(value: unknown): unknown {
  return z.object({ kind: z.string() }).safeParse(value).data?.kind;
}
