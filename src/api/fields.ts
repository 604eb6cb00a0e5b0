/**
 * Schemas of single fields, each as strict as the API server (v1.36) is. What passes here may be written into a rule:
 * no name, address or protocol that these accept can hold a space, a quote, a newline or an option's dash in front.
 */
import { z } from 'zod';
import { familyOf, parseAddress, parseCIDR } from '../net/address.ts';

/** Kubernetes writes an absent field as null at times; both mean the same. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A list that may be absent or null, which both mean empty. */
export function list<Schema extends z.ZodType>(schema: Schema) {
  return z
    .array(schema)
    .nullish()
    .transform((value) => value ?? []);
}

/** A whole number from `min` to `max`, both included. */
export function integer(min: number, max: number) {
  const error = `${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** The number of a port that exists. */
export const portNumber = integer(1, 65535);

/** The number of a port, or 0 for none. */
export const portNumberOrZero = integer(0, 65535);

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const DNS_LABEL = 'a DNS label (1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends)';

/** RFC 1123 label: the names of Services, namespaces and service ports. */
export const dnsLabel = z.string({ error: DNS_LABEL }).regex(LABEL, { error: DNS_LABEL });

/** The name of a port, or '' for none. */
export const portName = z
  .string({ error: DNS_LABEL })
  .refine((name) => name === '' || LABEL.test(name), { error: DNS_LABEL });

const DNS_SUBDOMAIN =
  'a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends)';

/** RFC 1123 subdomain: the names of EndpointSlices, Pods and Nodes. */
export const dnsSubdomain = z
  .string({ error: DNS_SUBDOMAIN })
  .max(253, { error: DNS_SUBDOMAIN })
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, { error: DNS_SUBDOMAIN });

export const protocol = z.enum(['TCP', 'UDP', 'SCTP']);

/** An IP address of either family, made canonical. */
export const ipAddress = z.string({ error: 'an IP address' }).transform((text, context) => {
  const address = parseAddress(text);
  if (address === undefined) context.addIssue({ code: 'custom', message: 'an IP address', input: text });
  return address ?? '';
});

/** A CIDR range of either family, made canonical; white space around it is let go, as kube-proxy does. */
export const cidr = z.string({ error: 'a CIDR range' }).transform((text, context) => {
  const range = parseCIDR(text.trim());
  if (range === undefined) {
    context.addIssue({ code: 'custom', message: 'a CIDR range such as 10.0.0.0/8', input: text });
  }
  return range ?? '';
});

const INTERFACE_NAME = 'the name of a network interface (1 to 15 of letters, digits, ".", "_" and "-")';

/** The name of a network interface, as the kernel takes it (IFNAMSIZ) and iptables needs no quotes for. */
export const interfaceName = z
  .string({ error: INTERFACE_NAME })
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/, { error: INTERFACE_NAME });

/** A mapping of strings, such as labels or a selector. */
export const stringMap = z.record(z.string(), z.string());

const labels = optional(stringMap).transform((labels) => labels ?? {});

/** What is used of the metadata of an object without a namespace. */
export const clusterMetadata = z.object({ name: dnsSubdomain, labels });

/** What is used of the metadata of an object in a namespace, by default in `default`. */
export const namespacedMetadata = z.object({
  name: dnsSubdomain,
  namespace: optional(z.union([z.literal(''), dnsLabel], { error: DNS_LABEL })).transform(
    (name) => name || 'default',
  ),
  labels,
});

/** Adds an issue whose message is a sentence of its own, instead of "expected ..., got ...". */
export function addSentence(
  context: z.core.$RefinementCtx,
  path: (string | number)[],
  message: string,
): void {
  context.addIssue({ code: 'custom', path, message, params: { sentence: true } });
}

/** Whether a list of one or two addresses has at most one of each family. */
export function oneOfEachFamily(addresses: readonly string[]): boolean {
  return new Set(addresses.map(familyOf)).size === addresses.length;
}
