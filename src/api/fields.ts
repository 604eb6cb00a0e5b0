/**
 * Schemas of single fields, each as strict as the API server (v1.36) is. What passes here may be written into a rule:
 * no name, address or protocol that these accept can hold a space, a quote, a newline or an option's dash in front.
 */
import { z } from 'zod';
import { familyOf, parseAddress, parseCIDR } from '../net/address.ts';
import { LAYOUT_CHOICE, LAYOUT_NAMES } from './layout-names.ts';
import { isMapping, show } from './problem.ts';

/**
 * Kubernetes writes an absent field as null at times; both mean the same. Most fields are absent, so that comes first: each
 * step that zod takes for a field costs as much as reading its text.
 */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional();
}

/** A list that may be absent or null, which both mean empty. */
export function list<Schema extends z.ZodType>(schema: Schema) {
  return z
    .array(schema)
    .nullable()
    .transform((value) => value ?? [])
    .default(() => []);
}

/** A whole number from `min` to `max`, both included. */
export function integer(min: number, max: number) {
  const error = `${min} to ${max}`;
  return z.number({ error }).refine((number) => isIntegerWithin(number, min, max), { error });
}

const isIntegerWithin = (number: number, min: number, max: number): boolean =>
  Number.isInteger(number) && number >= min && number <= max;

/** The highest number of a port. */
const LAST_PORT = 65535;

/** The number of a port that exists. */
export const portNumber = integer(1, LAST_PORT);

export const isPortNumber = (value: unknown): value is number =>
  typeof value === 'number' && isIntegerWithin(value, 1, LAST_PORT);

/** The number of a port, or 0 for none. */
export const portNumberOrZero = integer(0, LAST_PORT);

export const isPortNumberOrZero = (value: unknown): value is number => value === 0 || isPortNumber(value);

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const DNS_LABEL = 'a DNS label (1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends)';

export const isDNSLabel = (text: string): boolean => LABEL.test(text);

/** RFC 1123 label: the names of Services, namespaces and service ports. */
export const dnsLabel = z.string({ error: DNS_LABEL }).regex(LABEL, { error: DNS_LABEL });

/** The name of a port, or '' for none. */
export const portName = z
  .string({ error: DNS_LABEL })
  .refine((name) => name === '' || isDNSLabel(name), { error: DNS_LABEL });

const DNS_SUBDOMAIN =
  'a DNS subdomain (1 to 253 of a-z, 0-9, "-" and ".", with a letter or digit at both ends)';

export function isSubdomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text);
}

/** RFC 1123 subdomain: the names of EndpointSlices, Pods and Nodes. */
export const dnsSubdomain = z.string({ error: DNS_SUBDOMAIN }).refine(isSubdomain, { error: DNS_SUBDOMAIN });

/** The protocol of a port, by default TCP. */
export const protocol = optional(z.enum(['TCP', 'UDP', 'SCTP', ''])).transform(
  (protocol) => protocol || ('TCP' as const),
);

const anyAddress = z.string({ error: 'an IP address' });

/** An IP address of either family, made canonical. */
export const ipAddress = anyAddress.transform((text, context) => {
  const address = parseAddress(text);
  if (address === undefined) context.addIssue({ code: 'custom', message: 'an IP address', input: text });
  return address ?? '';
});

/** An IP address, or '' for none. */
export const ipAddressOrNone = z.union([z.literal(''), ipAddress], { error: 'an IP address' });

/** The IP address of a machine, a pod or a Service: none that means something else on every machine. */
export const unicastAddress = anyAddress.transform((text, context) => {
  const { address, expected } = parseUnicast(text);
  if (expected !== undefined) context.addIssue({ code: 'custom', message: expected, input: text });
  return address;
});

/** The canonical form of a machine's address, and what else was expected where the text is none. */
export function parseUnicast(text: string): { readonly address: string; readonly expected?: string } {
  const address = parseAddress(text);
  if (address === undefined) return { address: '', expected: 'an IP address' };
  const [kind] = SPECIAL_ADDRESSES.find(([, pattern]) => pattern.test(address)) ?? [];
  return kind === undefined ? { address } : { address, expected: `an IP address that is not ${kind}` };
}

/** What the API server's `ValidateNonSpecialIP` refuses, told by the canonical form. */
const SPECIAL_ADDRESSES = [
  ['unspecified', /^(0\.0\.0\.0|::)$/],
  ['loopback', /^(127\.|::1$)/],
  ['link-local', /^(169\.254\.|fe[89ab].:)/],
  ['link-local multicast', /^(224\.0\.0\.|ff.2:)/],
] as const;

/** A CIDR range of either family, made canonical; white space around it is let go, as kube-proxy does. */
export const cidr = z.string({ error: 'a CIDR range' }).transform((text, context) => {
  const range = parseCIDR(text.trim());
  if (range === undefined) {
    context.addIssue({ code: 'custom', message: 'a CIDR range such as 10.0.0.0/8', input: text });
  }
  return range ?? '';
});

const INTERFACE_NAME = 'the name of a network interface (1 to 15 of letters, digits, ".", "_" and "-")';

/**
 * The name of a network interface, or what it begins with; '' for none. As the kernel takes it (IFNAMSIZ), and without
 * what iptables needs quotes for or takes for an option.
 */
export const interfaceName = z
  .string({ error: INTERFACE_NAME })
  .refine((name) => name === '' || /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name), {
    error: INTERFACE_NAME,
  });

const LABEL_NAME = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)$/;

/** A name, with a DNS subdomain and a slash before it or not. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  return LABEL_NAME.test(key.slice(slash + 1)) && (slash < 0 || isSubdomain(key.slice(0, slash)));
}

/** The value of a label; it may be empty. */
export function isLabelValue(text: string): boolean {
  return text === '' || LABEL_NAME.test(text);
}

/** Labels. Not a `z.record`, which passes over `__proto__` in silence: a selector must not lose a key. */
export const givenLabels = z
  .custom<Record<string, unknown>>(isMapping, { error: 'a mapping', abort: false })
  .transform((labels, context): Record<string, string> => {
    const entries = Object.entries(labels).map(([key, value]): [string, string] => {
      const text = value ?? '';
      if (!isLabelKey(key)) {
        addSentence(
          context,
          [key],
          'expected a label (1 to 63 of A-Z, a-z, 0-9, "-", "_" and ".", or DNS subdomain/name)',
        );
      }
      if (typeof text !== 'string') {
        context.addIssue({ code: 'custom', path: [key], message: 'a string', input: value });
      } else if (!isLabelValue(text)) {
        const message =
          'the value of a label (up to 63 of A-Z, a-z, 0-9, "-", "_" and ".", with a letter or digit at both ends)';
        context.addIssue({ code: 'custom', path: [key], message, input: value });
      }
      return [key, String(text)];
    });
    return Object.fromEntries(entries);
  });

/** Labels or a selector, empty where absent. */
export const labels = givenLabels
  .nullable()
  .transform((labels): Record<string, string> => labels ?? {})
  .default(() => ({}));

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

/** What is known of a value some of whose fields are wrong, or missing where they must not: these are undefined. */
export type KnownPart<T> = T extends string | number | boolean | undefined
  ? T | undefined
  : T extends readonly (infer Item)[]
    ? readonly KnownPart<Item>[] | undefined
    : { readonly [Field in keyof T]: KnownPart<T[Field]> } | undefined;

/** What a rule between fields has to tell, and to ask. */
export interface Rules {
  /** Tells what is wrong with a field, as a sentence, unless something else is wrong with it. */
  complain(path: readonly (string | number)[], sentence: string): void;
  /** Whether something is wrong with a field, in it or around it, so that what it was meant to be is not known. */
  isWrong(path: readonly (string | number)[]): boolean;
}

/**
 * A schema with rules between its fields. They hold for what is known, whatever is wrong beside it, so that all that is
 * wrong is told at once: zod's own refinements wait until every field is right. A custom schema in it needs `abort: false`,
 * without which zod keeps the rules from being asked.
 */
export function withRules<Schema extends z.ZodType>(
  schema: Schema,
  check: (known: KnownPart<z.output<Schema>>, rules: Rules) => void,
) {
  return schema.superRefine(
    (value, context) => {
      const wrong = wrongFields(context.issues);
      check(knownPart(value, wrong) as KnownPart<z.output<Schema>>, {
        complain: (path, sentence) => {
          if (!fieldAt(wrong, path)?.itself) addSentence(context, path, sentence);
        },
        isWrong: (path) => isWrongAt(wrong, path),
      });
    },
    { when: () => true },
  );
}

/** Whether a value with nothing wrong in its fields meets the rules between them. */
export function meetsRules<T>(value: T, check: (known: KnownPart<T>, rules: Rules) => void): boolean {
  let met = true;
  const complain = () => {
    met = false;
  };
  check(value as KnownPart<T>, { complain, isWrong: () => false });
  return met;
}

/** A field that is wrong, or has something wrong in it. */
interface WrongField {
  itself: boolean;
  readonly inside: Map<PropertyKey, WrongField>;
}

function wrongFields(issues: readonly z.core.$ZodRawIssue[]): WrongField {
  const root: WrongField = { itself: false, inside: new Map() };
  for (const { code, path = [] } of issues) {
    // What an object has too much says nothing against the rest of it.
    if (code === 'unrecognized_keys') continue;
    let field = root;
    for (const part of path) {
      const inner = field.inside.get(part) ?? { itself: false, inside: new Map() };
      field.inside.set(part, inner);
      field = inner;
    }
    field.itself = true;
  }
  return root;
}

function fieldAt(root: WrongField, path: readonly PropertyKey[]): WrongField | undefined {
  return path.reduce<WrongField | undefined>((field, part) => field?.inside.get(part), root);
}

function isWrongAt(root: WrongField, path: readonly PropertyKey[]): boolean {
  let field: WrongField | undefined = root;
  for (const part of path) {
    if (field.itself) return true;
    field = field.inside.get(part);
    if (field === undefined) return false;
  }
  return true;
}

/** A value without what is wrong. */
function knownPart(value: unknown, wrong: WrongField | undefined): unknown {
  if (wrong === undefined || (!wrong.itself && wrong.inside.size === 0)) return value;
  if (wrong.itself || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return value.map((item, i) => knownPart(item, wrong.inside.get(i)));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, knownPart(inner, wrong.inside.get(key))]),
  );
}

/** Adds an issue whose message is a sentence of its own, instead of "expected ..., got ...". */
export function addSentence(
  context: z.core.$RefinementCtx,
  path: readonly (string | number)[],
  message: string,
): void {
  context.addIssue({ code: 'custom', path: [...path], message, params: { sentence: true } });
}

/** What is wrong with a name in a list that is there before. */
export function ownName(name: string): string {
  return `expected a unique name, got ${show(name)} again`;
}

/** Whether a list of one or two addresses has at most one of each family. */
export function oneOfEachFamily(addresses: readonly string[]): boolean {
  return new Set(addresses.map(familyOf)).size === addresses.length;
}

/** The name of a layout. */
export const layoutNameSchema = z.enum(LAYOUT_NAMES, { error: LAYOUT_CHOICE });
